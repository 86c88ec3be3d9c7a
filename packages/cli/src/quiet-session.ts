import type { AnswerParts } from './answers.js'
import { FailureError } from './cli-error.js'
import { machineId } from './machine-id.js'
import { defaultName } from './run-session.js'
import { openSession } from './session.js'
import type { StoreRecord } from './store-record.js'
import type { System } from './system.js'
import { keysOfRecord } from './topic.js'

/** Runs `job` on a joined folder that no process syncs, without a network: peers get what it did at the next join. */
export async function withQuietSession<T>(record: StoreRecord, { home }: System, job: (parts: AnswerParts) => Promise<T>): Promise<T> {
  const keys = keysOfRecord(record)
  if (keys === undefined) throw new FailureError(`what is known of store ${record.id} is damaged; join the folder again with its link`)
  let failure: FailureError | undefined
  const session = await openSession({
    storeId: record.id,
    storeDirectory: home.storeDirectory(record.id),
    keys,
    ...(record.folder !== undefined && { folder: record.folder }),
    name: defaultName(),
    machine: machineId(home.directory),
    tell: () => undefined,
    end: (error) => (failure ??= error)
  })
  try {
    const { workspace, sync, fs } = session
    const folder = sync === undefined || fs === undefined ? undefined : { sync, fs }
    const result = await job({ workspace, folder, end: () => undefined })
    if (failure !== undefined) throw failure
    return result
  } finally {
    await session.stop()
  }
}
