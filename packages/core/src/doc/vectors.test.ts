import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'
import { toHex, utf8 } from '../base/bytes.js'
import { parseAuthorId, parseDocId } from '../base/ids.js'
import { nobleCrypto as crypto } from '../keys/noble-crypto.js'
import { authorClient, lowerMergeClient, mergeClient, seedClient } from './client-id.js'
import { conflictName } from './conflict-name.js'
import { appDocumentId, directoryId, documentId, fileId } from './node-id.js'
import { seedUpdate } from './seed.js'
import { TextDocument } from './text-document.js'
import { Translation } from './translate.js'
import { shareMostLines, unionOf, unionText } from './union-merge.js'

// What docs/PROTOCOL.md prints for other implementations. A change here is a change of the protocol: it needs a new
// version, not a new vector.
const TEXT = 'hello\n'
const hash = crypto.sha256(utf8(TEXT))
const author = parseAuthorId(crypto.signer(new Uint8Array(32).fill(1)).publicKey)
const node = fileId(crypto, 'a.md', hash, 0)
const doc = documentId(crypto, node, hash)
const winner = parseDocId('11'.repeat(16))
const loser = parseDocId('22'.repeat(16))
const winnerSeed = 'one\ntwo\n'
const loserSeed = 'one\nthree\ntwo\n'

/** The document that begins with `text`. */
function begun(id: typeof doc, text: string): TextDocument {
  const document = new TextDocument({ crypto, doc: id, seeds: () => '' })
  document.apply([{ author, via: [], change: { kind: 'seed', doc: id, text } }])
  return document
}

describe('[VEC3] ids of what begins', () => {
  it('directory, file, document', () => {
    expect(directoryId(crypto, 'docs', 0)).toBe('0d1c4889f842995fcabd3aa6315f7932')
    expect(directoryId(crypto, 'docs', 1)).toBe('c981bb6f18b713be39f8409c430892bd')
    expect(node).toBe('e352fda59f6b2d59514e063b863419b3')
    expect(doc).toBe('ab3b2cba49212483e9644dcb10207a6e')
  })

  it('conflict name', () => {
    expect(conflictName('a.md', 'Ann', node, 1)).toBe('a (conflict, Ann e352fda5).md')
    expect(conflictName('a.md', undefined, node, 2)).toBe('a (conflict, someone e352fda5 2).md')
  })
})

describe('[VEC4] client ids and updates', () => {
  it('a seed', () => {
    expect(seedClient(crypto, doc, TEXT)).toBe(7_152_490_543_825_670)
    expect(toHex(seedUpdate(crypto, doc, TEXT))).toBe('01018686ffd0efa4da0c00040107636f6e74656e740668656c6c6f0a00')
    expect(toHex(seedUpdate(crypto, doc, ''))).toBe('0000')
  })

  it('an edit of an author', () => {
    expect(authorClient(crypto, author, doc, 0)).toBe(2_391_338_659_882_562)
    expect(authorClient(crypto, author, doc, 1)).toBe(1_275_537_527_357_239)
    const { nonce, update } = begun(doc, TEXT).edit([{ at: 5, remove: 0, insert: ' you' }], author, 0)
    expect([nonce, toHex(update)]).toEqual([0, '0101c2ccf0da8edd9f0400c48686ffd0efa4da0c048686ffd0efa4da0c050420796f7500'])
  })

  it('of a document named by an app', () => {
    const board = appDocumentId(crypto, 'board')
    expect([board, authorClient(crypto, author, board, 0)]).toEqual(['7ede914b60fac7b5575f84d10f05a79e', 1_247_038_881_396_366])
    const y = new Y.Doc({ guid: 'test' })
    y.clientID = authorClient(crypto, author, board, 0)
    y.getMap('todo').set('milk', true)
    expect(toHex(Y.encodeStateAsUpdate(y))).toBe('01018eedafeccdc59b0200280104746f646f046d696c6b017800')
  })

  it('a machine change, and the digest of the state that it was made on', () => {
    const { base, update } = begun(doc, TEXT).editDerived([{ at: 0, remove: 6, insert: 'HELLO\n' }])
    expect(toHex(base)).toBe('d749e47ad1102429d079114deacc0c99772a2710f642e78789e966a74d45770e')
    expect(toHex(update)).toBe('0101e8adbe8ee081a50800848686ffd0efa4da0c050648454c4c4f0a018686ffd0efa4da0c010006')
  })

  it('a merge, and a change of the loser translated', () => {
    expect([shareMostLines(winnerSeed, loserSeed), unionText(winnerSeed, unionOf(winnerSeed, loserSeed))]).toEqual([true, loserSeed])
    const client = mergeClient(crypto, winner, loser, winnerSeed, loserSeed)
    expect([client, lowerMergeClient(client)]).toEqual([6_697_810_329_933_304, 6_627_441_585_755_640])
    const translation = new Translation(crypto, { winner, loser, winnerSeed, loserSeed })
    expect(toHex(translation.mergeUpdate())).toBe('0101f8abf4ebf7f3f20b00c4bd99da82ebe1ac0d03bd99da82ebe1ac0d040674687265650a00')
    const { update } = begun(loser, loserSeed).edit([{ at: 4, remove: 5, insert: '3' }], author, 0)
    expect(toHex(update)).toBe('0101b8ae86ed9e8ca40300c4d8c5d8d49dccbb0e08d8c5d8d49dccbb0e09013301d8c5d8d49dccbb0e010405')
    expect(toHex(translation.translate(update))).toBe('0101b8ae86ed9e8ca40300c4f8abf4ebf7f3f20b04f8abf4ebf7f3f20b05013301f8abf4ebf7f3f20b010005')
  })
})
