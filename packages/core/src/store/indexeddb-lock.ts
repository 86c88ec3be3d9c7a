import { AlreadyRunningError, CollabError } from '../base/errors.js'

/** Who has the store of that name open. */
export const storeLock = (name: string): string => `collab store ${name}`
/** Held beside it by who waits for nobody, and so will not make room for one that does. */
export const aloneLock = (name: string): string => `collab alone ${name}`

/** Whether any tab of this origin has a lock. */
export async function isHeld(name: string): Promise<boolean> {
  return (await heldLocks()).includes(name)
}

/** Names of all locks that tabs of this origin have. */
export async function heldLocks(): Promise<readonly string[]> {
  checkSecure()
  const { held = [] } = await navigator.locks.query()
  return held.map(({ name = '' }) => name)
}

function checkSecure(): void {
  if (!globalThis.isSecureContext) throw new CollabError('StoreUnavailableError', 'this page is not secure: a peer runs on https and on localhost only')
}

/**
 * Takes a lock that one tab of this origin has at a time; the returned function gives it back, and so does the end of
 * the tab.
 *
 * @param wait waits until it is free or the signal aborts; without it a taken lock is refused.
 * @param mode of `shared` many have it at once.
 * @throws {AlreadyRunningError} when another tab has it.
 */
export async function holdLock(name: string, wait?: AbortSignal, mode: LockMode = 'exclusive'): Promise<() => void> {
  checkSecure()
  const held = Promise.withResolvers<void>()
  const taken = Promise.withResolvers<void>()
  const options = wait === undefined ? { mode, ifAvailable: true } : { mode, signal: wait }
  const request = navigator.locks.request(name, options, (lock) => {
    if (lock === null) throw new AlreadyRunningError('another tab of this browser has this workspace open')
    taken.resolve()
    return held.promise
  })
  request.catch(taken.reject)
  await taken.promise
  return held.resolve
}
