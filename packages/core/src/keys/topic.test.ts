import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Crypto } from '../base/crypto.js'
import { isGuessable } from './guessable.js'
import { encodeLink } from './link.js'
import { nobleCrypto as crypto } from './noble-crypto.js'
import { keysFromName, normaliseName, parseTopic } from './topic.js'
import { keysFromWriteKey } from './workspace-keys.js'

const invalid = (words: RegExp) => expect.objectContaining({ name: 'InvalidTopicError', message: expect.stringMatching(words) })
const link = encodeLink(crypto, keysFromWriteKey(crypto, new Uint8Array(32).fill(9)))

describe('a plain name', () => {
  it('[KEY11] is the same however it is spelled', () => {
    const spellings = ['my café', '  My   CAFÉ ', 'my cafe\u0301', 'my\tcafé\n', 'MY\u00a0café', 'ｍｙ café']
    for (const text of spellings) expect(parseTopic(crypto, text)).toEqual({ kind: 'name', name: 'my café' })
  })

  it('[KEY11] once normalised stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
        const name = normalisedOrNothing(text)
        if (name !== undefined) expect(normaliseName(name)).toBe(name)
      }),
      { numRuns: 3000 }
    )
  })

  it('[KEY11] is composed again after lower case took it apart', () => {
    expect(normaliseName('J\u030cana')).toBe('\u01f0ana')
  })

  it('[KEY11] keeps the joiners of emoji and scripts, and characters outside the BMP', () => {
    for (const name of ['👩\u200d👧 us', 'می\u200cخواهم', '𐐨 notes']) expect(normaliseName(name)).toBe(name)
  })

  it('[KEY12] is refused with advice when it is empty, too long or partly invisible', () => {
    for (const text of ['', '   ', '\t\n']) expect(() => parseTopic(crypto, text)).toThrow(invalid(/empty; choose a name/))
    expect(parseTopic(crypto, 'a'.repeat(256))).toEqual({ kind: 'name', name: 'a'.repeat(256) })
    for (const text of ['n '.repeat(129), '\ufdfa'.repeat(256), 'x'.repeat(100_000)]) {
      expect(() => parseTopic(crypto, text)).toThrow(invalid(/at most 256|longer than/))
    }
    for (const char of ['\u0000', '\u0007', '\u001b', '\u007f', '\u0085', '\u200b', '\u202e', '\u2066', '\ud800']) {
      expect(() => parseTopic(crypto, `a${char}b`)).toThrow(invalid(/invisible characters/))
    }
  })

  it('[KEY13] that starts like a link and is none is refused', () => {
    const newer = link.replace('collab1', 'collab3')
    for (const text of ['collab1', 'Collab1 notes', ' "collab1wxyz"', 'ｃollab1x', link.slice(0, 30), newer]) {
      expect(() => parseTopic(crypto, text)).toThrow(invalid(/link/))
    }
    for (const name of ['collab', 'collab2 plans', 'my collab1 notes']) {
      expect(parseTopic(crypto, name)).toEqual({ kind: 'name', name })
    }
  })

  it('[KEY13] is never a link without its beginning, nor a sentence around a link', () => {
    for (let cut = 1; cut <= 'collab1w'.length; cut++) {
      expect(() => parseTopic(crypto, link.slice(cut))).toThrow(invalid(/beginning is damaged/))
    }
    expect(() => parseTopic(crypto, `join me: ${link} thanks`)).toThrow(invalid(/link inside this text; give the link alone/))
    expect(() => parseTopic(crypto, `https://example.org/#${link}`)).toThrow(invalid(/link inside/))
  })

  it('[KEY11] gives every spelling the same keys and another name others', async () => {
    const cheap: Crypto = { ...crypto, scrypt: async (password, salt) => crypto.sha256(salt, password) }
    const keys = await keysFromName(cheap, 'Team  Notes')
    expect(await keysFromName(cheap, 'team notes')).toEqual(keys)
    expect((await keysFromName(cheap, 'team note')).id).not.toBe(keys.id)
  })
})

describe('an estimate of how hard a name is to guess', () => {
  it('[KEY14] warns of words, dates, rows of keys and repetition', () => {
    const words = ['notes', 'smith family 2026', 'correct horse battery staple', 'correcthorsebatterystaple']
    const rows = ['qwertyuiopasdfghjklzxcvbnm', '12345678901234567890', 'abcdefghijklmnopqrstuvwxyz', '1999 2000 2001 2002']
    const others = ['p@ssw0rd123!', 'a'.repeat(200), 'team '.repeat(40), '会议记录']
    for (const name of [...words, ...rows, ...others]) expect([name, isGuessable(normaliseName(name))]).toEqual([name, true])
  })

  it('[KEY14] is content with six random words or a random token', () => {
    const tokens = ['f3a91c07d5b2486e9017ac3d52be6f08', 'k3v9x7q2mw4t8z1rp6hd', 'zkvqhxbwrtjmpcdnyslfqkgv']
    const words = ['gopher unzip velvet karate mosaic pledge']
    for (const name of [...words, ...tokens]) expect([name, isGuessable(name)]).toEqual([name, false])
  })
})

function normalisedOrNothing(text: string): string | undefined {
  try {
    return normaliseName(text)
  } catch {
    return undefined
  }
}
