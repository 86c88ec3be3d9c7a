import type { HistoryItem, VoidChange, Workspace } from '@collab/core'
import { askRunning } from '../control-client.js'
import type { StatusAnswer } from '../control-protocol.js'
import { count, dateTime } from '../format.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

/** Findings of one kind that are told one by one. */
const SHOWN = 20
/** Clocks of honest machines differ by less. */
const CLOCK_SKEW_MS = 5 * 60_000
const RECENT = 200

/** What a running process says of itself: addresses, peers, what is not synced, what waits. */
export function examineStatus({ workspace, folder }: StatusAnswer): readonly Finding[] {
  const { listening, peers, forks } = workspace
  const isLocal = listening.every((address) => /^\/ip[46]\/(?:127\.|::1)/.test(address))
  const findings: Finding[] = []
  if (listening.length === 0) findings.push(warn('network', 'listens nowhere', 'others cannot dial this machine; check --listen'))
  else if (isLocal) findings.push(warn('network', `listens only on this machine (${listening[0] ?? ''})`, 'leave --listen out, or give an address that others reach'))
  else findings.push(ok('network', `listens on ${listening.find((address) => !/^\/ip[46]\/(?:127\.|::1)/.test(address)) ?? ''}`))
  if (peers.length === 0) findings.push(warn('peers', 'none is connected', 'start one on the same network, or give --peer with an address that it prints'))
  else findings.push(ok('peers', `${count(peers.length, 'peer')} connected, ${peers.filter(({ synced }) => synced).length} in sync`))
  if (forks > 0) findings.push(warn('forks', `${count(forks, 'log')} with two continuations; both are kept`, 'a store was copied or restored while it was in use; give each machine its own'))
  if (folder?.guard !== undefined) for (const line of folder.guard.split('\n')) findings.push(fail('guard', line, 'nothing of it goes on until then'))
  return [...findings, ...skippedFindings(folder?.skipped ?? [])]
}

function skippedFindings(skipped: readonly { readonly path: string; readonly reason: string }[]): readonly Finding[] {
  if (skipped.length === 0) return [ok('skipped', 'every file is synced')]
  const shown = skipped.slice(0, SHOWN).map(({ path, reason }) => warn('skipped', path, reason))
  return skipped.length <= SHOWN ? shown : [...shown, warn('skipped', `and ${count(skipped.length - SHOWN, 'other')}`, 'collab status lists them all')]
}

/** Changes that broke the rules, and whose they are. */
export async function examineVoids(record: StoreRecord, system: System): Promise<readonly Finding[]> {
  const voids = (await askRunning(system.home.storeDirectory(record.id), { ask: 'voids' })) ?? (await fromStore(record, system, (workspace) => workspace.voids()))
  if (voids.length === 0) return [ok('changes', 'all keep the rules')]
  const shown = voids.slice(0, SHOWN).map((item) => warn('changes', describeVoid(item), 'it is not applied anywhere; its author should update the program'))
  return voids.length <= SHOWN ? shown : [...shown, warn('changes', `and ${count(voids.length - SHOWN, 'other')}`, 'collab doctor --json gives all')]
}

function describeVoid({ author, name, entry, reason }: VoidChange): string {
  return `a change of ${name ?? author.slice(0, 8)} (entry ${entry.slice(0, 10)}) is void: ${reason}`
}

/** Entries from the future show that a clock is wrong: this machine's or an author's. */
export async function examineClock(record: StoreRecord, system: System): Promise<readonly Finding[]> {
  const options = { limit: RECENT }
  const items = (await askRunning(system.home.storeDirectory(record.id), { ask: 'log', ...options })) ?? (await fromStore(record, system, (workspace) => workspace.history(options)))
  const latest = items.reduce<HistoryItem | undefined>((best, item) => (best === undefined || item.time > best.time ? item : best), undefined)
  if (latest === undefined || latest.time <= Date.now() + CLOCK_SKEW_MS) return [ok('clock', `no change is from the future (it is ${dateTime(Date.now())} here)`)]
  const whose = latest.name ?? latest.author.slice(0, 8)
  return [warn('clock', `a change of ${whose} claims to be from ${dateTime(latest.time)}`, 'set the clock of that machine, or of this one; nothing is lost, but times in collab log and --at are wrong')]
}

async function fromStore<T>(record: StoreRecord, system: System, job: (workspace: Workspace) => Promise<T>): Promise<T> {
  const { readStore } = await import('../read-store.js')
  return await readStore(record, system, job)
}
