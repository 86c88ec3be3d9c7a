import { describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import { silentLogger } from '../base/log.js'
import type { WorkspaceKeys } from '../keys/workspace-keys.js'
import { shareAs } from '../keys/workspace-keys.js'
import { leaseClient } from '../doc/client-lease.js'
import { appDocumentId } from '../doc/node-id.js'
import { peerOfKey } from '../net/peer-key.js'
import { newAuthor } from './identity.js'
import type { Author } from './identity.js'
import { Presence } from './presence.js'
import type { Participant } from './presence.js'
import { encodePresence } from './presence-message.js'
import type { PresenceState } from './presence-message.js'
import { crypto, keys } from './test-replicas.js'

const BOARD = appDocumentId(crypto, 'board')
const context = { crypto, workspace: keys.id }

/** Time that moves when it is told to. */
class TestClock implements Clock {
  #now = 1_700_000_000_000
  #timers: { at: number; run: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#now
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run }
    this.#timers.push(timer)
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer))
  }

  soon(run: () => void): () => void {
    return this.after(0, run)
  }

  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at)[0]
      if (next === undefined) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#now = Math.max(this.#now, next.at)
      next.run()
    }
    this.#now = end
  }
}

const clock = new TestClock()

/** One peer: its keys, its presence, one participant, and what it sent. */
class Member implements Participant {
  readonly doc = BOARD
  readonly author: Author = newAuthor(crypto)
  readonly signer = crypto.signer(crypto.randomBytes(32))
  readonly peer = peerOfKey(this.signer.publicKey)
  readonly lease = leaseClient(crypto, this.author.id, BOARD)
  readonly sent: Uint8Array[] = []
  readonly seen = new Map<number, string | null>()
  readonly presence: Presence
  readonly named: string[] = []
  state: PresenceState | undefined

  constructor(name: string, rights: WorkspaceKeys['rights'] = 'write') {
    this.presence = new Presence({
      crypto,
      clock,
      logger: silentLogger,
      keys: shareAs(keys, rights),
      name,
      peer: this.signer,
      author: () => (rights === 'write' ? this.author : undefined),
      isMember: () => true,
      publish: (data) => this.sent.push(data),
      onName: (peer) => this.named.push(peer)
    })
    this.presence.attach(this)
    clock.pass(1000)
    this.sent.length = 0
  }

  local(): PresenceState | undefined {
    return this.state
  }

  show(states: readonly PresenceState[]): void {
    for (const { client, state } of states) this.seen.set(client, state)
  }

  /** Shows `state` and gives the message that says so. */
  say(state: string | null, changes: Partial<PresenceState> = {}): Uint8Array {
    const { client, nonce } = this.lease
    this.state = { doc: BOARD, client, nonce, clock: (this.state?.clock ?? 0) + 1, state, ...changes }
    this.presence.changed()
    clock.pass(1000)
    return this.sent.at(-1) ?? new Uint8Array()
  }
}

