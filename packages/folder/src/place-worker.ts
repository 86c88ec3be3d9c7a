import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '@collab/core'
import type { PlaceItem, ReplaceResult } from './folder-fs.js'
import { placeMany } from './place-many.js'
import { Spelling } from './spelling.js'
import { Trash } from './trash.js'

/** What the thread is told when it starts. */
export interface PlaceInit {
  readonly root: string
  readonly newFileMode: number
}

export interface PlaceJob {
  readonly id: number
  /** Their paths are as the disk spells them. */
  readonly items: readonly PlaceItem[]
}

export interface PlaceAnswer {
  readonly id: number
  /** In the order of the items. */
  readonly results: readonly ReplaceResult[]
}

const { root, newFileMode } = workerData as PlaceInit
const context = { root, newFileMode, clock: systemClock, spelling: new Spelling(), trash: new Trash(root, systemClock) }

async function place({ id, items }: PlaceJob): Promise<void> {
  parentPort?.postMessage({ id, results: await placeMany(context, items) } satisfies PlaceAnswer)
}

parentPort?.on('message', (job: PlaceJob) => void place(job))
