import { compareBytes, fromUtf8, toHex, utf8 } from '../base/bytes.js'
import { type KvOp, type KvRange, type KvStore, prefixRange, sortableNumber } from '../base/kv.js'

/** What the suite needs of a test runner: vitest's, jest's and node:test's functions fit. */
export interface SuiteRunner {
  readonly describe: (name: string, body: () => void) => void
  readonly it: (name: string, body: () => Promise<void>) => void
}

export interface StoreFixture {
  readonly store: KvStore
  /** Closes the store and opens the same data again; left out where closing forgets. */
  readonly reopen?: () => Promise<KvStore>
  /** Removes what the fixture left behind. */
  readonly dispose?: () => Promise<void>
}

/** UTF-16 order would put the last two before U+E000 and U+FF01. */
const TRICKY_KEYS = ['', '\0', 'A', 'Z', 'a', 'a\0', 'a\0b', 'a/b', 'aa', 'z', '\u007f', 'ä', 'é', '京', '\ue000', '！', '\u{10000}', '😀']

/** Registers the tests that every `KvStore` must pass. `makeFixture` gives an empty store per test. */
export function registerStoreConformance({ describe, it }: SuiteRunner, name: string, makeFixture: () => Promise<StoreFixture>): void {
  const test = (sentence: string, run: (fixture: StoreFixture) => Promise<void>): void => {
    it(sentence, async () => {
      const fixture = await makeFixture()
      try {
        await run(fixture)
      } finally {
        await fixture.dispose?.()
      }
    })
  }
  describe(`every store: ${name}`, () => {
    registerRows(test)
    registerRanges(test)
    registerCommits(test)
    registerLife(test)
  })
}

type Register = (sentence: string, run: (fixture: StoreFixture) => Promise<void>) => void

function registerRows(test: Register): void {
  test('[STO1] gives back what was committed, and undefined for what was not', async ({ store }) => {
    await store.commit([put('t', 'k', 'value'), put('t', 'empty', '')])
    expectEqual(await textAt(store, 't', 'k'), 'value')
    expectEqual(await textAt(store, 't', 'empty'), '')
    expectEqual(await textAt(store, 't', 'none'), undefined)
    expectEqual(await textAt(store, 'other', 'k'), undefined)
    expectEqual(await keysOf(store, 'other'), [])
  })
  test('[STO1] replaces and deletes; the last write to a key in a commit wins', async ({ store }) => {
    await store.commit([put('t', 'k', '1'), put('t', 'k', '2'), put('t', 'gone', 'x'), { table: 't', key: 'gone' }])
    expectEqual(await textAt(store, 't', 'k'), '2')
    expectEqual(await textAt(store, 't', 'gone'), undefined)
    await store.commit([{ table: 't', key: 'k' }, { table: 'never', key: 'k' }])
    expectEqual(await keysOf(store, 't'), [])
  })
  test('[STO2] keeps all bytes, and its copy is its own', async ({ store }) => {
    const value = Uint8Array.from({ length: 70_000 }, (_, i) => i & 0xff)
    await store.commit([{ table: 't', key: 'k', value: value.subarray(3) }])
    const first = await store.get('t', 'k')
    expectEqual(first && toHex(first), toHex(value.subarray(3)))
    first?.fill(0)
    const second = await store.get('t', 'k')
    expectEqual(second && toHex(second), toHex(value.subarray(3)))
  })
  test('[STO3] refuses table names and keys outside the rules, and stays usable', async ({ store }) => {
    const bad = [put('Nope', 'k', ''), put('', 'k', ''), put('a"b', 'k', ''), put('x'.repeat(33), 'k', ''), put('t', '\ud800', '')]
    for (const op of bad) expectEqual(await rejection(store.commit([put('t', 'good', ''), op])), 'RangeError')
    expectEqual(await keysOf(store, 't'), [])
    await store.commit([put('order', 'k', ''), put('x'.repeat(32), 'k', '')])
    expectEqual(await keysOf(store, 'order'), ['k'])
  })
}

