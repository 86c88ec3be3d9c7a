import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'

/** The peer id that a raw Ed25519 public key gives. */
export function peerOfKey(publicKey: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(publicKey)).toString()
}

/** The raw public key in an Ed25519 peer id. */
export function keyOfPeer(peer: string): Uint8Array {
  const key = peerIdFromString(peer).publicKey?.raw
  if (key === undefined) throw new RangeError(`${peer} does not hold its key`)
  return key
}