describe('presence', () => {
  it('[PRES1] shows members what a peer shows of itself, by whom, and what it takes back', () => {
    const [ann, bob] = [new Member('Ann'), new Member('Bob')]
    expect(bob.presence.gossip('x', ann.say('{"cursor":1}'))).toBe('accept')
    expect(bob.seen.get(ann.lease.client)).toBe('{"cursor":1}')
    expect(bob.presence.memberOf(BOARD, ann.lease.client)).toEqual({ peer: ann.peer, author: ann.author.id, name: 'Ann' })
    expect([bob.presence.nameOf(ann.peer), bob.named]).toEqual(['Ann', [ann.peer]])
    bob.presence.gossip('x', ann.say(null))
    expect(bob.seen.get(ann.lease.client)).toBeNull()
  })

  it('[PRES2] lets nobody speak as another peer, another author or under the client id of another', () => {
    const [ann, bob, eve] = [new Member('Ann'), new Member('Bob'), new Member('Eve')]
    const said = ann.say('{"cursor":1}')
    for (let at = 2; at < said.length; at += 7) {
      const forged = said.slice()
      forged[at] = (forged[at] ?? 0) ^ 1
      expect(bob.presence.gossip('x', forged)).not.toBe('accept')
    }
    const own = ann.say('{"cursor":1}', { client: ann.lease.client })
    bob.presence.gossip('x', own)
    bob.presence.gossip('x', eve.say('{"fake":1}', { client: ann.lease.client, nonce: ann.lease.nonce }))
    bob.presence.gossip('x', eve.say('{"fake":1}', { client: ann.lease.client, nonce: null }))
    expect(bob.seen.get(ann.lease.client)).toBe('{"cursor":1}')
    // An author's signature for one peer is worth nothing for another.
    const stolen = { author: ann.author.id, name: 'Ann', states: [] }
    const vouched = { publicKey: ann.author.signer.publicKey, sign: (message: Uint8Array) => eve.author.signer.sign(message) }
    bob.presence.gossip('x', encodePresence(context, { readKey: keys.readKey, peer: eve.signer, author: vouched, counter: clock.now() + 5000, note: stolen }))
    expect(bob.presence.nameOf(eve.peer)).toBe('Eve')
  })

  it('[PRES3] is passed on by a blind peer that cannot read it', () => {
    const [ann, blind, bob] = [new Member('Pomegranate'), new Member('Blind', 'blind'), new Member('Bob')]
    const said = ann.say('{"cursor":"Klabautermann"}')
    expect(blind.presence.gossip('x', said)).toBe('accept')
    expect([blind.presence.nameOf(ann.peer), blind.seen.size, blind.sent.length]).toEqual([undefined, 0, 0])
    for (const word of ['Pomegranate', 'Klabautermann', 'cursor']) expect(toHex(said)).not.toContain(toHex(new TextEncoder().encode(word)))
    expect(bob.presence.gossip('blind', said)).toBe('accept')
  })

  it('[PRES4] counts a message once, and none that is old or from another time', () => {
    const [ann, bob] = [new Member('Ann'), new Member('Bob')]
    const first = ann.say('{"cursor":1}')
    const second = ann.say('{"cursor":2}')
    expect(['x', 'y'].map((from) => bob.presence.gossip(from, second))).toEqual(['accept', 'ignore'])
    expect(bob.presence.gossip('x', first)).toBe('ignore')
    expect(bob.seen.get(ann.lease.client)).toBe('{"cursor":2}')
    clock.pass(2 * 60 * 60 * 1000)
    expect(new Member('Late').presence.gossip('x', second)).toBe('ignore')
  })

  it('[PRES5] is gone with the connection of its peer, and back when the peer speaks again', () => {
    const [ann, bob] = [new Member('Ann'), new Member('Bob')]
    bob.presence.gossip('x', ann.say('{"cursor":1}'))
    bob.presence.left(ann.peer)
    expect(bob.seen.get(ann.lease.client)).toBeNull()
    bob.presence.gossip('x', ann.say('{"cursor":1}'))
    expect(bob.seen.get(ann.lease.client)).toBe('{"cursor":1}')
    ann.presence.stop()
    bob.presence.gossip('x', ann.sent.at(-1) ?? new Uint8Array())
    expect(bob.seen.get(ann.lease.client)).toBeNull()
  })

  it('[PRES6] takes no more from a peer than its rate, nor more client ids than one has, however much comes', () => {
    const [ann, bob] = [new Member('Ann'), new Member('Bob')]
    let accepted = 0
    for (let i = 0; i < 10_000; i++) {
      const { client, nonce } = leaseClient(crypto, ann.author.id, BOARD)
      const states = [{ doc: BOARD, client, nonce, clock: 1, state: '{}' }]
      const note = { author: ann.author.id, name: 'Ann', states }
      if (i < 200) {
        const data = encodePresence(context, { readKey: keys.readKey, peer: ann.signer, author: ann.author.signer, counter: clock.now() + i, note })
        if (bob.presence.gossip('x', data) === 'accept') accepted++
      } else if (bob.presence.gossip('x', Uint8Array.of(0x86, 1, i & 255)) === 'accept') accepted++
    }
    expect(accepted).toBeLessThan(50)
    for (let i = 0; i < 1000; i++) bob.presence.gossip('x', ann.say('{}', leaseClient(crypto, ann.author.id, BOARD)))
    expect(bob.seen.size).toBeLessThanOrEqual(256)
    expect(bob.presence.gossip('y', new Member('Carl').say('{}'))).toBe('accept')
  })

  it('[PRES7] sends ten messages a second at the most, with the newest of everything', () => {
    const ann = new Member('Ann')
    for (let i = 0; i < 1000; i++) {
      ann.state = { doc: BOARD, client: ann.lease.client, nonce: ann.lease.nonce, clock: i, state: `{"at":${i}}` }
      ann.presence.changed()
      clock.pass(1)
    }
    expect(ann.sent.length).toBeLessThanOrEqual(11)
    const bob = new Member('Bob')
    clock.pass(200)
    bob.presence.gossip('x', ann.sent.at(-1) ?? new Uint8Array())
    expect(bob.seen.get(ann.lease.client)).toBe('{"at":999}')
  })

  it('[PRES8] malformed or too large is refused, whoever hands it over', () => {
    const bob = new Member('Bob')
    for (const bytes of [Uint8Array.of(0x86, 1), new Uint8Array(20_000).fill(1), Uint8Array.of(0x86, 1, 0, 0, 0, 0, 0)]) {
      expect(bob.presence.gossip('x', bytes)).toBe('reject')
    }
  })
})
