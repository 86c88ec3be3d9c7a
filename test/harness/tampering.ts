import { createMemoryStore, createTransport, nodeCrypto, openWorkspace, parseLink } from '@collab/core'
import type { Transport, TransportHandlers, Workspace } from '@collab/core'
import { decodeCbor, encodeCbor } from './cbor.js'
import type { Cbor } from './cbor.js'

/** Header, signature and body of an entry on its way out. */
export type EntryParts = readonly [header: Uint8Array, signature: Uint8Array, body: Uint8Array]
export type Tamper = (parts: EntryParts) => EntryParts

const ENTRIES = 4

export interface TamperingInit {
  readonly link: string
  /** Whom to dial. */
  readonly address: string
  readonly tamper: Tamper
}

/** A member that follows the protocol in everything, but spoils the entries that it hands over. */
export async function openTampering({ link, address, tamper }: TamperingInit): Promise<Workspace> {
  const { keys } = parseLink(nodeCrypto, link)
  return await openWorkspace({
    keys,
    store: createMemoryStore(),
    name: 'Mallory',
    machine: 'another machine',
    transport: (privateKey, handlers) => {
      const network = { listen: ['/ip4/127.0.0.1/tcp/0'], peers: [address], mdns: false }
      return spoil(createTransport({ ...network, privateKey, handlers, crypto: nodeCrypto, discoveryKey: keys.discoveryKey }), tamper)
    }
  })
}

/** A member without an engine: it proves D and says what it is told to. */
export function openMute(link: string, address: string, handlers: Partial<TransportHandlers> = {}): Transport {
  const { keys } = parseLink(nodeCrypto, link)
  return createTransport({
    privateKey: nodeCrypto.randomBytes(32),
    crypto: nodeCrypto,
    discoveryKey: keys.discoveryKey,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    peers: [address],
    mdns: false,
    handlers: {
      joined: () => undefined,
      left: () => undefined,
      frame: () => Promise.resolve(),
      gossip: () => Promise.resolve('ignore'),
      listening: () => undefined,
      trouble: () => undefined,
      ...handlers
    }
  })
}

function spoil(transport: Transport, tamper: Tamper): Transport {
  return {
    peerId: transport.peerId,
    start: () => transport.start(),
    stop: () => transport.stop(),
    addresses: () => transport.addresses(),
    send: (peer, frame) => transport.send(peer, spoilFrame(frame, tamper)),
    publish: (data) => transport.publish(encodeCbor(tamper(decodeCbor(data) as unknown as EntryParts))),
    disconnect: (peer, reason) => transport.disconnect(peer, reason),
    peers: () => transport.peers()
  }
}

function spoilFrame(frame: Uint8Array, tamper: Tamper): Uint8Array {
  const [kind, id, entries, ...rest] = decodeCbor(frame) as readonly Cbor[]
  if (kind !== ENTRIES) return frame
  return encodeCbor([kind, id ?? 0, (entries as unknown as readonly EntryParts[]).map(tamper), ...rest])
}
