import type { Clock } from '../base/clock.js'
import { errorMessage } from '../base/errors.js'
import type { Random } from '../base/random.js'
import { backoffMs } from './backoff.js'
import { addressesToDial, peerOfAddress } from './dial-addresses.js'
import * as limits from './net-limits.js'

export interface DialerInit {
  readonly self: string
  /** Connects to one of the addresses and says which peer was there. */
  readonly dial: (addresses: readonly string[]) => Promise<string>
  readonly connected: (peer: string) => boolean
  readonly refused: (peer: string) => boolean
  /** This node's own addresses. */
  readonly own: () => readonly string[]
  /** An address that someone asked for cannot be reached: told once until it could. */
  readonly unreachable: (address: string, cause: string) => void
  readonly clock: Clock
  readonly random: Random
}

interface Target {
  readonly key: string
  /** Set when someone asked for it: then it is dialled as typed, for ever. */
  readonly asked: boolean
  addresses: readonly string[]
  peer: string | undefined
  attempt: number
  attemptsLeft: number
  dialling: boolean
  told: boolean
  cancel: () => void
}

/** Decides which addresses to dial and when. It dials nobody who is connected; everything else only makes a target due. */
export class Dialer {
  readonly #init: DialerInit
  readonly #targets = new Map<string, Target>()
  #stopped = false

  constructor(init: DialerInit) {
    this.#init = init
  }

  /**
   * Dials `addresses` now and whenever they are not connected, beside those of earlier calls. Those with the same peer id
   * count as one peer's.
   *
   * @throws {PeerAddressError} when one of them is no multiaddr.
   */
  start(addresses: readonly string[]): void {
    for (const [key, group] of Map.groupBy(addresses, address => peerOfAddress(address) ?? address)) {
      const peer = peerOfAddress(group[0] ?? '')
      if (peer === this.#init.self) continue
      const known = this.#targets.get(key)
      const asked = known?.asked === true ? known.addresses : []
      if (group.every(address => asked.includes(address))) continue
      known?.cancel()
      this.#due(this.#add(key, true, Infinity, peer, [...new Set([...asked, ...group])]), 0)
    }
  }

  /** The network is back: what is asked for is not kept waiting. */
  hurry(): void {
    for (const target of this.#targets.values()) {
      if (!target.asked || target.dialling) continue
      target.attempt = 0
      this.#due(target, 0)
    }
  }

  stop(): void {
    this.#stopped = true
    for (const target of this.#targets.values()) target.cancel()
    this.#targets.clear()
  }

  /** `peer` announced itself on the LAN. The smaller peer id dials, the larger only if that came to nothing. */
  discovered(peer: string, addresses: readonly string[]): void {
    this.#unasked(peer, addressesToDial(peer, addresses, this.#init.own()), limits.DISCOVERED_ATTEMPTS)
  }

  /** A peer that is connected told of `peer`, whom nobody else finds at `addresses`. */
  met(peer: string, addresses: readonly string[]): void {
    this.#unasked(peer, addresses, limits.SEEN_ATTEMPTS)
  }

  /** `peer` is connected and admitted. */
  joined(peer: string): void {
    for (const target of this.#targetsOf(peer)) {
      target.attempt = 0
      target.told = false
    }
  }

  /**
   * The last connection to `peer` is gone. Of one that had been admitted, `addresses` are where it said it listens, and
   * `through` those with which another peer that is connected helps.
   */
  left(peer: string, addresses: readonly string[], through: readonly string[] = []): void {
    const asked = this.#targetsOf(peer).filter(target => target.asked)
    for (const target of asked) this.#due(target, this.#backoff(target))
    if (asked.length > 0) return
    this.#unasked(peer, [...through, ...addressesToDial(peer, addresses, this.#init.own())], limits.SEEN_ATTEMPTS)
  }

  #unasked(peer: string, addresses: readonly string[], attempts: number): void {
    const { self, connected, refused } = this.#init
    if (this.#stopped || peer === self || connected(peer) || refused(peer)) return
    const known = this.#targets.get(peer)
    if (addresses.length === 0 || known?.asked === true) return
    if (known !== undefined) {
      known.addresses = addresses
      known.attemptsLeft = Math.max(known.attemptsLeft, attempts)
      return
    }
    if (this.#targets.size >= limits.MAX_UNASKED_TARGETS) return
    this.#due(this.#add(peer, false, attempts, peer, addresses), self < peer ? 0 : limits.YIELD_DIAL_MS)
  }

  #add(key: string, asked: boolean, attemptsLeft: number, peer: string | undefined, addresses: readonly string[]): Target {
    const cancel = (): void => undefined
    const target: Target = { key, asked, addresses, peer, attempt: 0, attemptsLeft, dialling: false, told: false, cancel }
    this.#targets.set(key, target)
    return target
  }

  #targetsOf(peer: string): Target[] {
    return [...this.#targets.values()].filter(target => target.peer === peer)
  }

  #due(target: Target, afterMs: number): void {
    target.cancel()
    if (!this.#stopped) target.cancel = this.#init.clock.after(afterMs, () => void this.#evaluate(target))
  }

  #backoff(target: Target): number {
    return backoffMs(target.attempt, limits.REDIAL_MIN_MS, limits.REDIAL_MAX_MS, this.#init.random)
  }

  /** The one place that decides: forget, wait or dial. */
  async #evaluate(target: Target): Promise<void> {
    const { connected, refused } = this.#init
    // Another one may have taken its place while it was dialled.
    if (this.#stopped || target.dialling || this.#targets.get(target.key) !== target) return
    const isConnected = target.peer !== undefined && connected(target.peer)
    if (!target.asked && (isConnected || target.attemptsLeft <= 0)) return void this.#targets.delete(target.key)
    if (isConnected || (target.peer !== undefined && refused(target.peer))) return this.#due(target, limits.REDIAL_MAX_MS)
    await this.#dial(target)
    this.#due(target, this.#backoff(target))
    target.attempt++
  }

  async #dial(target: Target): Promise<void> {
    target.dialling = true
    target.attemptsLeft--
    try {
      const peer = await this.#init.dial(target.addresses)
      target.peer = peer
    } catch (error) {
      if (target.asked && !target.told && !this.#stopped) this.#init.unreachable(target.addresses.join(', '), reason(error))
      target.told = true
    } finally {
      target.dialling = false
    }
  }
}

/** The innermost cause in one line: libp2p wraps the errors of all addresses. */
function reason(error: unknown): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as unknown) : error
  return (errorMessage(inner).split('\n')[0] ?? '').trim()
}
