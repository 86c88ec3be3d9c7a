import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@collab/core'
import { openFolder } from '@collab/folder'
import type { FolderFs } from '@collab/folder'
import { describe, expect, it, vi } from 'vitest'

type Items = Parameters<FolderFs['placeMany']>[0]

function items(count: number): Items {
  return Array.from({ length: count }, (_, i) => ({ path: `d${i % 10}/é${i}.md`, text: `text ${i} ✓`, executable: i % 100 === 0 }) as Items[number])
}

describe('many new files at once', () => {
  it.each([true, false])('[DISK35] are placed by the same rules in a thread and without one (thread: %s)', async (thread) => {
    const root = mkdtempSync(join(tmpdir(), 'collab-place-'))
    const fs = await openFolder({ root, logger: silentLogger, clock: systemClock, thread })
    mkdirSync(join(root, 'd7'))
    writeFileSync(join(root, 'd7/é7.md'), 'mine')
    // The disk has a directory whose accent is spelt apart.
    mkdirSync(join(root, 'u\u0308'))
    await fs.scan({ ignores: () => false } as unknown as Parameters<FolderFs['scan']>[0])
    const accented = [{ path: '\u00fc/n.md', text: 'in it', executable: false }] as unknown as Items
    const [first, second] = await Promise.all([fs.placeMany([...items(300), ...accented]), fs.placeMany(items(310).slice(300))])
    expect([first.pop()?.kind, readFileSync(join(root, 'u\u0308/n.md'), 'utf8')]).toEqual(['written', 'in it'])
    expect([...first, ...second].map(({ kind }) => kind)).toEqual(items(310).map((_, i) => (i === 7 ? 'exists' : 'written')))
    expect(first.every((result, i) => result.kind !== 'written' || result.signature.ino === statSync(join(root, items(300)[i]?.path ?? ''), { bigint: true }).ino)).toBe(true)
    expect(['d3/é123.md', 'd7/é7.md', 'd5/é305.md'].map((path) => readFileSync(join(root, path), 'utf8'))).toEqual(['text 123 ✓', 'mine', 'text 305 ✓'])
    const modes = ['d0/é100.md', 'd1/é101.md'].map((name) => statSync(join(root, name)).mode & 0o777)
    const plain = 0o666 & ~process.umask()
    expect(modes).toEqual([plain | ((plain & 0o444) >> 2), plain])
    expect(readdirSync(join(root, '.collab/temp'))).toEqual([])
    await fs.close()
    rmSync(root, { recursive: true })
  })

  it('[DISK37] are to be looked at again when the thread dies, and the next ones are placed', async () => {
    const root = mkdtempSync(join(tmpdir(), 'collab-place-'))
    const fs = await openFolder({ root, logger: silentLogger, clock: systemClock })
    process.once('worker', (worker) => void worker.terminate())
    const results = await fs.placeMany(items(300))
    expect(results.map(({ kind }) => kind)).toEqual(results.map(() => 'changed'))
    const again = await fs.placeMany(items(300))
    expect(again).toHaveLength(300)
    expect(again.filter(({ kind }) => kind !== 'written' && kind !== 'exists')).toEqual([])
    expect(readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.name.endsWith('.md'))).toHaveLength(300)
    await fs.close()
    rmSync(root, { recursive: true })
  })

  it('[DISK35] are waited for when the folder is closed', async () => {
    const root = mkdtempSync(join(tmpdir(), 'collab-place-'))
    const fs = await openFolder({ root, logger: silentLogger, clock: systemClock })
    const placing = fs.placeMany(items(300))
    await fs.close()
    expect((await placing).filter(({ kind }) => kind === 'written')).toHaveLength(300)
    rmSync(root, { recursive: true })
  })

  it('[DISK36] are placed, and said to be, when the thread before had just ended because it was idle', async () => {
    const root = mkdtempSync(join(tmpdir(), 'collab-place-'))
    const fs = await openFolder({ root, logger: silentLogger, clock: systemClock })
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      await fs.placeMany(items(300).slice(0, 100))
      vi.advanceTimersByTime(60_000)
      const later = await fs.placeMany(items(300).slice(100))
      expect(later.map(({ kind }) => kind)).toEqual(later.map(() => 'written'))
    } finally {
      vi.useRealTimers()
      await fs.close()
      rmSync(root, { recursive: true })
    }
  })
})
