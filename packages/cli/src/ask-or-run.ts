import { answer } from './answers.js'
import { askRunning } from './control-client.js'
import type { ControlAnswers, ControlRequest } from './control-protocol.js'
import type { StoreRecord } from './store-record.js'
import type { System } from './system.js'

/** The answer of the running process; without one, of the folder itself, opened for the moment. */
export async function askOrRun<Ask extends ControlRequest>(request: Ask, record: StoreRecord, system: System): Promise<ControlAnswers[Ask['ask']]> {
  const running = await askRunning(system.home.storeDirectory(record.id), request)
  if (running !== undefined) return running
  const { withQuietSession } = await import('./quiet-session.js')
  return (await withQuietSession(record, system, (parts) => answer(request, parts))) as ControlAnswers[Ask['ask']]
}
