import fs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSqliteStore } from './sqlite-store.js'

type Done = (error: NodeJS.ErrnoException | null) => void

const realSync = fs.fdatasync
let directory = ''
let path = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'collab-wal-'))
  path = join(directory, 'store.db')
})
afterEach(() => {
  onSync(realSync)
  rmSync(directory, { recursive: true, force: true })
})

/** From now on `sync` is what syncs files later. */
function onSync(sync: (fd: number, done: Done) => void): void {
  fs.fdatasync = sync as typeof fs.fdatasync
  syncBuiltinESMExports()
}

/** Syncs that begin are kept until they are ended by hand. */
function heldSyncs(): { readonly begun: Done[]; readonly next: () => Promise<Done> } {
  const begun: Done[] = []
  let wake: ((done: Done) => void) | undefined
  onSync((_, done) => {
    begun.push(done)
    wake?.(done)
  })
  return { begun, next: async () => await new Promise<Done>((resolve) => (wake = resolve)) }
}

const put = (key: string, value = new Uint8Array(10)) => ({ table: 't', key, value })

describe('a commit of an SQLite store', () => {
  it('[STO20] resolves once its sync ended, which began after it was written', async () => {
    const store = openSqliteStore({ path })
    const syncs = heldSyncs()
    const done: string[] = []
    const commit = async (key: string): Promise<void> => {
      await store.commit([put(key)])
      done.push(key)
    }
    const first = syncs.next()
    const commits = [commit('a'), commit('b')]
    const endFirst = await first
    commits.push(commit('c'), commit('d'))
    await turn()
    expect(done).toEqual([])
    const second = syncs.next()
    endFirst(null)
    const endSecond = await second
    await turn()
    expect(done).toEqual(['a', 'b'])
    endSecond(null)
    await Promise.all(commits)
    expect(done).toEqual(['a', 'b', 'c', 'd'])
    expect(syncs.begun).toHaveLength(2)
    await store.close()
  })

  it('[STO20] is waited for by who closes', async () => {
    const store = openSqliteStore({ path })
    const syncs = heldSyncs()
    const first = syncs.next()
    const order: string[] = []
    const commit = store.commit([put('a')]).then(() => order.push('committed'))
    const end = await first
    const closed = store.close().then(() => order.push('closed'))
    end(null)
    await Promise.all([commit, closed])
    expect(order).toEqual(['committed', 'closed'])
  })

  it('[STO21] whose sync failed ends the store, for what waits too, until it is opened anew', async () => {
    const store = openSqliteStore({ path })
    await store.commit([put('before')])
    const syncs = heldSyncs()
    const first = syncs.next()
    const failed = store.commit([put('failed')])
    const end = await first
    const waiting = store.commit([put('waiting')])
    onSync(realSync)
    end(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
    const results = await Promise.allSettled([failed, waiting])
    results.push(...(await Promise.allSettled([store.commit([put('after')]), store.get('t', 'before').then(() => undefined), store.scan('t').then(() => undefined)])))
    const refusal = { name: 'StoreNotSyncedError', message: expect.stringMatching(/EIO.*check the disk, then start again/) as string }
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: refusal })
    await store.close()
    const again = openSqliteStore({ path })
    expect((await again.scan('t')).map(([key]) => key).filter((key) => key !== 'failed')).toEqual(['before'])
    await again.commit([put('later')])
    await again.close()
  })
})

describe('after a loss of power', () => {
  it('[STO22] everything that was acknowledged is there, whatever of the rest reached the disk', async () => {
    const random = lcg(7)
    const disk = new ModelDisk(random)
    const store = openSqliteStore({ path })
    let acknowledged = -1
    let crashes = 0
    onSync((fd, done) => {
      disk.written(path)
      const check = checkAfterCrash(disk, acknowledged).then(() => crashes++)
      void check.then(() => realSync(fd, (error) => (disk.synced(), done(error))), done)
    })
    for (let i = 0; disk.restarts < 2; i++) {
      await store.commit([put(`key ${i % 3}`, new Uint8Array(2_500_000).fill(i))])
      acknowledged = i
    }
    expect(crashes).toBe(acknowledged + 1)
    await store.close()
  })

  /** The three newest values are known, but for the one that was being written. */
  async function checkAfterCrash(disk: ModelDisk, acknowledged: number): Promise<void> {
    const crashed = join(directory, 'crashed.db')
    disk.crash(crashed)
    const store = openSqliteStore({ path: crashed })
    for (const i of [acknowledged, acknowledged - 1]) if (i >= 0) expect((await store.get('t', `key ${i % 3}`))?.[0], `commit ${i}`).toBe(i)
    const next = (await store.get('t', `key ${(acknowledged + 1) % 3}`))?.[0]
    expect([acknowledged + 1, acknowledged < 2 ? undefined : acknowledged - 2]).toContain(next)
    await store.close()
    rmSync(crashed)
  }
})

/**
 * What a disk may hold of a store after a loss of power: each sector of the log that was written since the last sync, or
 * what it held before. SQLite itself syncs the log before it changes the database, that after it, and the log's header
 * before what follows it.
 */
class ModelDisk {
  restarts = 0
  readonly #random: () => number
  #database = Buffer.alloc(0)
  #log = Buffer.alloc(0)
  #safe = Buffer.alloc(0)

  constructor(random: () => number) {
    this.#random = random
  }

  written(file: string): void {
    const [database, log] = [readFileSync(file), readFileSync(`${file}-wal`)]
    if (this.#log.length > 0 && !log.subarray(0, 32).equals(this.#log.subarray(0, 32))) this.restarts++
    if (!database.equals(this.#database)) this.#safe = log
    this.#database = database
    this.#log = log
  }

  synced(): void {
    this.#safe = this.#log
  }

  crash(file: string): void {
    const log = Buffer.from(this.#log)
    const before = Buffer.alloc(log.length)
    this.#safe.copy(before)
    for (let at = 0; at < log.length; at += SECTOR) if (this.#random() < 0.5) before.copy(log, at, at, Math.min(at + SECTOR, log.length))
    this.#log.copy(log, 0, 0, 32)
    writeFileSync(file, this.#database)
    writeFileSync(`${file}-wal`, log)
  }
}

const SECTOR = 4096

function lcg(seed: number): () => number {
  let state = seed
  return () => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
}
