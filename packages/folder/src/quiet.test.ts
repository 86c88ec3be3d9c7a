import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  GROWTH_LIMIT_MS,
  QUIET_CHANGED_MS,
  QUIET_KEPT_MS,
  QUIET_NEW_MS,
  QUIET_SHRUNK_MS,
  QUIET_TEMPORARY_MS,
  WAIT_LIMIT_MS,
  common,
  quietMs
} from './quiet.js'

const text = Array.from({ length: 400 }, (_, line) => `line ${line} of the document, nothing like the others ${line * 7919}`).join('\n')

interface Options {
  readonly name?: string
  readonly waitedMs?: number
  readonly ino?: bigint
  readonly finished?: boolean
}

function quiet(last: string | undefined, now: string, { name = 'note.md', waitedMs = 0, ino = 1n, finished = false }: Options = {}): number {
  return quietMs({
    last: last === undefined ? undefined : { ino: 1n, bytes: Buffer.from(last) },
    now: { ino, bytes: Buffer.from(now), finished },
    name,
    waitedMs
  })
}

describe('how long a reading must have been quiet', () => {
  it('[DISK7] little when the old ending is still there', () => {
    expect(quiet(text, `${text.slice(0, 900)} typed ${text.slice(900)}`)).toBe(QUIET_KEPT_MS)
    expect(quiet(text, text.slice(0, 900) + text.slice(1700))).toBe(QUIET_KEPT_MS)
  })

  it('[DISK7] little when everything is still there and more was appended', () => {
    expect(quiet(text, `${text}\nand one more line`)).toBe(QUIET_KEPT_MS)
    expect(quiet(text, `${text.slice(0, -20)}!`)).toBe(QUIET_KEPT_MS)
  })

  it('[DISK7] long when the ending is missing, longest when much is', () => {
    expect(quiet(text, '')).toBe(QUIET_SHRUNK_MS)
    expect(quiet(text, text.slice(0, text.length / 2))).toBe(QUIET_SHRUNK_MS)
    expect(quiet(text, text.slice(0, -100))).toBe(QUIET_CHANGED_MS)
    expect(quiet(text, `${text.slice(0, text.length / 2)}${'x'.repeat(text.length)}`)).toBe(QUIET_CHANGED_MS)
  })

  it('[DISK7] nothing when the content is the known one', () => {
    expect(quiet(text, text)).toBe(0)
  })

  it('[DISK8] a file renamed into place waits one step less, a file created in place does not', () => {
    const edited = text.replace('line 7', 'line seven')
    expect(quiet(text, edited, { ino: 2n, finished: true })).toBe(0)
    expect(quiet(text, edited, { ino: 2n, finished: false })).toBe(QUIET_KEPT_MS)
    expect(quiet(text, edited, { ino: 1n, finished: true })).toBe(QUIET_KEPT_MS)
    expect(quiet(text, text.slice(0, 50), { ino: 2n, finished: true })).toBe(QUIET_CHANGED_MS)
  })

  it('[DISK9] a new path waits longer than a temporary file lives', () => {
    expect(quiet(undefined, 'x')).toBe(QUIET_NEW_MS)
    expect(quiet(undefined, '')).toBe(QUIET_SHRUNK_MS)
    for (const name of ['sedA1b2C3', '4913', '.note.md.Ab12Cd', 'tmpXY12']) expect(quiet(undefined, 'x', { name })).toBe(QUIET_TEMPORARY_MS)
  })

  it('[DISK10] waiting ends, so a file that is saved all the time is read all the same', () => {
    expect(quiet(text, text.slice(0, 90), { waitedMs: WAIT_LIMIT_MS })).toBe(QUIET_KEPT_MS)
    expect(quiet(text, '', { waitedMs: WAIT_LIMIT_MS })).toBe(QUIET_CHANGED_MS)
    expect(quiet(text, `${text} log`, { waitedMs: GROWTH_LIMIT_MS })).toBe(0)
    expect(quiet(text, text.slice(0, 90), { waitedMs: GROWTH_LIMIT_MS })).toBe(QUIET_KEPT_MS)
  })

  it('[DISK7] every unfinished rewrite that would delete more than a few words waits the long time', () => {
    fc.assert(
      fc.property(fc.nat(text.length), fc.string({ minLength: 1, maxLength: 200 }), fc.nat(text.length), (at, insert, cut) => {
        const whole = text.slice(0, at) + insert + text.slice(at)
        const torn = whole.slice(0, cut)
        const missing = Buffer.byteLength(text) - Buffer.byteLength(torn)
        fc.pre(missing > 300)
        expect(quiet(text, torn)).toBeGreaterThanOrEqual(QUIET_CHANGED_MS)
      })
    )
  })

  it('[DISK7] common beginning and ending never overlap', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 2 }), fc.uint8Array({ max: 2 }), (a, b) => {
        const { prefix, suffix } = common(a, b)
        expect(prefix + suffix).toBeLessThanOrEqual(Math.min(a.length, b.length))
        expect(a.slice(0, prefix)).toEqual(b.slice(0, prefix))
        expect(a.slice(a.length - suffix)).toEqual(b.slice(b.length - suffix))
      })
    )
  })
})
