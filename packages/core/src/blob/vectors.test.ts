import { describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../base/bytes.js'
import { keysFromWriteKey } from '../keys/workspace-keys.js'
import { nobleCrypto as crypto } from '../keys/noble-crypto.js'
import { deriveBlobKeys } from './blob-keys.js'
import { cutChunk } from './cut-chunk.js'
import { buildManifest } from './manifest.js'
import { sealChunk } from './seal-chunk.js'

// What docs/PROTOCOL.md prints for other implementations. A change here is a change of the protocol: it needs a new
// version, not a new vector.
const W = Uint8Array.from({ length: 32 }, (_, i) => i)
const keys = deriveBlobKeys(crypto, keysFromWriteKey(crypto, W).readKey)

describe('[CHUNK9] the bytes of blobs', () => {
  it('keys, the beginning of the gear, and a sealed chunk', () => {
    const sealed = sealChunk(crypto, keys, utf8('hello\n'))
    expect([keys.tagKey, keys.sealKey, sealed].map(toHex)).toEqual([
      '835fef2027a08ed3a53adb0237b396cd0de1c40133342190682e39c8cb358332',
      '5848305d928880082c0a7bbe85da87c778a36a269ed168c15e5abdadb3b64656',
      'df248cad33dcaeb44bfa734226cd86e4cb02c6f791c63ab75b81ca44b0f739d63db040309aec506b1de9870de527c901382bf3063c8a'
    ])
    expect([...keys.gear.subarray(0, 4)]).toEqual([435788795, 1120032590, 1937671278, 693003620])
  })

  it('where content is cut', () => {
    let state = 0
    const content = Uint8Array.from({ length: 1_000_000 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    })
    const lengths: number[] = []
    for (let rest = content; rest.length > 0; rest = rest.subarray(lengths.at(-1))) lengths.push(cutChunk(rest, keys.gear))
    expect(lengths).toEqual([274654, 283016, 277871, 164459])
  })

  it('the manifest of that chunk', () => {
    const sealed = sealChunk(crypto, keys, utf8('hello\n'))
    const { blob, nodes } = buildManifest(crypto, [{ hash: crypto.sha256(sealed), size: 6 }])
    expect([blob, ...nodes.map(({ bytes }) => toHex(bytes))]).toEqual([
      'a48e9822d5e2e429b61ccc038804ff27d0f62a011349e04ba036ecee60883c8d',
      '820081825820eecfb219ac95d60082a4a0cc7b2b3a49f7764e8b315e97ecf0dd8c93a6be5dad06'
    ])
  })
})
