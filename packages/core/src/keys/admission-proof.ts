import { equalSecret } from '../base/bytes.js'
import { encodeCbor } from '../base/cbor.js'
import type { Crypto } from '../base/crypto.js'

/** Which side of the connection opened the proof's stream. */
export type ProofRole = 'initiator' | 'responder'

/** What a proof is bound to, so that it is worth nothing on another connection or a second time. */
export interface ProofContext {
  /** Text form of the peer ids as Noise authenticated them, never as a message claims them. */
  readonly initiatorPeerId: string
  readonly responderPeerId: string
  /** Fresh random bytes of each side, `PROOF_NONCE_BYTES` long. */
  readonly initiatorNonce: Uint8Array
  readonly responderNonce: Uint8Array
}

export const PROOF_NONCE_BYTES = 32
export const PROOF_BYTES = 32

/**
 * Proof that `role` holds D, on the connection of `context`. The role is part of it, so that sending back the other
 * side's proof proves nothing.
 *
 * @throws {RangeError} when a nonce has another length than `PROOF_NONCE_BYTES`.
 */
export function proof(crypto: Crypto, discoveryKey: Uint8Array, role: ProofRole, context: ProofContext): Uint8Array {
  const { initiatorPeerId, responderPeerId, initiatorNonce, responderNonce } = context
  if (!isNonce(initiatorNonce) || !isNonce(responderNonce)) throw new RangeError(`a nonce has ${PROOF_NONCE_BYTES} bytes`)
  const claim = ['collab/1 admission', role, initiatorPeerId, responderPeerId, initiatorNonce, responderNonce]
  return crypto.hmac(discoveryKey, encodeCbor(claim))
}

/** Whether `claimed`, from the other side, is `role`'s proof; takes equally long wherever it differs. Never throws. */
export function checkProof(
  crypto: Crypto,
  discoveryKey: Uint8Array,
  role: ProofRole,
  context: ProofContext,
  claimed: Uint8Array
): boolean {
  if (!isNonce(context.initiatorNonce) || !isNonce(context.responderNonce)) return false
  return equalSecret(proof(crypto, discoveryKey, role, context), claimed)
}

function isNonce(nonce: Uint8Array): boolean {
  return nonce.length === PROOF_NONCE_BYTES
}
