import { createMemoryStore } from '@collab/core'
import { registerStoreConformance } from '@collab/core/conformance'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'
import { inChromium, noChromium, startChromium, startProfile } from '../harness/browser/chromium.js'
import { pageWith, servePages } from '../harness/browser/page-server.js'

/** In the page: the suite by the names of its tests, and a store to play with. */
const PAGE = `
  import { registerStoreConformance } from '@collab/core/conformance'
  import { errorMessage, openIndexedDbStore } from '@collab/core/browser'

  const tests = new Map()
  let count = 0
  registerStoreConformance({ describe: (name, body) => body(), it: (name, body) => tests.set(name, body) }, 'IndexedDB', async () => {
    const name = 'suite ' + count++
    let store = await openIndexedDbStore({ name })
    const reopen = async () => {
      await store.close()
      return (store = await openIndexedDbStore({ name }))
    }
    const dispose = async () => {
      await store.close()
      indexedDB.deleteDatabase(name)
    }
    return { store, reopen, dispose }
  })
  const failureOf = async (work) => await work.then(() => 'none', (error) => error.name + ': ' + errorMessage(error))
  Object.assign(self, { run: (name) => tests.get(name)(), openIndexedDbStore, failureOf })
`

interface InPage {
  acknowledge(n: number): void
  run(name: string): Promise<void>
  openIndexedDbStore(init: { name: string; wait?: AbortSignal }): Promise<ReturnType<typeof createMemoryStore>>
  failureOf(work: Promise<unknown>): Promise<string>
}

/** What the page's globals are, for code that is sent there. */
declare const self: InPage & Record<string, unknown>

describe.skipIf(noChromium)(`a store in IndexedDB, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof servePages>>
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    const { code } = await bundle(PAGE)
    server = await servePages({ 'index.html': pageWith('page.js'), 'page.js': code })
    browser = await startChromium()
    page = await openPage(await browser.newContext())
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  async function openPage(context: BrowserContext): Promise<Page> {
    const opened = await context.newPage()
    await opened.goto(`${server.url}/index.html`)
    await opened.waitForFunction(() => self['run'] !== undefined)
    return opened
  }

  // The names of the suite here, the tests themselves there.
  const there = { describe, it: (name: string) => it(name, async () => await page.evaluate((test) => self.run(test), name)) }
  registerStoreConformance(there, 'IndexedDB', async () => ({ store: createMemoryStore() }))

  it('[STO12] belongs to one tab, and to the next as soon as the first has ended', async () => {
    const context = await browser.newContext()
    const [first, second] = [await openPage(context), await openPage(context)]
    await first.evaluate(async () => void (await self.openIndexedDbStore({ name: 'one' })))
    expect(await second.evaluate(() => self.failureOf(self.openIndexedDbStore({ name: 'one' })))).toMatch(/^AlreadyRunningError: another tab/)
    const waiting = second.evaluate(() => self.failureOf(self.openIndexedDbStore({ name: 'one', wait: new AbortController().signal })))
    await first.close()
    expect(await waiting).toBe('none')
    await context.close()
  })

  it('[STO13] of a newer version is refused and left as it is', async () => {
    const found = await page.evaluate(async () => {
      const open = async (version: number): Promise<IDBDatabase> =>
        await new Promise((resolve, reject) => {
          const request = indexedDB.open('newer', version)
          request.addEventListener('success', () => resolve(request.result))
          request.addEventListener('error', () => reject(request.error ?? new Error('none')))
        })
      const newer = await open(2)
      newer.close()
      const failure = await self.failureOf(self.openIndexedDbStore({ name: 'newer' }))
      const { version } = await open(2)
      return { failure, version }
    })
    expect(found).toEqual({ failure: expect.stringMatching(/^StoreTooNewError: /), version: 2 })
  })

  it('[STO17] keeps nothing of a commit that failed, or of those that shared its transaction, and goes on', async () => {
    const found = await page.evaluate(async () => {
      const store = await self.openIndexedDbStore({ name: 'failing' })
      const put = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'put') ?? {}
      const putAndFail = function (this: IDBObjectStore, ...args: unknown[]): unknown {
        const request: unknown = Reflect.apply(put.value, this, args)
        this.transaction.abort()
        return request
      }
      Object.defineProperty(IDBObjectStore.prototype, 'put', { ...put, value: putAndFail })
      const one = { table: 't', key: 'a', value: new Uint8Array(1) }
      const both = [store.commit([one]), store.commit([{ ...one, key: 'b' }])]
      const failures = await Promise.all(both.map((work) => self.failureOf(work)))
      Object.defineProperty(IDBObjectStore.prototype, 'put', put)
      await store.commit([{ ...one, key: 'c' }])
      const rows = await store.scan('t')
      await store.close()
      return { failures, keys: rows.map(([key]) => key) }
    })
    expect(found).toEqual({ failures: [expect.stringMatching(/^StoreWriteError: nothing was saved/), expect.stringMatching(/^StoreWriteError/)], keys: ['c'] })
  })

  it('[STO19] a killed browser loses nothing that was acknowledged and leaves no part of a commit', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'profile-'))
    try {
      let acknowledged = -1
      const profile = await startProfile(directory)
      const first = await openPage(profile)
      await first.exposeFunction('acknowledge', (n: number) => void (acknowledged = n))
      const writing = first.evaluate(async () => {
        const store = await self.openIndexedDbStore({ name: 'kept' })
        const value = new Uint8Array(20_000)
        for (let n = 0; ; n++) {
          const key = String(n).padStart(6, '0')
          await store.commit([{ table: 'a', key, value }, { table: 'b', key, value }])
          self.acknowledge(n)
        }
      })
      const ended = writing.catch(() => 'killed')
      await expect.poll(() => acknowledged, { timeout: 20_000 }).toBeGreaterThan(30)
      await killBrowser(profile)
      await ended

      const again = await startProfile(directory)
      const second = await openPage(again)
      const keys = await second.evaluate(async () => {
        const store = await self.openIndexedDbStore({ name: 'kept' })
        return await Promise.all(['a', 'b'].map(async (table) => (await store.scan(table)).map(([key]) => key)))
      })
      await again.close()
      expect(keys[0]?.length).toBeGreaterThan(acknowledged)
      expect(keys[1]).toEqual(keys[0])
    } finally {
      await rm(directory, { recursive: true, force: true, maxRetries: 5 })
    }
  })

  /** As a power cut would: the process has no time to do anything. */
  async function killBrowser(profile: BrowserContext): Promise<void> {
    const session = await profile.browser()?.newBrowserCDPSession()
    const { processInfo } = (await session?.send('SystemInfo.getProcessInfo')) ?? { processInfo: [] }
    const closed = new Promise((resolve) => void profile.once('close', resolve))
    for (const { type, id } of processInfo) if (type === 'browser') process.kill(id, 'SIGKILL')
    await closed
  }
})
