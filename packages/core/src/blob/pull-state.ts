import type { Crypto } from '../base/crypto.js'
import type { BlobId } from '../base/ids.js'
import type { Random } from '../base/random.js'
import type { Download, Request } from './download.js'
import type { Offers } from './offers.js'
import type { PullPeer } from './pull-peer.js'
import type { EmitPull } from './pull-types.js'

/** The whole state of the machine, shared by its modules. */
export interface PullState {
  readonly crypto: Pick<Crypto, 'sha256'>
  readonly random: Random
  readonly peers: Map<string, PullPeer>
  /** Wanted, and not begun: too many others are. */
  readonly queue: Set<BlobId>
  readonly downloads: Map<BlobId, Download>
  readonly byRef: Map<number, Download>
  readonly offers: Offers
  nextId: number
  /** Bytes of chunks that the engine is storing. */
  storingBytes: number
  emit: EmitPull
}

/** A request is answered, or its peer is gone; when nobody else was asked the chunk is open again. */
export function close(state: PullState, request: Request): void {
  const { download, part, index, peer } = request
  state.peers.get(peer)?.closed(request)
  download.forget(request)
  if (part === 'chunk' && !download.asked(part, index).some(({ released }) => !released)) download.reopen(index)
}

/** Takes back what others were asked for too. */
export function withdrawOthers(state: PullState, request: Request): void {
  for (const other of request.download.asked(request.part, request.index)) if (other !== request) withdraw(state, other)
}

export function withdraw(state: PullState, request: Request): void {
  state.emit({ type: 'send', peer: request.peer, message: { type: 'cancel', id: request.id } })
  state.peers.get(request.peer)?.withdrew(request)
  request.download.forget(request)
}
