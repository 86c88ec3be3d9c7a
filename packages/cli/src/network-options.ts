import { checkListenAddresses, errorMessage, peerOfAddress } from '@collab/core'
import type { RunOptions } from './args.js'
import { UsageError } from './cli-error.js'

/**
 * The addresses of the command line, seen through before anything starts.
 *
 * @throws {UsageError} when one cannot be used on any machine.
 */
export function checkAddresses({ peer, listen }: Pick<RunOptions, 'peer' | 'listen'>): void {
  for (const address of peer) tryOrUsage('--peer', () => peerOfAddress(address))
  tryOrUsage('--listen', () => checkListenAddresses(listen))
}

function tryOrUsage(flag: string, check: () => unknown): void {
  try {
    check()
  } catch (error) {
    throw new UsageError(`${flag}: ${errorMessage(error)}`, { cause: error })
  }
}

/** Addresses that came in a link: the unusable ones are left out, they are no mistake of this user. */
export function usableAddresses(addresses: readonly string[]): readonly string[] {
  return addresses.filter((address) => {
    try {
      peerOfAddress(address)
      return true
    } catch {
      return false
    }
  })
}

/** Peer ids at the end of the addresses; undefined for an address that has none. */
export function peerIdOf(address: string): string | undefined {
  return peerOfAddress(address)
}
