import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStoreOrSetAside, openWorkspace } from '@collab/core'
import type { Workspace } from '@collab/core'
import { FailureError } from './cli-error.js'
import { copyStore } from './copy-store.js'
import type { StoreRecord } from './store-record.js'
import type { System } from './system.js'
import { keysOfRecord } from './topic.js'

/** Opens a copy of a store that no process uses: taking up the real one would count as a run of it. */
export async function readStore<T>(record: StoreRecord, { home }: System, job: (workspace: Workspace) => Promise<T>): Promise<T> {
  const keys = keysOfRecord(record)
  if (keys === undefined) throw new FailureError(`what is known of store ${record.id} is damaged; join the folder again with its link`)
  const temporary = mkdtempSync(join(tmpdir(), 'collab-read-'))
  try {
    await copyStore(home.storeDirectory(record.id), temporary, record.folder)
    const { store } = openStoreOrSetAside({ path: join(temporary, 'store.sqlite') })
    const workspace = await openWorkspace({ keys, store, name: 'reader', machine: 'reader' })
    try {
      return await job(workspace)
    } finally {
      await workspace.stop()
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}