function registerRanges(test: Register): void {
  test('[STO4] orders keys by their UTF-8 bytes', async ({ store }) => {
    const sorted = TRICKY_KEYS.toSorted(byUtf8)
    await store.commit(scattered(sorted).map(key => put('t', key, key)))
    expectEqual(await keysOf(store, 't'), sorted)
    expectEqual(await keysOf(store, 't', { reverse: true }), sorted.toReversed())
    for (const [i, from] of sorted.entries()) expectEqual(await keysOf(store, 't', { from }), sorted.slice(i))
    for (const [i, to] of sorted.entries()) expectEqual(await keysOf(store, 't', { to }), sorted.slice(0, i))
  })
  test('[STO5] cuts ranges at from and to, and counts the limit from the end it starts at', async ({ store }) => {
    const keys = Array.from({ length: 50 }, (_, i) => sortableNumber(i * 3))
    await store.commit(scattered(keys).map(key => put('t', key, key)))
    const range = { from: sortableNumber(29), to: sortableNumber(60) }
    const inside = keys.slice(10, 20)
    expectEqual(await keysOf(store, 't', range), inside)
    expectEqual(await keysOf(store, 't', { ...range, limit: 3 }), inside.slice(0, 3))
    expectEqual(await keysOf(store, 't', { ...range, limit: 3, reverse: true }), inside.slice(-3).toReversed())
    expectEqual(await keysOf(store, 't', { ...range, limit: 0 }), [])
    expectEqual(await keysOf(store, 't', { from: range.to, to: range.from }), [])
    expectEqual(await keysOf(store, 't', { limit: 1, reverse: true }), keys.slice(-1))
  })
  test('[STO5] finds exactly the keys under a prefix', async ({ store }) => {
    await store.commit(['a', 'a/', 'a/1', 'a/😀', 'a0', 'b'].map(key => put('t', key, '')))
    expectEqual(await keysOf(store, 't', prefixRange('a/')), ['a/', 'a/1', 'a/😀'])
  })
}

function registerCommits(test: Register): void {
  test('[STO6] takes batches of 10,000 rows', async ({ store }) => {
    const keys = Array.from({ length: 10_000 }, (_, i) => sortableNumber(i))
    await store.commit(scattered(keys).map(key => put('t', key, key)))
    expectEqual(await keysOf(store, 't'), keys)
    await store.commit(keys.filter((_, i) => i % 2 === 0).map(key => ({ table: 't', key })))
    expectEqual((await keysOf(store, 't')).length, 5_000)
  })
  test('[STO7] applies concurrent commits in the order of the calls', async ({ store }) => {
    const commits = Array.from({ length: 200 }, (_, i) => store.commit([put('t', 'last', String(i)), put('t', sortableNumber(i), '')]))
    const done: number[] = []
    await Promise.all(commits.map(async (commit, i) => void done.push((await commit, i))))
    expectEqual(done, done.map((_, i) => i))
    expectEqual(await textAt(store, 't', 'last'), '199')
    expectEqual((await keysOf(store, 't')).length, 201)
  })
  test('[STO8] shows all of a commit or nothing of it', async ({ store }) => {
    const both = async (): Promise<string> => `${await textAt(store, 'a', 'k')} ${await textAt(store, 'b', 'k')}`
    await store.commit([put('a', 'k', '0'), put('b', 'k', '0')])
    for (let i = 1; i < 50; i++) {
      const commit = store.commit([put('a', 'k', String(i)), put('b', 'k', String(i))])
      await commit
      expectEqual(await both(), `${i} ${i}`)
    }
  })
}

function registerLife(test: Register): void {
  test('[STO9] finishes on close what was committed, and refuses afterwards', async ({ store }) => {
    const commit = store.commit([put('t', 'k', 'v')])
    await store.close()
    await commit
    await store.close()
    expectEqual(await rejection(store.commit([put('t', 'k', 'w')])), 'StoreClosedError')
    expectEqual(await rejection(store.get('t', 'k')), 'StoreClosedError')
    expectEqual(await rejection(store.scan('t')), 'StoreClosedError')
  })
  test('[STO10] holds everything after it is opened again', async ({ store, reopen }) => {
    if (reopen === undefined) return
    await store.commit(TRICKY_KEYS.map(key => put('t', key, key)))
    void store.commit([put('t', 'unawaited', 'v')])
    const again = await reopen()
    const expected = [...TRICKY_KEYS, 'unawaited'].toSorted(byUtf8)
    expectEqual(await keysOf(again, 't'), expected)
    expectEqual(await textAt(again, 't', '😀'), '😀')
    await again.commit([put('t', 'more', '')])
    expectEqual(await textAt(again, 't', 'more'), '')
  })
}

function put(table: string, key: string, value: string): KvOp {
  return { table, key, value: utf8(value) }
}

async function textAt(store: KvStore, table: string, key: string): Promise<string | undefined> {
  const value = await store.get(table, key)
  return value === undefined ? undefined : fromUtf8(value)
}

async function keysOf(store: KvStore, table: string, range?: KvRange): Promise<readonly string[]> {
  return (await store.scan(table, range)).map(([key]) => key)
}

function byUtf8(a: string, b: string): number {
  return compareBytes(utf8(a), utf8(b))
}

/** The same items in an order that is neither ascending nor descending. */
function scattered<T>(items: readonly T[]): readonly T[] {
  return [...items.filter((_, i) => i % 3 === 1).toReversed(), ...items.filter((_, i) => i % 3 !== 1)]
}

async function rejection(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'resolved'
  } catch (error) {
    return error instanceof Error ? error.name : String(error)
  }
}

function expectEqual(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (a !== b) throw new Error(`expected ${b}, found ${a}`)
}
