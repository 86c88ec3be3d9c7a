import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.js'
import { idBytes } from '../base/ids.js'
import { nobleCrypto as crypto } from './noble-crypto.js'
import { bodyKey, epochKey, keysFromDiscoveryKey, keysFromReadKey, keysFromWriteKey } from './workspace-keys.js'
import { shareAs, workspaceSigner, type Rights } from './workspace-keys.js'

const W = new Uint8Array(32).fill(1)
const keys = keysFromWriteKey(crypto, W)
const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('the chain of keys', () => {
  it('[KEY4] gives a reader and a blind peer exactly the keys that the writer has below', () => {
    fc.assert(
      fc.property(key, writeKey => {
        const all = keysFromWriteKey(crypto, writeKey)
        expect(shareAs(all, 'read')).toEqual(keysFromReadKey(crypto, all.readKey, all.id))
        expect(shareAs(all, 'blind')).toEqual(keysFromDiscoveryKey(all.discoveryKey, all.id))
      }),
      { numRuns: 10 }
    )
  })

  it('[KEY4] has the workspace id for the public half of what W signs with', () => {
    expect(workspaceSigner(crypto, W).publicKey).toEqual(idBytes(keys.id))
  })

  it('[KEY4] keeps every key apart from every other', () => {
    const epochs = [epochKey(crypto, keys.readKey, 0), epochKey(crypto, keys.readKey, 1)]
    const bodies = [bodyKey(crypto, keys.readKey, W), bodyKey(crypto, keys.readKey, keys.readKey), bodyKey(crypto, W, W)]
    const other = keysFromReadKey(crypto, keys.readKey, keysFromWriteKey(crypto, keys.readKey).id)
    const all = [W, keys.readKey, keys.discoveryKey, idBytes(keys.id), ...epochs, ...bodies, other.discoveryKey].map(toHex)
    expect(new Set(all).size).toBe(all.length)
  })

  it('[KEY4] refuses a key of another length and an epoch that is no uint32', () => {
    expect(() => keysFromWriteKey(crypto, W.subarray(1))).toThrow(RangeError)
    expect(() => keysFromReadKey(crypto, W.subarray(1), keys.id)).toThrow(RangeError)
    expect(() => keysFromDiscoveryKey(new Uint8Array(33), keys.id)).toThrow(RangeError)
    for (const epoch of [-1, 0.5, 2 ** 32, Number.NaN]) expect(() => epochKey(crypto, keys.readKey, epoch)).toThrow(RangeError)
  })

  it('[KEY4] does not change when the bytes it was made from are overwritten', () => {
    const bytes = Uint8Array.from(W)
    const made = keysFromWriteKey(crypto, bytes)
    bytes.fill(0)
    expect(made).toEqual(keys)
  })
})

describe('sharing', () => {
  const order: readonly Rights[] = ['blind', 'read', 'write']

  it('[KEY5] gives the rights asked for and no key above them', () => {
    expect(Object.keys(shareAs(keys, 'blind')).sort()).toEqual(['discoveryKey', 'id', 'rights'])
    expect(Object.keys(shareAs(keys, 'read')).sort()).toEqual(['discoveryKey', 'id', 'readKey', 'rights'])
    for (const rights of order) expect(shareAs(keys, rights).rights).toBe(rights)
  })

  it('[KEY5] never gives more than is held', () => {
    for (const [i, held] of order.entries()) {
      for (const wanted of order.slice(i + 1)) {
        expect(() => shareAs(shareAs(keys, held), wanted)).toThrow(expect.objectContaining({ name: 'NotPermittedError' }))
      }
    }
  })
})
