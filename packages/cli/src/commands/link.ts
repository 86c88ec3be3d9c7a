import type { Request } from '../args.js'
import { FailureError } from '../cli-error.js'
import { askRunning } from '../control-client.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import { printLinks } from '../links.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { keysOfRecord } from '../topic.js'

/** Prints the links of a joined folder again. */
export async function link(request: Extract<Request, { command: 'link' }>, system: System): Promise<ExitCode> {
  const { record } = findStore(request.folder, system)
  const keys = keysOfRecord(record)
  if (keys === undefined) throw new FailureError('the stored link is damaged; join the folder again with its link')
  await printLinks(system.io, keys, request, request.addresses ? await addressesOf(record, system) : [])
  return EXIT.ok
}

/** Where another machine can dial, most useful first; a link has room for 16. */
async function addressesOf({ id }: StoreRecord, { home }: System): Promise<readonly string[]> {
  const addresses = await askRunning(home.storeDirectory(id), { ask: 'addresses' })
  if (addresses === undefined) throw new FailureError('no process is syncing this folder, so it has no addresses; start it with collab join')
  const isLoopback = (address: string) => /^\/ip[46]\/(?:127\.|::1)/.test(address)
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  return (elsewhere.length > 0 ? elsewhere : addresses).slice(0, 16)
}
