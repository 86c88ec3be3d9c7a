import { describe, expect, it } from 'vitest'
import { Io } from './io.js'
import type { StoppedEvent } from './json-events.js'
import { lastLook } from './last-state.js'
import { LineReporter } from './line-reporter.js'
import { LiveReporter } from './live-reporter.js'

const STOPPED: StoppedEvent = { type: 'stopped', code: 0, peers: 2, complete: 2, waiting: 0, fetching: 0, serving: 0, confirm: false }
const SAVED = 'stopped: all is saved here; 2 peers have every edit'

function written(isTTY: boolean): { readonly io: Io; readonly text: () => string } {
  let text = ''
  return { io: new Io({ stdout: { write: (more) => (text += more), isTTY }, stderr: { write: () => undefined }, color: false }), text: () => text }
}

function wordOf(last: Partial<StoppedEvent>): string {
  const { io, text } = written(false)
  new LineReporter(io).tell({ ...STOPPED, ...last })
  return text().slice('00:00:00 '.length).trimEnd()
}

function session(work: { readonly settled: () => Promise<void>; readonly whenSynced: () => Promise<void> }): Parameters<typeof lastLook>[0] {
  const workspace = { status: () => ({ peers: [{ synced: false }] }), whenSynced: work.whenSynced }
  return { workspace, sync: { settled: work.settled } } as unknown as Parameters<typeof lastLook>[0]
}

describe('what was saved just before the end', () => {
  it('[CLI98] is taken up and sent before the end', async () => {
    const order: string[] = []
    const note = (what: string) => async (): Promise<void> => void (await Promise.resolve(), order.push(what))
    await lastLook(session({ settled: note('taken up'), whenSynced: note('sent') }))
    expect(order).toEqual(['taken up', 'sent'])
  })

  it('[CLI98] holds the end up for a short time only', async () => {
    const never = (): Promise<void> => new Promise<void>(() => undefined)
    await expect(lastLook(session({ settled: never, whenSynced: never }), 1)).resolves.toBeUndefined()
    const failing = async (): Promise<void> => await Promise.reject(new Error('the disk is gone'))
    await expect(lastLook(session({ settled: failing, whenSynced: never }))).rejects.toThrow('the disk is gone')
  })
})

describe('the last word', () => {
  it('[CLI97] says what is saved, what is not done yet, and whether the peers have it', () => {
    expect(wordOf({})).toBe(SAVED)
    expect(wordOf({ peers: 1, complete: 1 })).toBe('stopped: all is saved here; 1 peer has every edit')
    expect(wordOf({ peers: 3, complete: 1 })).toBe('stopped: all is saved here; 1 of 3 peers has every edit, the rest goes out at the next start')
    expect(wordOf({ peers: 0, complete: 0 })).toBe('stopped: all is saved here; no peer is connected, what they lack goes out at the next start')
    expect(wordOf({ waiting: 2 })).toMatch(/^stopped: what just changed in the folder is taken up at the next start, all else is saved here; 2 peers/)
    expect(wordOf({ confirm: true, fetching: 1, serving: 2 })).toBe(
      'stopped: all is saved here; what waits for confirmation still does; 1 file still to be fetched; 2 peers have every edit; 2 files still to be fetched from here'
    )
  })

  it('[CLI97] stands below the last state of the display, which is drawn no more', () => {
    const { io, text } = written(true)
    const reporter = new LiveReporter(io)
    reporter.begin({ topic: 'notes', rights: 'write' }, () => undefined)
    const frame = (reporter.ending(), text())
    expect(frame).toContain('starting')
    expect(frame.endsWith('\r\u001b[K')).toBe(true)
    reporter.tell(STOPPED)
    reporter.end()
    expect(text().startsWith(frame)).toBe(true)
    expect(text().slice(frame.length)).toMatch(new RegExp(`^\\d\\d:\\d\\d:\\d\\d ${SAVED}\\n$`))
  })

  it('[CLI89] is not needed twice: of a path that the disk refused one line is shown', () => {
    const { io, text } = written(false)
    const reporter = new LineReporter(io)
    reporter.tell({ type: 'skipped', path: 'a.md', reason: 'The disk is full.' })
    reporter.tell({ type: 'warning', code: 'blocked', message: 'a.md could not be changed on disk: The disk is full.' })
    expect(text().split('\n').filter((line) => line.includes('a.md'))).toHaveLength(1)
  })

  it('[CLI97] is nothing after a dry run', () => {
    const { io, text } = written(false)
    new LineReporter(io).tell({ type: 'stopped', code: 0 })
    expect(text()).toBe('')
  })
})
