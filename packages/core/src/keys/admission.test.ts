import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthorId } from '../base/ids.js'
import { checkProof, proof, type ProofContext } from './admission-proof.js'
import { issueCertificate, verifyAdmission, type Certificate } from './certificate.js'
import { nobleCrypto as crypto } from './noble-crypto.js'
import { dhtKey, gossipTopic, mdnsTag } from './public-names.js'
import { keysFromWriteKey, workspaceSigner } from './workspace-keys.js'

const W = new Uint8Array(32).fill(1)
const keys = keysFromWriteKey(crypto, W)
const others = keysFromWriteKey(crypto, new Uint8Array(32).fill(2))
const author = parseAuthorId(crypto.signer(new Uint8Array(32).fill(3)).publicKey)
const stranger = parseAuthorId(crypto.signer(new Uint8Array(32).fill(4)).publicKey)

describe('public names', () => {
  it('[KEY15] differ by use and by workspace, and fit where they go', () => {
    const uses = [gossipTopic, mdnsTag, dhtKey]
    const names = [keys, others].flatMap(({ discoveryKey }) => uses.map(name => name(crypto, discoveryKey)))
    expect(new Set(names).size).toBe(6)
    expect(names.map(name => name.length)).toEqual([52, 26, 64, 52, 26, 64])
    for (const name of names) expect(name).toMatch(/^[a-z0-9]+$/)
    expect(names.join(' ')).not.toContain(keys.id)
  })
})

describe('the proof that both sides hold D', () => {
  const nonce = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const id = fc.string()
  const context = fc.record({ initiatorPeerId: id, responderPeerId: id, initiatorNonce: nonce, responderNonce: nonce })
  const field = fc.constantFrom('initiatorPeerId', 'responderPeerId', 'initiatorNonce', 'responderNonce')
  const roles = ['initiator', 'responder'] as const

  it('[KEY16] is accepted for its own role, key and connection', () => {
    fc.assert(
      fc.property(context, context => {
        for (const role of roles) {
          const made = proof(crypto, keys.discoveryKey, role, context)
          expect(checkProof(crypto, keys.discoveryKey, role, context, made)).toBe(true)
        }
      })
    )
  })

  it('[KEY16] is refused when sent back, moved to another connection, repeated later or made with another key', () => {
    fc.assert(
      fc.property(context, context, field, (context, other, field) => {
        fc.pre(String(context[field]) !== String(other[field]) && context.initiatorPeerId !== context.responderPeerId)
        const elsewhere = { ...context, [field]: other[field] }
        const made = proof(crypto, keys.discoveryKey, 'initiator', context)
        expect(checkProof(crypto, keys.discoveryKey, 'responder', context, made)).toBe(false)
        expect(checkProof(crypto, keys.discoveryKey, 'responder', mirrored(context), made)).toBe(false)
        expect(checkProof(crypto, keys.discoveryKey, 'initiator', mirrored(context), made)).toBe(false)
        expect(checkProof(crypto, keys.discoveryKey, 'initiator', elsewhere, made)).toBe(false)
        expect(checkProof(crypto, others.discoveryKey, 'initiator', context, made)).toBe(false)
      })
    )
  })

  it('[KEY16] is false for any other bytes and for a nonce of another length', () => {
    const fixed = { initiatorPeerId: 'a', responderPeerId: 'b', initiatorNonce: W, responderNonce: W }
    const made = proof(crypto, keys.discoveryKey, 'responder', fixed)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        expect(checkProof(crypto, keys.discoveryKey, 'responder', fixed, bytes)).toBe(false)
      })
    )
    for (const length of [0, 31]) {
      const short = { ...fixed, initiatorNonce: W.subarray(0, length) }
      expect(checkProof(crypto, keys.discoveryKey, 'responder', short, made)).toBe(false)
      expect(() => proof(crypto, keys.discoveryKey, 'responder', short)).toThrow(RangeError)
    }
  })
})

describe('a certificate', () => {
  const issued = issueCertificate(workspaceSigner(crypto, W), author, 'writer')
  const admits = (chain: readonly Certificate[], who = author, id = keys.id): boolean => verifyAdmission(crypto, id, who, chain)

  it('[KEY17] admits its author to its workspace', () => {
    expect(admits([issued])).toBe(true)
  })

  it('[KEY17] admits nobody else and nowhere else', () => {
    expect(admits([issued], stranger)).toBe(false)
    expect(admits([{ ...issued, author: stranger }], stranger)).toBe(false)
    expect(admits([{ ...issued, author: stranger }])).toBe(false)
    expect(admits([issued], author, others.id)).toBe(false)
    expect(admits([issueCertificate(workspaceSigner(crypto, new Uint8Array(32).fill(2)), author, 'writer')])).toBe(false)
    expect(admits([{ ...issued, signature: new Uint8Array(64) }])).toBe(false)
    expect(admits([{ ...issued, role: 'reader' as 'writer' }])).toBe(false)
  })

  it('[KEY17] stands alone: a chain of none or of two admits nobody', () => {
    expect(admits([])).toBe(false)
    expect(admits([issued, issued])).toBe(false)
  })
})

function mirrored(context: ProofContext): ProofContext {
  return {
    initiatorPeerId: context.responderPeerId,
    responderPeerId: context.initiatorPeerId,
    initiatorNonce: context.responderNonce,
    responderNonce: context.initiatorNonce
  }
}
