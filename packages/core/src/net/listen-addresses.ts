import { multiaddr } from '@multiformats/multiaddr'
import { ListenError, errorMessage } from '../base/errors.js'

const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program uses this port: choose another one, or 0 for any free port',
  EACCES: 'this port needs more rights: choose one above 1023, or 0 for any free port',
  EADDRNOTAVAIL: 'this machine has no such address: use one of its own, or /ip4/0.0.0.0 for all'
}

const EXAMPLE = 'it should look like /ip4/0.0.0.0/tcp/4001'

/** @throws {ListenError} for an address that cannot be read or is not one of TCP. */
export function checkListenAddresses(addresses: readonly string[]): void {
  for (const address of addresses) {
    let names: readonly string[]
    try {
      names = multiaddr(address).getComponents().map(part => part.name)
    } catch (cause) {
      throw new ListenError(`cannot listen on ${address}: ${errorMessage(cause)}; ${EXAMPLE}`, { cause })
    }
    if (names.some(name => name === 'tcp' || name === 'memory')) continue
    throw new ListenError(`cannot listen on ${address}: not TCP; ${EXAMPLE}`)
  }
}

/** What went wrong when a node with these listen addresses did not start, with advice. */
export function listenError(addresses: readonly string[], cause: unknown): ListenError {
  const text = errorMessage(cause)
  const codes = addresses.map(address => ({ address, code: codeAfter(text, `${address}: `) }))
  const failed = codes.find(({ code }) => code !== undefined)
  if (failed?.code === undefined) return new ListenError(`cannot listen: ${text.split('\n')[0] ?? ''}`, { cause })
  return new ListenError(`cannot listen on ${failed.address}: ${ADVICE[failed.code] ?? failed.code}`, { cause })
}

function codeAfter(text: string, marker: string): string | undefined {
  const at = text.indexOf(marker)
  if (at < 0) return undefined
  const line = text.slice(at + marker.length).split('\n').slice(0, 2).join(' ')
  return /\bE[A-Z]{4,}\b/.exec(line)?.[0]
}
