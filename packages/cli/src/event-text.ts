import type { ChangeEvent, CollabEvent, StoppedEvent } from './json-events.js'
import { count, shortPeer } from './format.js'
import type { Paint } from './format.js'
import { show } from './show.js'

/** Warnings of a path that is also told, with the same reason, as one that is not synced. */
const TOLD_AS_SKIPPED: ReadonlySet<string> = new Set(['blocked', 'directory-kept'])

/** One line for an event, safe to print; undefined for what only a live display or a script wants. */
export function eventText(event: CollabEvent, paint: Paint): string | undefined {
  switch (event.type) {
    case 'listening':
      return event.addresses.map((address) => `listening on ${show(address)}`).join('\n')
    case 'peer':
      return peerText(event)
    case 'synced':
      return paint.green(`in sync with ${count(event.peers, 'peer')}, ${count(event.files, 'file')}`)
    case 'change':
      return changeText(event)
    case 'conflict':
      return paint.yellow(`both versions kept: ${show(event.path)} and ${show(event.other)}`)
    case 'skipped':
      return paint.dim(`not synced: ${show(event.path)} (${show(event.reason)})`)
    case 'guard':
      return paint.red(`stopped, waits for confirmation: ${show(event.message)}`)
    case 'warning':
      return TOLD_AS_SKIPPED.has(event.code) ? undefined : paint.yellow(`note: ${show(event.message)}`)
    case 'plan':
      return `${event.action.padEnd(14)} ${show(event.path)}${event.reason === undefined ? '' : paint.dim(` (${show(event.reason)})`)}`
    case 'stopped':
      return stoppedText(event)
    case 'started':
    case 'progress':
      return undefined
  }
}

/** What is saved, what is not done yet, and whether the peers have it. */
function stoppedText({ peers, complete = 0, waiting = 0, fetching = 0, serving = 0, confirm = false }: StoppedEvent): string | undefined {
  if (peers === undefined) return undefined
  const parts = [waiting === 0 ? 'all is saved here' : 'what just changed in the folder is taken up at the next start, all else is saved here']
  if (confirm) parts.push('what waits for confirmation still does')
  if (fetching > 0) parts.push(`${count(fetching, 'file')} still to be fetched`)
  parts.push(heldByText(peers, complete))
  if (serving > 0) parts.push(`${count(serving, 'file')} still to be fetched from here`)
  return `stopped: ${parts.join('; ')}`
}

function heldByText(peers: number, complete: number): string {
  if (peers === 0) return 'no peer is connected, what they lack goes out at the next start'
  if (complete < peers) return `${complete} of ${count(peers, 'peer')} ${complete === 1 ? 'has' : 'have'} every edit, the rest goes out at the next start`
  return `${count(peers, 'peer')} ${peers === 1 ? 'has' : 'have'} every edit`
}

function peerText({ state, peer, name, reason, address }: Extract<CollabEvent, { type: 'peer' }>): string {
  if (state === 'named') return `peer ${shortPeer(show(peer))} is ${show(name ?? '')}`
  const who = name === undefined ? shortPeer(show(peer)) : `${show(name)} (${shortPeer(show(peer))})`
  const at = address === undefined ? '' : ` at ${show(address)}`
  return `peer ${who} ${state}${at}${reason === undefined || reason === '' ? '' : `: ${show(reason)}`}`
}

const WORDS = { created: 'created', edited: 'edited', deleted: 'deleted', moved: 'moved', mode: 'made executable or not' } as const

export function changeText({ path, what, from, was, by }: ChangeEvent): string {
  const arrow = from === 'disk' ? '↑' : '↓'
  const moved = was === undefined ? '' : ` from ${show(was)}`
  return `${arrow} ${WORDS[what]} ${show(path)}${moved}${by === undefined ? '' : ` by ${show(by)}`}`
}
