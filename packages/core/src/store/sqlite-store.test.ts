import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { utf8 } from '../base/bytes.js'
import { openError, writeError } from './sqlite-errors.js'
import { openSqliteStore, openStoreOrSetAside } from './sqlite-store.js'
import { registerStoreConformance } from './store-conformance.js'

let directory = ''
let path = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'collab-store-'))
  path = join(directory, 'deep', 'store.db')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

registerStoreConformance({ describe, it }, 'SQLite', async () => {
  let store = openSqliteStore({ path })
  const reopen = async () => {
    await store.close()
    return (store = openSqliteStore({ path }))
  }
  return { store, reopen, dispose: () => store.close() }
})

const op = (key: string, value = key) => ({ table: 't', key, value: utf8(value) })

/** Changes the closed file as SQL. */
function tamper(sql: string): void {
  const db = new DatabaseSync(path)
  try {
    db.exec(sql)
  } finally {
    db.close()
  }
}

/** As a process leaves the file that is killed. */
function markUnclean(): void {
  tamper('UPDATE store_state SET value = 0')
}

async function writeSome(rows = 1): Promise<void> {
  const store = openSqliteStore({ path })
  await store.commit(Array.from({ length: rows }, (_, i) => op(`key ${i}`, 'x'.repeat(500))))
  await store.close()
}

describe('a store in an SQLite file', () => {
  it('[STO11] is readable and writable by its owner only', async () => {
    const store = openSqliteStore({ path })
    await store.commit([op('a')])
    const modes = readdirSync(join(directory, 'deep')).map(name => statSync(join(directory, 'deep', name)).mode & 0o777)
    expect(modes).toEqual([0o600, 0o600])
    expect(statSync(join(directory, 'deep')).mode & 0o777).toBe(0o700)
    await store.close()
  })

  it('[STO12] belongs to one process, and to the next one as soon as the first is killed', async () => {
    const script = `
      import { DatabaseSync } from 'node:sqlite'
      const db = new DatabaseSync(process.argv[1])
      db.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT')
      console.log('locked')
      setInterval(() => {}, 1000)`
    await writeSome()
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'AlreadyRunningError' }))
    expect(() => openStoreOrSetAside({ path })).toThrow(expect.objectContaining({ name: 'AlreadyRunningError' }))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = openSqliteStore({ path })
    expect(await store.get('t', 'key 0')).toBeDefined()
    await store.close()
  })

  it('[STO12] is refused to a second opening in the same process, and is not harmed by it', async () => {
    const store = openSqliteStore({ path })
    await store.commit([op('a')])
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'AlreadyRunningError' }))
    await store.commit([op('b')])
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'AlreadyRunningError' }))
    expect(await store.scan('t')).toHaveLength(2)
    await store.close()
  })

  it('[STO13] leaves a file from a newer version as it is', async () => {
    await writeSome()
    tamper('PRAGMA user_version = 6')
    const before = readFileSync(path)
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'StoreTooNewError' }))
    expect(() => openStoreOrSetAside({ path })).toThrow(expect.objectContaining({ name: 'StoreTooNewError' }))
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(readdirSync(join(directory, 'deep'))).toEqual(['store.db'])
  })

  it('[CKPT8] takes over a file from an older version, which that refuses from then on', async () => {
    await writeSome()
    tamper('CREATE TABLE kv_applied (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT; PRAGMA user_version = 1')
    const store = openSqliteStore({ path })
    expect(await store.get('t', 'key 0')).toEqual(utf8('x'.repeat(500)))
    await store.close()
    const db = new DatabaseSync(path)
    expect(db.prepare('PRAGMA user_version').get()).toEqual({ user_version: 5 })
    expect(db.prepare("SELECT count(*) AS count FROM sqlite_schema WHERE name = 'kv_applied'").get()).toEqual({ count: 0 })
    db.close()
  })

  it('[PRUNE16] gives space back to the disk at a stop once half of the file is free', async () => {
    const rows = Array.from({ length: 600 }, (_, n) => ({ table: 't', key: `${n}`, value: new Uint8Array(10_000).fill(n) }))
    const store = openSqliteStore({ path })
    await store.commit(rows)
    await store.close()
    const full = statSync(path).size
    for (const [kept, isSmaller] of [[400, false], [100, true]] as const) {
      const again = openSqliteStore({ path })
      await again.commit(rows.slice(kept).map(({ table, key }) => ({ table, key })))
      await again.close()
      expect(statSync(path).size < full / 3).toBe(isSmaller)
    }
    const last = openSqliteStore({ path })
    expect((await last.scan('t')).length).toBe(100)
    expect(await last.get('t', '99')).toEqual(rows[99]?.value)
    await last.close()
  })

  it('[STO14] notices a row whose bytes changed, or that strayed to another key', async () => {
    await writeSome(3)
    tamper(`UPDATE kv_t SET value = x'00' WHERE key = 'key 0'; UPDATE kv_t SET key = 'stray' WHERE key = 'key 1'`)
    const store = openSqliteStore({ path })
    await expect(store.get('t', 'key 0')).rejects.toThrow(expect.objectContaining({ name: 'StoreDamagedError' }))
    await expect(store.get('t', 'stray')).rejects.toThrow(expect.objectContaining({ name: 'StoreDamagedError' }))
    await expect(store.scan('t')).rejects.toThrow(expect.objectContaining({ name: 'StoreDamagedError' }))
    expect(await store.get('t', 'key 2')).toBeDefined()
    await store.close()
  })

  it.each([
    ['is not a database', () => writeFileSync(path, 'not a database '.repeat(1000))],
    ['is a database of another program', () => tamper('PRAGMA user_version = 0')],
    ['lost its end', () => truncateSync(path, 16384)],
    ['was emptied under its log', () => (truncateSync(path, 0), writeFileSync(`${path}-wal`, 'left over'))]
  ])('[STO15] sets a file aside that %s, whole, and starts afresh', async (_, damage) => {
    await writeSome(200)
    markUnclean()
    damage()
    const before = readFileSync(path)
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'StoreDamagedError' }))
    const { store, setAside } = openStoreOrSetAside({ path })
    expect(setAside).toBe(`${path}.damaged-1`)
    expect(readFileSync(`${path}.damaged-1`).equals(before)).toBe(true)
    expect(await store.scan('t')).toEqual([])
    await store.commit([op('a')])
    await store.close()
    writeFileSync(path, 'damaged again')
    const second = openStoreOrSetAside({ path })
    expect(second.setAside).toBe(`${path}.damaged-2`)
    await second.store.close()
  })

  it('[STO15] opens a sound store without setting anything aside', async () => {
    await writeSome()
    const { store, setAside } = openStoreOrSetAside({ path })
    expect(setAside).toBeUndefined()
    expect(await store.scan('t')).toHaveLength(1)
    await store.close()
  })

  it('[STO16] looks for damage only after a stop that was not clean', async () => {
    await writeSome(200)
    corruptPage(path)
    const trusting = openSqliteStore({ path })
    await trusting.close()
    markUnclean()
    expect(() => openSqliteStore({ path })).toThrow(expect.objectContaining({ name: 'StoreDamagedError' }))
  })

  it('[STO17] keeps nothing of a commit that failed, or of those that shared its transaction, and goes on', async () => {
    const store = openSqliteStore({ path })
    await store.commit([op('kept')])
    await store.close()
    tamper(`CREATE TRIGGER no BEFORE INSERT ON kv_t WHEN NEW.key = 'bad' BEGIN SELECT RAISE(ABORT, 'injected'); END`)
    const again = openSqliteStore({ path })
    const fresh = { table: 'fresh', key: 'k', value: utf8('v') }
    const results = await Promise.allSettled([again.commit([op('before'), fresh]), again.commit([op('x'), op('bad')]), again.commit([op('after')])])
    expect(results.map(result => result.status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect((await again.scan('t')).map(([key]) => key)).toEqual(['kept'])
    expect(await again.scan('fresh')).toEqual([])
    await again.commit([op('later'), fresh])
    expect((await again.scan('t')).map(([key]) => key)).toEqual(['kept', 'later'])
    expect(await again.scan('fresh')).toHaveLength(1)
    await again.close()
  })
})

