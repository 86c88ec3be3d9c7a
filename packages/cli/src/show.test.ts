import { describe, expect, it } from 'vitest'
import { show } from './show.js'

describe('show', () => {
  it.each([
    ['\u001b[31mred', '\\u{1b}[31mred'],
    ['a\nb\rc\td', 'a\\u{a}b\\u{d}c\\u{9}d'],
    ['\u009b2J', '\\u{9b}2J'],
    ['\u007f', '\\u{7f}'],
    ['x\u202etxt.exe', 'x\\u{202e}txt.exe'],
    ['a\u200bb\u2066c\ufeff', 'a\\u{200b}b\\u{2066}c\\u{feff}'],
    ['\u{e0041}', '\\u{e0041}'],
    ['\ud800x', '\\u{d800}x'],
    ['naïve 日本語 שלום 😀.md', 'naïve 日本語 שלום 😀.md']
  ])('[CLI70] shows %j as %j', (text, shown) => {
    expect(show(text)).toBe(shown)
  })

  it('[CLI71] leaves nothing that controls a terminal, of every character there is', () => {
    // eslint-disable-next-line no-control-regex
    const controls = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/
    let all = ''
    for (let code = 0; code <= 0x10_ffff; code++) {
      all += `${String.fromCodePoint(code)}-`
      if (code % 300 !== 0) continue
      const shown = show(all)
      expect(shown).not.toMatch(controls)
      expect(shown.isWellFormed()).toBe(true)
      expect(show(shown)).toBe(shown)
      all = ''
    }
  })

  it('[CLI72] cuts what no name or path can be', () => {
    expect(show('x'.repeat(100_000)).length).toBeLessThan(5_000)
  })
})
