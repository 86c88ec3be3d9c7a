import { errorMessage } from '@collab/core'
import { askRunning } from '../control-client.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { examineFolder } from './examine-folder.js'
import { examineHome, examineSpace, examineWatches } from './examine-machine.js'
import { examineStore } from './examine-store.js'
import { examineStatus, examineVoids, examineClock } from './examine-workspace.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

/** Every check of one joined folder or held workspace; one that cannot be made is a finding too. */
export async function examine(record: StoreRecord, system: System): Promise<readonly Finding[]> {
  const directory = system.home.storeDirectory(record.id)
  const running = await askRunning(directory, { ask: 'status' })
  const findings: Finding[] = [running === undefined ? ok('process', 'none is running') : ok('process', 'running')]
  const attempt = async (check: string, examine: () => readonly Finding[] | Promise<readonly Finding[]>): Promise<void> => {
    try {
      findings.push(...(await examine()))
    } catch (error) {
      findings.push(fail(check, errorMessage(error), 'mend that and run collab doctor again'))
    }
  }
  await attempt('store', async () => (running === undefined ? await examineStore(directory) : [ok('store', 'in use; each row is checked when it is read')]))
  if (record.folder !== undefined) await attempt('folder', () => examineFolder(record, system))
  if (running !== undefined) await attempt('status', () => examineStatus(running))
  else findings.push(warn('network', 'nothing can be said while no process runs', 'start it with collab join'))
  await attempt('changes', async () => await examineVoids(record, system))
  await attempt('clock', async () => await examineClock(record, system))
  await attempt('home', () => examineHome(system.home.directory))
  await attempt('space', () => examineSpace([system.home.directory, ...(record.folder === undefined ? [] : [record.folder])]))
  if (record.folder !== undefined) await attempt('watches', () => examineWatches(record.folder ?? ''))
  return findings
}
