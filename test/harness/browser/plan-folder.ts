import { writeFileSync } from 'node:fs'
import type { CliProcess, TestArea } from '../cli-process.js'
import { freePort } from '../folder-peer.js'

/** A folder with one file that a process syncs, listening for the WebSockets of tabs. */
export interface PlanFolder {
  /** Of its file `plan.md`, which says "the plan". */
  readonly path: string
  /** Where tabs dial it; the same after `join`. */
  readonly address: string
  readonly process: CliProcess
  /** Joins once more, after the process before has ended. */
  join(): Promise<CliProcess>
}

export async function planFolder(area: TestArea, link: string): Promise<PlanFolder> {
  const path = `${area.folder('notes')}/plan.md`
  writeFileSync(path, 'the plan\n')
  const listen = ['--listen', `/ip4/127.0.0.1/tcp/${await freePort()}/ws`]
  const join = async (): Promise<CliProcess> => await area.join(link, 'notes', listen)
  const process = await join()
  const [address = ''] = ((await process.event('listening'))['addresses'] as readonly string[]).filter((one) => one.includes('/ws/'))
  return { path, address, process, join }
}
