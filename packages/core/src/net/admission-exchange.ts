import { MalformedError } from '../base/errors.js'
import { PROOF_BYTES, PROOF_NONCE_BYTES, checkProof, proof } from '../keys/admission-proof.js'
import type { TransportKeys } from './transport.js'

// The messages of /collab/admit/1, one frame each:
//   initiator: nonce (32)
//   responder: nonce (32)
//   initiator: proof (32)    the opener proves first, so that probing a listener yields nothing to guess against
//   responder: proof (32)
//   initiator: 01            the responder acts only now, when the initiator is ready for it

export const ADMISSION_PROTOCOL = '/collab/admit/1'

const READY = Uint8Array.of(1)

/** The frames of one admission stream. */
export interface AdmissionChannel {
  read(): Promise<Uint8Array | undefined>
  write(frame: Uint8Array): Promise<void>
}

/** The two ends of the connection, as Noise authenticated them. */
export interface AdmissionPeers {
  readonly initiator: string
  readonly responder: string
}

/**
 * Proves D to the other side and has it prove D.
 *
 * @throws {MalformedError} when the other side does anything else.
 */
export async function admitAsInitiator(channel: AdmissionChannel, keys: TransportKeys, peers: AdmissionPeers): Promise<void> {
  const initiatorNonce = keys.crypto.randomBytes(PROOF_NONCE_BYTES)
  await channel.write(initiatorNonce)
  const context = contextOf(peers, initiatorNonce, await expect(channel, PROOF_NONCE_BYTES))
  await channel.write(proof(keys.crypto, keys.discoveryKey, 'initiator', context))
  const claimed = await expect(channel, PROOF_BYTES)
  if (!checkProof(keys.crypto, keys.discoveryKey, 'responder', context, claimed)) throw wrongProof()
  await channel.write(READY)
}

/** The other end of `admitAsInitiator`. */
export async function admitAsResponder(channel: AdmissionChannel, keys: TransportKeys, peers: AdmissionPeers): Promise<void> {
  const initiatorNonce = await expect(channel, PROOF_NONCE_BYTES)
  const responderNonce = keys.crypto.randomBytes(PROOF_NONCE_BYTES)
  await channel.write(responderNonce)
  const context = contextOf(peers, initiatorNonce, responderNonce)
  const claimed = await expect(channel, PROOF_BYTES)
  if (!checkProof(keys.crypto, keys.discoveryKey, 'initiator', context, claimed)) throw wrongProof()
  await channel.write(proof(keys.crypto, keys.discoveryKey, 'responder', context))
  await expect(channel, READY.length)
}

function contextOf(peers: AdmissionPeers, initiatorNonce: Uint8Array, responderNonce: Uint8Array) {
  return { initiatorPeerId: peers.initiator, responderPeerId: peers.responder, initiatorNonce, responderNonce }
}

async function expect(channel: AdmissionChannel, length: number): Promise<Uint8Array> {
  const frame = await channel.read()
  if (frame === undefined) throw new MalformedError('the proof was broken off')
  if (frame.length !== length) throw new MalformedError('a message of the proof has a wrong length')
  return frame
}

function wrongProof(): MalformedError {
  return new MalformedError('the proof is wrong')
}
