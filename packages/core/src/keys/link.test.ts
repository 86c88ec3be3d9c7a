import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, utf8 } from '../base/bytes.js'
import { fromBase32, toBase32 } from './base32.js'
import { encodeLink, MAX_LINK_ADDRESSES, MAX_LINK_CHARS, parseLink } from './link.js'
import { nobleCrypto as crypto } from './noble-crypto.js'
import { parseTopic } from './topic.js'
import { keysFromWriteKey, shareAs } from './workspace-keys.js'

const keys = keysFromWriteKey(crypto, new Uint8Array(32).fill(9))
const address = '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGatU9DzmPD6kiLPqKz3dQ8mSq7uuYNyxFANyPPWuRYM2'
const addresses = [address, '/dns4/relay.example/tcp/443/wss']
const granted = (['write', 'read', 'blind'] as const).map(rights => shareAs(keys, rights))
const links = granted.flatMap(keys => [encodeLink(crypto, keys), encodeLink(crypto, keys, addresses)])
const charOf = (text: string) => fc.constantFrom(...Array.from(text))
const anyLink = fc.constantFrom(...links)
const invalid = (words: RegExp) => expect.objectContaining({ name: 'InvalidTopicError', message: expect.stringMatching(words) })

describe('base32', () => {
  it('[KEY7] gives back the bytes it was given, and reads no second spelling', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), bytes => {
        expect(fromBase32(toBase32(bytes))).toEqual(bytes)
      })
    )
    fc.assert(
      fc.property(fc.string({ unit: charOf('abcdefghijklmnopqrstuvwxyz234567'), maxLength: 12 }), text => {
        const bytes = fromBase32(text)
        if (bytes !== undefined) expect(toBase32(bytes)).toBe(text)
      })
    )
    expect([toBase32(utf8('foobar')), toBase32(utf8('fooba')), toBase32(utf8('f'))]).toEqual(['mzxw6ytboi', 'mzxw6ytb', 'my'])
    for (const text of ['mz', 'a', 'my=', 'MY']) expect(fromBase32(text)).toBeUndefined()
  })
})

