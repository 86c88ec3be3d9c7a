import { describe, expect, it } from 'vitest'
import { clip, clipMiddle, count, dateTime, duration, paintFor, progressBar, table, widthOf, wrap } from './format.js'

describe('format', () => {
  it('[CLI73] clips any text to the width it is given', () => {
    const alphabet = ['a', '日', 'e\u0301', '😀', '/']
    const texts = Array.from({ length: 500 }, (_, seed) => Array.from({ length: seed % 37 }, (_, at) => alphabet[(seed * 7 + at * at) % 5]).join(''))
    for (const text of texts) {
      for (let width = 1; width < 40; width++) {
        expect(widthOf(clip(text, width))).toBeLessThanOrEqual(width)
        expect(widthOf(clipMiddle(text, width))).toBeLessThanOrEqual(width)
        if (widthOf(text) <= width) expect(clip(text, width)).toBe(text)
      }
    }
  })

  it('[CLI74] counts wide characters twice, marks and painting not at all', () => {
    expect(widthOf('日本')).toBe(4)
    expect(widthOf('😀')).toBe(2)
    expect(widthOf('e\u0301')).toBe(1)
    expect(widthOf(paintFor(true).green('abc'))).toBe(3)
    expect(paintFor(false).green('abc')).toBe('abc')
  })

  it('[CLI79] breaks lines at spaces where there are some, and nowhere inside of painting', () => {
    expect(wrap('one two three', 9)).toEqual(['one two', '    three'])
    expect(wrap('  run this: /ip4/127.0.0.1/tcp/1', 24)).toEqual(['  run this:', '    /ip4/127.0.0.1/tcp/1'])
    expect(wrap('', 10)).toEqual([''])
    const painted = paintFor(true).red(`${'x'.repeat(30)} 日本 ${'y'.repeat(7)} zz`)
    for (let width = 6; width < 50; width++) {
      const lines = wrap(painted, width)
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width)
      expect(lines.map((line) => line.replace(/^ {4}/, '')).join('').replaceAll(' ', '')).toBe(painted.replaceAll(' ', ''))
    }
  })

  it('[CLI75] keeps the end of a long path', () => {
    expect(clipMiddle('/home/somebody/with/a/long/path/notes', 20)).toMatch(/^\/home.*….*th\/notes$/)
  })

  it('[CLI76] says times and numbers as people do', () => {
    expect([5, 65, 4_000].map(duration)).toEqual(['5 s', '1 min 5 s', '1 h 6 min'])
    expect([count(1, 'file'), count(1_204, 'file'), count(0, 'entry', 'entries')]).toEqual(['1 file', '1,204 files', '0 entries'])
    expect(dateTime(8.7e15)).toBe('????-??-?? ??:??:??')
    expect(dateTime(new Date(2026, 0, 2, 3, 4, 5).getTime())).toBe('2026-01-02 03:04:05')
  })

  it('[CLI77] draws progress and columns', () => {
    expect([progressBar(0, 10, 4), progressBar(5, 10, 4), progressBar(99, 10, 4), progressBar(1, 0, 4)]).toEqual(['░░░░', '██░░', '████', '░░░░'])
    expect(table([['a', 'b'], ['日本', 'c']])).toEqual(['a     b', '日本  c'])
  })
})
