import { describe, expect, it } from 'vitest'
import { toHex, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { parseAuthorId, parseDocId, parseEntryHash, parseNodeId, opId, ROOT_NODE } from '../base/ids.js'
import { issueCertificate } from '../keys/certificate.js'
import { nobleCrypto } from '../keys/noble-crypto.js'
import { epochKey, keysFromWriteKey, workspaceSigner } from '../keys/workspace-keys.js'
import { type Change, decodeChanges, encodeChanges } from './change.js'
import { decodeEntry, openBody, sealEntry } from './entry.js'
import { decodeRun, encodeSegment } from './segment.js'
import { digestOf, encodeVector } from './version-vector.js'
import { encodeCbor } from '../base/cbor.js'

// What docs/PROTOCOL.md prints for other implementations. A change here is a change of the protocol: it needs a new
// version, not a new vector.
const W = Uint8Array.from({ length: 32 }, (_, i) => i)
const crypto: Crypto = { ...nobleCrypto, randomBytes: (length) => new Uint8Array(length).fill(7) }
const keys = keysFromWriteKey(crypto, W)
const signer = crypto.signer(new Uint8Array(32).fill(1))
const author = parseAuthorId(signer.publicKey)
const node = parseNodeId('e352fda59f6b2d59514e063b863419b3')
const doc = parseDocId('ab3b2cba49212483e9644dcb10207a6e')
const other = parseNodeId('22'.repeat(16))
const op = opId(parseEntryHash('44'.repeat(32)), 3)
const contentHash = crypto.sha256(utf8('hello\n'))
const exchangeKey = new Uint8Array(32).fill(5)
const update = Uint8Array.of(0, 0)

const MEMBER: Change = { kind: 'member', author, exchangeKey, role: 'writer', name: 'Ann' }
const CREATE: Change = {
  kind: 'tree',
  node,
  create: { type: 'file', path: 'a.md', contentHash },
  place: { value: { parent: ROOT_NODE, name: 'a.md' }, replaces: [] },
  content: { value: { kind: 'text', doc }, replaces: [] },
  executable: { value: false, replaces: [] }
}
const SEED: Change = { kind: 'seed', doc, text: 'hello\n' }

/** Hexadecimal in rows, as the document prints it. */
function rows(bytes: Uint8Array): readonly string[] {
  return toHex(bytes).match(/.{1,64}/g) ?? []
}

/** A body's plain text with `change` alone: read back, it says the same. */
function bodyOf(change: Change): readonly string[] {
  const bytes = encodeChanges([change])
  expect(decodeChanges(bytes)).toEqual([change])
  return rows(bytes)
}

describe('[VEC1] a body with one change of each kind', () => {
  it.each<[string, Change, readonly string[]]>([
    ['tree: create a file', CREATE, [
      '81830150e352fda59f6b2d59514e063b863419b3586485836466696c6564612e',
      '6d6458205891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e8',
      '46f6be038282500000000000000000000000000000000064612e6d6480828264',
      '7465787450ab3b2cba49212483e9644dcb10207a6e8082f480f6'
    ]],
    ['tree: move', { kind: 'tree', node, place: { value: { parent: other, name: 'b.md' }, replaces: [op] } }, [
      '81830150e352fda59f6b2d59514e063b863419b3583185f68282502222222222',
      '222222222222222222222264622e6d6481524444444444444444444444444444',
      '44440003f6f6f6'
    ]],
    ['tree: delete', { kind: 'tree', node, deleted: { seen: [[author, 300]] } }, [
      '81830150e352fda59f6b2d59514e063b863419b3582c85f6f6f6f6818258208a',
      '88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c19',
      '012c'
    ]],
    ['member', MEMBER, [
      '81830258208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf37488',
      '01b40f6f5c582e83582005050505050505050505050505050505050505050505',
      '050505050505050505056677726974657263416e6e'
    ]],
    ['seed', SEED, ['81830350ab3b2cba49212483e9644dcb10207a6e48814668656c6c6f0a']],
    ['update', { kind: 'update', doc, nonce: 1, update }, ['81830450ab3b2cba49212483e9644dcb10207a6e458201420000']],
    ['derived', { kind: 'derived', doc, base: new Uint8Array(32).fill(6), update }, [
      '81830550ab3b2cba49212483e9644dcb10207a6e582682582006060606060606',
      '06060606060606060606060606060606060606060606060606420000'
    ]],
    ['import', { kind: 'import', doc, update }, ['81830650ab3b2cba49212483e9644dcb10207a6e4481420000']],
    ['absorb', { kind: 'absorb', winner: node, loser: other }, [
      '81830750e352fda59f6b2d59514e063b863419b3528150222222222222222222',
      '22222222222222'
    ]],
    ['app', { kind: 'app', doc, name: 'board', nonce: 1, update }, ['81830850ab3b2cba49212483e9644dcb10207a6e4b8365626f61726401420000']],
    ['app: an existing history', { kind: 'app', doc, name: 'board', nonce: null, update }, ['81830850ab3b2cba49212483e9644dcb10207a6e4b8365626f617264f6420000']]
  ])('%s', (_, change, expected) => {
    expect(bodyOf(change)).toEqual(expected)
  })
})

describe('[VEC2] an entry', () => {
  const draft = { crypto, signer, epochKey: epochKey(crypto, keys.readKey, 0), workspace: keys.id, epoch: 0 }
  const admission = [issueCertificate(workspaceSigner(crypto, W), author, 'writer')]
  const time = 1_700_000_000_000
  const first = sealEntry({ ...draft, seq: 0, prev: null, deps: [], time, admission, plain: encodeChanges([MEMBER, CREATE, SEED]) })
  const deps = [parseEntryHash('33'.repeat(32))]
  const second = sealEntry({ ...draft, seq: 1, prev: first.hash, deps, time: time + 1, admission: null, plain: encodeChanges([]) })

  it('the first of a log: header, signature, body, hash', () => {
    expect(rows(first.headerBytes)).toEqual([
      '8d015820f4eebf6465874b540640149c2ff84734ecb78fcfb41ed5f2947c8fa4',
      '36fddf100058208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3',
      '748801b40f6f5c00f6801b0000018bcfe5680058200707070707070707070707',
      '070707070707070707070707070707070707070707818358208a88e3dd7409f1',
      '95fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c66777269746572',
      '5840086a6ccfd8bd2523946559714de5515f0f036fdc3d95679d96c4588809c1',
      '1261affb2e982807d3d5abed75925adc3d1cea6cacc5fcc2708ea8dfcf6b5864',
      'a50a8058208cc343ccab69537ae56bd5e2385e6d1b8e3655796cfac2c5d9746a',
      '0ff8bfe08d18fa'
    ])
    expect(rows(first.signature)).toEqual([
      '5146a10cfaa8a3f309e657dc5086be7aa51511002c41d057535f02bedcf248f2',
      '8673b7d6b64e1e3fab1ad9fff60fa9e14f846bb7e5e79ef8a02d3006aa588101'
    ])
    expect(rows(first.body)).toEqual([
      'ca153efee38852810456b77e1e3a2678430f3df896c02d3b083d00f993c81a68',
      '76aec57029ed489cd85481a9fb3453d26665b4d8d5bcbe647b7e9df2d32df036',
      '736a2a847b7d77f261391799546d2b9206642f407a84376f97909a1c7d33c94c',
      '21ee6cff99f098e7e064813ca5a3cb4f85c841679b96800f77c2cc3349b01d03',
      'f00a46849017d3b57b1785240b6dd1bc375138ee60a62fbc706a5b05046625ca',
      '43ab7cb1a268fbe19df8faa3eeed81fad202bedd4b10c3905ddc57895f1ce0af',
      'c435793649527b451f13fce02560dd9fd2931c1ccbee9c7ab3f07855562a1bcc',
      'bc07f3be1f3be49fde9793589146995721664ca3eb17fa1dc872'
    ])
    expect(first.hash).toBe('e463154137bf7a7c93f064d2dac4aeeb496e1fd7fba28a80aab363c5c5f9e88d')
  })

  it('the next, with a dependency and no change', () => {
    expect(rows(second.headerBytes)).toEqual([
      '8d015820f4eebf6465874b540640149c2ff84734ecb78fcfb41ed5f2947c8fa4',
      '36fddf100058208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3',
      '748801b40f6f5c015820e463154137bf7a7c93f064d2dac4aeeb496e1fd7fba2',
      '8a80aab363c5c5f9e88d81582033333333333333333333333333333333333333',
      '333333333333333333333333331b0000018bcfe5680158200707070707070707',
      '070707070707070707070707070707070707070707070707f68058202e42cd16',
      '1b8e17679b1abac289ba741165aba5d2425813b9559a8235925108a011'
    ])
    expect(rows(second.signature)).toEqual([
      '873653c4913ccaab9cf4f8d849ea296957e56a3dfea394990f3cfe6845826e7a',
      'bb0a8f878a9a58e5a9edd7cdd82c2778e3638c8b00c0bed6cf84e1d82d5f0b04'
    ])
    expect(rows(second.body)).toEqual(['c94df5408ded01b1b8243408c4eb7ff02c'])
    expect(second.hash).toBe('8caebf1c014926ed7b4a355f703b6753715c51540034a9b29b5c8c5befc99bb8')
  })

  it('a run of the second alone', () => {
    const run = encodeSegment([second]) ?? expect.fail('no run')
    expect(rows(run)).toEqual([
      '875820f4eebf6465874b540640149c2ff84734ecb78fcfb41ed5f2947c8fa436',
      'fddf1058208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf37488',
      '01b40f6f5c015820e463154137bf7a7c93f064d2dac4aeeb496e1fd7fba28a80',
      'aab363c5c5f9e88d58208caebf1c014926ed7b4a355f703b6753715c51540034',
      'a9b29b5c8c5befc99bb81b0000018bcfe5680181870081582033333333333333',
      '3333333333333333333333333333333333333333333333333300582007070707',
      '0707070707070707070707070707070707070707070707070707070780584087',
      '3653c4913ccaab9cf4f8d849ea296957e56a3dfea394990f3cfe6845826e7abb',
      '0a8f878a9a58e5a9edd7cdd82c2778e3638c8b00c0bed6cf84e1d82d5f0b0451',
      'c94df5408ded01b1b8243408c4eb7ff02c'
    ])
    expect(decodeRun(nobleCrypto, run, 1)).toEqual([second])
  })

  it('is read back from its parts, and its body opens', () => {
    const { headerBytes, signature, body } = first
    const read = decodeEntry(nobleCrypto, { headerBytes, signature, body })
    expect(read).toEqual(first)
    expect(decodeChanges(openBody(nobleCrypto, draft.epochKey, read) ?? new Uint8Array())).toEqual([MEMBER, CREATE, SEED])
  })

  it('the vector and digest of a log that holds both', () => {
    const vector = new Map([[author, [{ floor: 0, seq: 1, hash: second.hash }]]])
    expect(rows(encodeCbor(encodeVector(vector)))).toEqual([
      '818258208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801',
      'b40f6f5c8183000158208caebf1c014926ed7b4a355f703b6753715c51540034',
      'a9b29b5c8c5befc99bb8'
    ])
    expect(digestOf(crypto, vector)).toBe('cbd9f4957720b64b21c3e820f26f2bf8000fff31746c7861e97bffa30f167f5f')
    expect(digestOf(crypto, new Map())).toBe('76be8b528d0075f7aae98d6fa57a6d3c83ae480a8469e668d7b0af968995ac71')
  })
})
