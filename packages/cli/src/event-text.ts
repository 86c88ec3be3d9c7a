import type { ChangeEvent, CollabEvent } from './json-events.js'
import { count, shortPeer } from './format.js'
import type { Paint } from './format.js'
import { show } from './show.js'

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
      return paint.yellow(`note: ${show(event.message)}`)
    case 'plan':
      return `${event.action.padEnd(14)} ${show(event.path)}${event.reason === undefined ? '' : paint.dim(` (${show(event.reason)})`)}`
    case 'started':
    case 'progress':
    case 'stopped':
      return undefined
  }
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
