import { describe, expect, it } from 'vitest'
import { parseWhen } from './when.js'

const NOW = new Date(2026, 10, 21, 12, 30, 0).getTime()
const at = (year: number, month: number, day: number, hours = 0, minutes = 0, seconds = 0) => ({ time: new Date(year, month, day, hours, minutes, seconds).getTime() })

describe('parseWhen', () => {
  it('[RST14] reads times as people write them, versions and trash ids', () => {
    expect(parseWhen('14:05', NOW)).toEqual(at(2026, 10, 20, 14, 5))
    expect(parseWhen('9:05:07', NOW)).toEqual(at(2026, 10, 21, 9, 5, 7))
    expect(parseWhen('2026-11-20', NOW)).toEqual(at(2026, 10, 20))
    expect(parseWhen('2026-11-20 14:30', NOW)).toEqual(at(2026, 10, 20, 14, 30))
    expect(parseWhen('2026-11-20T14:30:05Z', NOW)).toEqual({ time: Date.UTC(2026, 10, 20, 14, 30, 5) })
    expect(parseWhen('2h', NOW)).toEqual({ time: NOW - 7_200_000 })
    expect(parseWhen('3d ago', NOW)).toEqual({ time: NOW - 3 * 86_400_000 })
    expect(parseWhen('0c3b818e6f', NOW)).toEqual({ version: '0c3b818e6f' })
    expect(parseWhen('mhq3k2l1-1f2e3d4c-1a2b', NOW)).toEqual({ trash: 'mhq3k2l1-1f2e3d4c-1a2b' })
    for (const text of ['', 'foo', '25:00', '12:60', '2026-13-01', '2026-02-31', 'abc', '5y', '-1h', '2026-11-20 99:99']) expect(parseWhen(text, NOW)).toBeUndefined()
  })
})
