import { multiaddr } from '@multiformats/multiaddr'
import { CollabError, errorMessage } from '../base/errors.js'
import { MAX_ADDRESSES_PER_PEER } from './net-limits.js'

/** An address to dial cannot be read. */
export class PeerAddressError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('PeerAddressError', message, options)
  }
}

interface Parsed {
  /** Without /p2p. */
  readonly text: string
  readonly family: 'ip4' | 'ip6' | 'other'
  readonly host: string
  readonly port: string
}

/**
 * The peer id at the end of a multiaddr, if it has one.
 *
 * @throws {PeerAddressError} when `address` is no multiaddr.
 */
export function peerOfAddress(address: string): string | undefined {
  try {
    return multiaddr(address).getComponents().findLast(part => part.name === 'p2p')?.value
  } catch (cause) {
    const example = '/ip4/192.168.1.20/tcp/4001/p2p/12D3Koo...'
    const message = `${address} is not a multiaddr (${errorMessage(cause)}); it should look like ${example}`
    throw new PeerAddressError(message, { cause })
  }
}

/**
 * The addresses of `peer` worth dialling, best first, at most `MAX_ADDRESSES_PER_PEER`, each with its /p2p part.
 * Dialling is serial and a dead address costs seconds, so what cannot lead there is left out: nonsense that a stranger
 * may have written, loopback of other machines, address families that this machine lacks.
 *
 * @param own this node's own addresses: which families and networks it is in.
 */
export function addressesToDial(peer: string, addresses: readonly string[], own: readonly string[]): readonly string[] {
  const mine = own.map(parse).filter(isParsed)
  const theirs = new Map(addresses.map(parse).filter(isParsed).map(address => [address.text, address]))
  const usable = [...theirs.values()].filter(address => isUsable(address, mine))
  const remote = usable.filter(address => !isLoopback(address))
  const sameMachine = remote.length === 0 || remote.some(address => mine.some(({ host }) => host === address.host))
  const kept = sameMachine ? usable : remote
  const sorted = kept.toSorted((a, b) => distance(a, mine) - distance(b, mine))
  return sorted.slice(0, MAX_ADDRESSES_PER_PEER).map(({ text }) => `${text}/p2p/${peer}`)
}

function parse(address: string): Parsed | undefined {
  try {
    const parts = multiaddr(address).getComponents()
    const [first, second] = parts
    const text = multiaddr(address).decapsulateCode(421).toString()
    if (first === undefined) return undefined
    const family = first.name === 'ip4' || first.name === 'ip6' ? first.name : 'other'
    return { text, family, host: first.value ?? '', port: second?.name === 'tcp' ? (second.value ?? '') : '' }
  } catch {
    return undefined
  }
}

function isParsed(address: Parsed | undefined): address is Parsed {
  return address !== undefined
}

function isUsable(address: Parsed, mine: readonly Parsed[]): boolean {
  // Nobody can be called there: whoever is told of a peer by others dials it so.
  if (address.text.startsWith('/webrtc')) return false
  if (address.family === 'other') return true
  const { host, port } = address
  if (port === '' || port === '0' || host === '0.0.0.0' || host === '::' || host.toLowerCase().startsWith('fe80:')) return false
  if (mine.some(own => own.host === host && own.port === port)) return false
  return address.family === 'ip4' || mine.some(own => own.family === 'ip6' && (isLoopback(address) || !isLoopback(own)))
}

function isLoopback({ host }: Parsed): boolean {
  return host.startsWith('127.') || host === '::1'
}

/** 0 for this machine, 1 for the same small network, 2 for elsewhere. */
function distance(address: Parsed, mine: readonly Parsed[]): number {
  if (isLoopback(address)) return 0
  return mine.some(own => network(own) === network(address)) ? 1 : 2
}

/** The first 24 bits of an IPv4 or 64 of an IPv6 address, as text. */
function network({ family, host }: Parsed): string {
  return family === 'ip6' ? host.split(':').slice(0, 4).join(':') : host.split('.').slice(0, 3).join('.')
}
