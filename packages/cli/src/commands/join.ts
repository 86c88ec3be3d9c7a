import { shareAs } from '@collab/core'
import type { WorkspaceKeys } from '@collab/core'
import type { Request } from '../args.js'
import { FailureError, UsageError } from '../cli-error.js'
import type { ExitCode } from '../exit-code.js'
import { lookAtFolder, makeFolder } from '../folder-facts.js'
import { newStoreId } from '../home.js'
import type { Home } from '../home.js'
import type { WarningEvent } from '../json-events.js'
import { checkAddresses } from '../network-options.js'
import { choosePlace } from '../place.js'
import { readLine } from '../read-line.js'
import { runSession } from '../run-session.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { resolveTopic, strongerLink } from '../topic.js'
import type { ResolvedTopic } from '../topic.js'
import { dryRun } from './dry-run.js'

export type JoinRequest = Extract<Request, { command: 'join' }>

/** Longer than the longest link. */
const MAX_SECRET_CHARS = 32_768

/** Joins a topic and keeps a folder in sync until stopped. */
export async function join(request: JoinRequest, system: System): Promise<ExitCode> {
  checkAddresses(request)
  const text = request.topic === '-' ? await readSecret(system) : request.topic
  const topic = await resolveTopic(text, system.home.records())
  const keys = rightsFor(topic.keys, request)
  if (request.dryRun) return await dryRun({ request, system, topic, keys })
  system.home.prepare()
  const { record, folder, notices } = system.home.locked(() => takePlace(request.folder, topic, system))
  return await runSession({
    system,
    options: request,
    storeId: record.id,
    keys,
    folder,
    topic: topicTitle(topic),
    addresses: topic.addresses,
    notices
  })
}

/** The first line of standard input: a secret that is not to be in the list of processes. */
export async function readSecret({ stdin }: System): Promise<string> {
  const line = await readLine(stdin, MAX_SECRET_CHARS)
  if (line === undefined || line.trim() === '') throw new UsageError('no link or name came on standard input; give it as the first line')
  return line
}

export function topicTitle({ name, keys }: ResolvedTopic): string {
  return name ?? `workspace ${keys.id.slice(0, 8)}`
}

function rightsFor(keys: WorkspaceKeys, { readOnly }: JoinRequest): WorkspaceKeys {
  if (keys.rights === 'blind') {
    throw new FailureError('a blind link cannot be read, so there is nothing to put into a folder; use collab hold, or ask for a read link')
  }
  return readOnly ? shareAs(keys, 'read') : keys
}

interface Taken {
  readonly record: StoreRecord
  readonly folder: string
  readonly notices: readonly WarningEvent[]
}

/** Settles which store the folder has, and records it; what is told only once is marked as told. */
function takePlace(typed: string, topic: ResolvedTopic, { cwd, home }: System): Taken {
  const records = home.records()
  const facts = lookAtFolder(typed, cwd, records)
  const { store, detach, notice } = choosePlace(facts, topic.keys.id, records)
  makeFolder(facts.folder)
  detachAll(home, detach)
  const isNewWarning = topic.isGuessable && store?.warned !== true
  const name = topic.name ?? store?.topic
  const record: StoreRecord = {
    version: 1,
    id: store?.id ?? newStoreId(),
    workspace: topic.keys.id,
    link: strongerLink(topic.keys, store),
    folder: facts.folder,
    ...(name !== undefined && { topic: name }),
    ...((isNewWarning || store?.warned === true) && { warned: true })
  }
  home.write(record)
  const notices = [notice, isNewWarning ? guessable(topic.name ?? '') : undefined].filter((notice) => notice !== undefined)
  return { record, folder: facts.folder, notices: notices.map((notice) => ({ type: 'warning', ...notice })) }
}

function detachAll(home: Home, records: readonly StoreRecord[]): void {
  for (const { folder: _, ...rest } of records) home.write(rest)
}

function guessable(name: string): { code: string; message: string } {
  const message = `anyone who guesses the name "${name}" can read and write; collab new makes a link that cannot be guessed`
  return { code: 'guessable-name', message }
}