describe('a link', () => {
  it('[KEY7] says again what it was made from', () => {
    const address = fc.string({ unit: charOf('abcXYZ019/.:-%'), minLength: 1, maxLength: 250 }).map(text => `/${text}`)
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const rights = fc.constantFrom('write', 'read', 'blind')
    fc.assert(
      fc.property(key, rights, fc.array(address, { maxLength: 16 }), (key, rights, addresses) => {
        const granted = shareAs(keysFromWriteKey(crypto, key), rights)
        const link = encodeLink(crypto, granted, addresses)
        expect(link).toMatch(/^[a-z0-9]+$/)
        expect(link.length).toBeLessThanOrEqual(MAX_LINK_CHARS)
        expect(parseLink(crypto, link)).toEqual({ keys: granted, addresses })
      }),
      { numRuns: 30 }
    )
  })

  it('[KEY7] is read in upper case and with what a chat or mail puts around it', () => {
    for (const link of links) {
      const expected = parseLink(crypto, link)
      const quoted = [`<${link}>`, `"${link}"`, `'${link}'`, `“${link}”.`, `\u200b(\`${link}\`),`]
      for (const text of [link.toUpperCase(), `  ${link}\r\n`, ...quoted]) {
        expect(parseLink(crypto, text)).toEqual(expected)
        expect(parseTopic(crypto, text)).toEqual({ kind: 'link', ...expected })
      }
    }
  })

  it('[KEY8] with one character changed to any other is refused, and is not taken for a name', () => {
    const char = fc.oneof(charOf('abcdefghijklmnopqrstuvwxyz0123456789'), charOf(' <>".-ÿ\u0007'))
    fc.assert(
      fc.property(anyLink, fc.nat(), char, (link, at, char) => {
        const index = at % link.length
        fc.pre(link[index] !== char)
        expectRefused(link.slice(0, index) + char + link.slice(index + 1))
      }),
      { numRuns: 1000 }
    )
  })

  it('[KEY8] with a character left out, doubled or put in, or two swapped, is refused', () => {
    fc.assert(
      fc.property(anyLink, fc.nat(), charOf('az27'), (link, at, char) => {
        const index = at % link.length
        const [before, here, after] = [link.slice(0, index), link.charAt(index), link.slice(index + 1)]
        expectRefused(before + after)
        expectRefused(before + here + here + after)
        expectRefused(before + char + here + after)
        if (here !== after.charAt(0) && after !== '') expectRefused(before + after.charAt(0) + here + after.slice(1))
      }),
      { numRuns: 400 }
    )
  })

  it('[KEY8] cut short anywhere is refused', () => {
    for (const link of links) {
      for (let length = 'collab1'.length; length < link.length; length++) expectRefused(link.slice(0, length))
    }
  })

  it('[KEY9] says in one sentence what is wrong and what to do', () => {
    const [link = ''] = links
    const last = link.at(-30) === 'a' ? 'b' : 'a'
    const sentences: readonly (readonly [string, RegExp])[] = [
      [link.slice(0, 40), /^this link is cut short; copy the whole link again/],
      ['collab1', /^this link is cut short; copy/],
      [link.slice(0, -30) + last + link.slice(-29), /^this link is mistyped; copy/],
      [link.replace('collab1', 'collab2'), /newer version of collab; update/],
      [link.replace('collab1w', 'collab1x'), /does not say what it grants.*update collab$/],
      [`${link.slice(0, 20)}é${link.slice(21)}`, /its character 21 occurs in no link/],
      ['notes', /^a link starts with collab1; copy/]
    ]
    for (const [text, words] of sentences) expect(() => parseLink(crypto, text)).toThrow(invalid(words))
  })

  it('[KEY9] whose checksum is right but whose content is unknown was made by a newer version', () => {
    const secret = new Uint8Array(32)
    const contents = [
      concat(secret, Uint8Array.of(0, 0)),
      concat(secret, Uint8Array.of(1, 0, 5), utf8('/ip4')),
      concat(secret, Uint8Array.of(1, 0, 4), utf8('ip4/')),
      concat(secret, Uint8Array.of(1, 0, 2, 0x2f, 0xff)),
      concat(secret, Uint8Array.of(255)),
      secret
    ]
    for (const content of contents) expect(() => parseLink(crypto, sealed('w', content))).toThrow(invalid(/newer version/))
    expect(parseLink(crypto, sealed('w', concat(secret, Uint8Array.of(0)))).addresses).toEqual([])
  })

  it('[KEY10] is not decoded beyond its greatest length', () => {
    expect(() => parseLink(crypto, `collab1w${'a'.repeat(MAX_LINK_CHARS)}`)).toThrow(invalid(/longer than any link/))
  })

  it('[KEY10] carries only addresses that are safe to print, and not too many', () => {
    for (const bad of ['', '/', 'ip4/1', '/ip4/1 2', '/\u001b[2J', '/é', `/${'a'.repeat(300)}`]) {
      expect(() => encodeLink(crypto, keys, [bad])).toThrow(invalid(/address 1 cannot stand in a link/))
      if (bad.length < 256) {
        const content = concat(new Uint8Array(32), Uint8Array.of(1, 0, utf8(bad).length), utf8(bad))
        expect(() => parseLink(crypto, sealed('w', content))).toThrow(invalid(/newer version/))
      }
    }
    const tooMany = Array.from({ length: MAX_LINK_ADDRESSES + 1 }, () => '/a')
    expect(() => encodeLink(crypto, keys, tooMany)).toThrow(invalid(/at most 16/))
  })
})

function expectRefused(text: string): void {
  expect(() => parseLink(crypto, text)).toThrow(invalid(/./))
  expect(() => parseTopic(crypto, text)).toThrow(invalid(/./))
}

function sealed(role: string, payload: Uint8Array): string {
  const checksum = crypto.sha256(utf8(`collab/1 link${role}`), payload).subarray(0, 4)
  return `collab1${role}${toBase32(concat(payload, checksum))}`
}
