import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import type { FolderPeer } from '../harness/folder-peer.js'
import { SeededRandom } from '../harness/random.js'
import { realBlobs } from '../harness/real-input.js'

const SEED = Number(process.env['COLLAB_SEED'] ?? 4_004)
const MiB = 1024 * 1024

interface Transfers {
  readonly active: readonly { readonly doneBytes: number }[]
  readonly sentBytes: number
  readonly receivedBytes: number
}

const transfersOf = async (peer: FolderPeer): Promise<Transfers | undefined> => ((await peer.ask({ ask: 'status' })) as { transfers?: Transfers } | undefined)?.transfers
const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex')
const isThere = (path: string, hash: string): boolean => {
  try {
    return hashOf(path) === hash
  } catch {
    return false
  }
}

describe('pictures and large files between real processes', () => {
  it('[BLOB40] the images, fonts, wasm and archives of real packages arrive byte by byte, through a third one too', { timeout: 120_000 }, async () => {
    await using crowd = await Crowd.make(3, 'chain')
    const files = realBlobs(new SeededRandom(SEED), 120)
    expect(files.length).toBeGreaterThan(10)
    for (const [at, { path, source }] of files.entries()) {
      const to = join(crowd.peer(at % 2 === 0 ? 0 : 2).folder, path)
      mkdirSync(join(to, '..'), { recursive: true })
      writeFileSync(to, readFileSync(source))
    }
    await crowd.settle(100_000)
    for (const peer of crowd.peers) for (const { path, source } of files) expect(isThere(join(peer.folder, path), hashOf(source)), `${peer.name}: ${path}`).toBe(true)
    expect(crowd.leftovers()).toEqual([])
  })

  it('[BLOB41] killed at twenty moments, a fetch goes on where it was, and fetches less than the largest chunk twice for each', { timeout: 240_000 }, async () => {
    await using crowd = await Crowd.make(2, 'chain')
    const random = new SeededRandom(SEED)
    const [source, target] = [crowd.peer(0), crowd.peer(1)]
    const content = randomBytes(40 * MiB)
    writeFileSync(join(source.folder, 'film.bin'), content)
    const hash = hashOf(join(source.folder, 'film.bin'))
    await source.start([], ['--limit-up', '6M'])
    const kills = 20
    let received = 0
    for (let kill = 0; kill < kills; kill++) {
      await target.start([source])
      // Between two chunks, in the middle of one, while one is written: wherever it is when so many bytes have come.
      const until = random.int(1.5 * MiB)
      received += await eventually('some of it came', async () => {
        const { receivedBytes = 0 } = (await transfersOf(target)) ?? {}
        return receivedBytes > until ? receivedBytes : undefined
      })
      await target.kill()
    }
    await target.start([source])
    await eventually('it is whole', () => isThere(join(target.folder, 'film.bin'), hash))
    const sent = (await transfersOf(source))?.sentBytes ?? 0
    expect(received).toBeGreaterThan(kills * 0.25 * MiB)
    // Of all that left the source, what was on its way counted: less than the largest chunk for each kill.
    expect(sent - content.length).toBeLessThan(kills * MiB)
    expect(readdirSync(join(target.folder, '.collab/temp'))).toEqual([])
  })

  it('[BLOB42] one that cannot read holds them and restores a wiped member', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(1, 'chain')
    const member = crowd.peer(0)
    const picture = randomBytes(3 * MiB)
    writeFileSync(join(member.folder, 'photo.jpg'), picture)
    const holder = await crowd.add({ name: 'holder', command: 'hold' })
    await member.start()
    await holder.start([member])
    await eventually('it is held', async () => {
      const transfers = await transfersOf(holder)
      return transfers !== undefined && transfers.receivedBytes > picture.length && transfers.active.length === 0
    })
    await member.stop()
    rmSync(member.folder, { recursive: true })
    rmSync(member.home, { recursive: true })
    const back = await crowd.add({ name: 'back' })
    await back.start([holder])
    await eventually('it is back', () => isThere(join(back.folder, 'photo.jpg'), createHash('sha256').update(picture).digest('hex')))
    const kept = readdirSync(holder.home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    for (const { parentPath, name } of kept) expect(readFileSync(join(parentPath, name)).includes(picture.subarray(5000, 5064)), name).toBe(false)
  })

  it('[BLOB43] --once fetches everything and lets others fetch everything before it ends', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(2, 'chain')
    const [a, b] = [crowd.peer(0), crowd.peer(1)]
    const [first, second] = [randomBytes(2 * MiB), randomBytes(2 * MiB)]
    writeFileSync(join(a.folder, 'a.bin'), first)
    writeFileSync(join(b.folder, 'b.bin'), second)
    await a.start()
    await b.start([a], ['--once'])
    expect((await b.process.ended).code).toBe(0)
    expect(readFileSync(join(b.folder, 'a.bin')).equals(first)).toBe(true)
    await eventually('both are there', () => isThere(join(a.folder, 'b.bin'), createHash('sha256').update(second).digest('hex')))
  })
})
