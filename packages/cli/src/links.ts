import { encodeLink, nodeCrypto, shareAs } from '@collab/core'
import type { Rights, WorkspaceKeys } from '@collab/core'
import type { LinkOptions } from './args.js'
import { paintFor } from './format.js'
import type { Io } from './io.js'

const GRANTS: Readonly<Record<Rights, string>> = {
  write: 'write link: whoever has it can read and change everything, and pass that on; it cannot be taken back',
  read: 'read link: can read everything, change nothing',
  blind: 'blind link: can store and serve everything, read nothing (collab hold)'
}

/** All links that `keys` can make, strongest first. */
export function linksOf(keys: WorkspaceKeys, addresses: readonly string[]): readonly { readonly rights: Rights; readonly link: string }[] {
  const order: readonly Rights[] = ['write', 'read', 'blind']
  return order.slice(order.indexOf(keys.rights)).map((rights) => ({ rights, link: encodeLink(nodeCrypto, shareAs(keys, rights), addresses) }))
}

/**
 * The link that was asked for on standard output, alone, so that scripts can take it; the others and what each grants
 * on standard error.
 *
 * @throws {NotPermittedError} when `keys` grant less than the link that was asked for.
 */
export async function printLinks(io: Io, keys: WorkspaceKeys, options: LinkOptions, addresses: readonly string[] = []): Promise<void> {
  const wanted: Rights = options.readOnly ? 'read' : options.blind ? 'blind' : keys.rights
  const chosen = encodeLink(nodeCrypto, shareAs(keys, wanted), addresses)
  const links = linksOf(keys, addresses)
  if (options.json) {
    io.line(JSON.stringify(Object.fromEntries(links.map(({ rights, link }) => [rights, link]))))
    return
  }
  const paint = paintFor(io.color)
  for (const { rights, link } of links) {
    io.error(paint.dim(GRANTS[rights]))
    if (rights === wanted) io.line(paint.bold(link))
    else io.error(link)
  }
  if (options.qr) io.line(await drawQr(chosen))
}

/** Two modules per character; dark on light whatever the terminal's colours are is not to be had, so quiet zone included. */
async function drawQr(link: string): Promise<string> {
  const { encodeQR } = await import('qr')
  // Upper case fits the denser alphanumeric mode; links are read in either case.
  return encodeQR(link.toUpperCase(), 'ascii', { ecc: 'low', border: 2 }).trimEnd()
}