describe('a process that is killed', () => {
  // Node strips the types itself; only the suffix in the imports has to be mapped.
  const hooks = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name.startsWith('.') ? name.replace(/[.]js$/, '.ts') : name, context) })`
  const script = `
    const { openSqliteStore } = await import(${JSON.stringify(new URL('sqlite-store.ts', import.meta.url).href)})
    const store = openSqliteStore({ path: process.argv[1] })
    const done = (await store.scan('a')).length
    for (let i = done; ; i++) {
      const value = new Uint8Array(3000).fill(i)
      await store.commit([{ table: 'a', key: String(i), value }, { table: 'b', key: String(i), value }])
      process.stdout.write(i + '\\n')
    }`

  async function runUntilKilled(commits: number): Promise<number> {
    const args = ['--import', `data:text/javascript,${encodeURIComponent(hooks)}`, '--input-type=module', '-e', script, path]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    let seen = 0
    child.stdout.on('data', chunk => {
      output += String(chunk)
      seen = output.split('\n').length - 1
      if (seen >= commits) child.kill('SIGKILL')
    })
    await once(child, 'close')
    return Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1))
  }

  it('[STO19] loses nothing that was acknowledged, and leaves no part of a commit', async () => {
    for (const commits of [1, 40, 300]) {
      const last = await runUntilKilled(commits)
      const store = openSqliteStore({ path })
      const [a, b] = [await store.scan('a'), await store.scan('b')]
      await store.close()
      expect(a.length).toBeGreaterThan(last)
      expect(b.map(([key]) => key)).toEqual(a.map(([key]) => key))
    }
  })

  it('[STO23] leaves nothing unsynced to the next one, which moves it out of the log first', async () => {
    const last = await runUntilKilled(20)
    const store = openSqliteStore({ path })
    copyFileSync(path, `${path}-alone`)
    const alone = openSqliteStore({ path: `${path}-alone` })
    expect((await alone.scan('a')).length).toBeGreaterThan(last)
    expect(await alone.scan('a')).toEqual(await store.scan('a'))
    await alone.close()
    await store.close()
  })
})

describe('a failed write', () => {
  const sqlite = (errcode: number) => Object.assign(new Error('from SQLite'), { code: 'ERR_SQLITE_ERROR', errcode })

  it('[STO18] says what is wrong and what to do', () => {
    expect(writeError(sqlite(13))).toMatchObject({ name: 'StoreWriteError', message: 'the disk is full; free some space and try again' })
    expect(writeError(sqlite(10 | (4 << 8)))).toMatchObject({ name: 'StoreWriteError' })
    expect(writeError(sqlite(11 | (1 << 8)))).toMatchObject({ name: 'StoreDamagedError' })
    expect(openError(sqlite(5), 'x')).toMatchObject({ name: 'AlreadyRunningError' })
    expect(openError(sqlite(14), 'x')).toMatchObject({ name: 'StoreWriteError' })
    const foreign = new TypeError('a bug')
    expect(writeError(foreign)).toBe(foreign)
  })
})

/** Spoils a b-tree page in the middle, past the first two. */
function corruptPage(file: string): void {
  const bytes = readFileSync(file)
  bytes.fill(0xff, 8192 * 5, 8192 * 5 + 64)
  writeFileSync(file, bytes)
}
