import { MIN_VERSION_CHARS } from '@collab/core'
import type { PastPoint } from '@collab/core'

/** What `--at` may name: a moment, a version as `collab log` shows it, or something that `collab trash` lists. */
export type When = PastPoint | { readonly trash: string }

const UNITS_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 }
const TRASH_ID = /^[0-9a-z]+-[0-9a-f]{8}-[0-9a-f]{4}$/
const VERSION = new RegExp(`^[0-9a-f]{${MIN_VERSION_CHARS},64}$`)
const CLOCK_TIME = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/
const DATE = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(Z|[+-]\d{2}:\d{2})?)?$/

export const WHEN_HELP = 'a time (14:30, 2026-11-20, "2026-11-20 14:30", 2h, 3d ago), a version of collab log, or an id of collab trash'

/** Undefined when it is none of these. Times without a zone are this machine's; a day alone is its beginning. */
export function parseWhen(text: string, now: number): When | undefined {
  const typed = text.trim()
  if (TRASH_ID.test(typed)) return { trash: typed }
  if (VERSION.test(typed)) return { version: typed }
  const time = ago(typed, now) ?? clockTimeToday(typed, now) ?? dateAndTime(typed)
  return time === undefined || Number.isNaN(time) ? undefined : { time }
}

function ago(text: string, now: number): number | undefined {
  const match = /^(\d{1,5})\s?([smhdw])(?: ago)?$/.exec(text)
  return match === null ? undefined : now - Number(match[1]) * (UNITS_MS[match[2] ?? ''] ?? 0)
}

/** The last time that the clock showed this. */
function clockTimeToday(text: string, now: number): number | undefined {
  const match = CLOCK_TIME.exec(text)
  if (match === null) return undefined
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined
  const date = new Date(now)
  date.setHours(hours, minutes, seconds, 0)
  if (date.getTime() > now) date.setDate(date.getDate() - 1)
  return date.getTime()
}

function dateAndTime(text: string): number | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const [, year, month, day, time = '00:00', zone = ''] = match
  const parsed = new Date(`${year}-${month}-${day}T${time}${zone}`)
  // 2026-02-31 is no day, although Date makes one of it.
  const isDay = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
  return isDay ? parsed.getTime() : undefined
}
