import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { OpenDocument, Workspace } from '@collab/core'
import type { Documents, joinDocuments, joinWorkspace as joinInTab } from '@collab/core/browser'
import { registerProviderConformance } from '@collab/core/conformance'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'
import { inChromium, noChromium, startChromium } from '../harness/browser/chromium.js'
import { EditorPage, serveExample } from '../harness/browser/editor-page.js'
import { pageWith, servePages } from '../harness/browser/page-server.js'
import { eventually } from '../harness/eventually.js'

/** In the page: the suite for providers over three that share one peer, and what a test calls by hand. */
const PAGE = `
  import { registerProviderConformance } from '@collab/core/conformance'
  import { CollabProvider, errorMessage, joinDocuments, joinWorkspace } from '@collab/core/browser'

  const tests = new Map()
  registerProviderConformance({ describe: (name, body) => body(), it: (name, body) => tests.set(name, body) }, 'tabs', async () => {
    const { link, address } = await self.newHub()
    const tabs = []
    for (let n = 0; n < 3; n++) tabs.push(await joinDocuments(link, { peers: [address] }))
    const free = [...tabs]
    return {
      connect: (doc) => new CollabProvider(free.shift() ?? tabs[0], doc),
      dispose: async () => {
        await Promise.all(tabs.map((tab) => tab.stop()))
        await self.endHub(link)
      }
    }
  })
  const failureOf = async (work) => await work.then(() => 'none', (error) => error.name + ': ' + errorMessage(error))
  Object.assign(self, { run: (name) => tests.get(name)(), joinDocuments, joinWorkspace, failureOf })
`

interface InPage {
  run(name: string): Promise<void>
  failureOf(work: Promise<unknown>): Promise<string>
  joinDocuments: typeof joinDocuments
  joinWorkspace: typeof joinInTab
  documents: Documents
  opened: OpenDocument
}

/** What the page's globals are, for code that is sent there. */
declare const self: InPage & Record<string, unknown>

const newLink = (): string => encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
const newHub = async (link: string): Promise<Workspace> => await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })

describe.skipIf(noChromium)(`several tabs of one profile, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof servePages>>
  let example: Awaited<ReturnType<typeof servePages>>
  let browser: Browser
  let page: Page
  const hubs = new Map<string, Workspace>()

  beforeAll(async () => {
    const { code } = await bundle(PAGE)
    server = await servePages({ 'index.html': pageWith('page.js'), 'page.js': code })
    example = await serveExample('codemirror')
    browser = await startChromium()
    page = await openPage(await browser.newContext())
  })

  afterAll(async () => {
    await browser?.close()
    await Promise.all([server?.close(), example?.close(), ...[...hubs.values()].map((hub) => hub.stop())])
  })

  async function openPage(context: BrowserContext): Promise<Page> {
    const opened = await context.newPage()
    await opened.exposeFunction('newHub', async () => {
      const link = newLink()
      const hub = await newHub(link)
      hubs.set(link, hub)
      return { link, address: hub.status().listening[0] }
    })
    await opened.exposeFunction('endHub', async (link: string) => await hubs.get(link)?.stop())
    await opened.goto(`${server.url}/index.html`)
    await opened.waitForFunction(() => self.run !== undefined)
    return opened
  }

  // The names of the suite here, the tests themselves there.
  const there = { describe, it: (name: string) => it(name, async () => await page.evaluate((test) => self.run(test), name)) }
  registerProviderConformance(there, 'over three tabs with one peer', async () => ({ connect: () => { throw new Error('there') } }))

  /** Joins, opens the document `d` and leaves both to the test. */
  async function enter(tab: Page, link: string, peer: string): Promise<void> {
    await tab.evaluate(
      async ([link = '', peer = '']) => {
        self.documents = await self.joinDocuments(link, { peers: peer === '' ? [] : [peer], name: 'Ann' })
        self.opened = await self.documents.openDoc('d')
      },
      [link, peer]
    )
  }

  const insert = async (tab: Page, text: string): Promise<void> => await tab.evaluate((text) => self.opened.doc.getText('t').insert(self.opened.doc.getText('t').length, text), text)
  /** Types until another tab has taken over, so also while there is none; how much that was. */
  const typeUntilMoved = async (tab: Page, letter: string): Promise<number> =>
    await tab.evaluate(async (letter) => {
      let moved = false
      self.documents.on('peer', ({ reason }) => (moved ||= reason === 'another tab goes on'))
      for (let typed = 0; ; typed++) {
        if (moved) return typed
        self.opened.doc.getText('t').insert(typed % 7, letter)
        await new Promise((resolve) => void setTimeout(resolve))
      }
    }, letter)
  const read = async (tab: Page): Promise<string> => await tab.evaluate(() => self.opened.doc.getText('t').toJSON())

  it('[WEB30] are one peer together, show each other\'s cursors and the same text', async () => {
    const link = newLink()
    const hub = await newHub(link)
    const text = (await hub.openText('plan.md')).doc.getText('content')
    const context = await browser.newContext()
    const open = async (): Promise<EditorPage> => await EditorPage.open(context, example.url, '.cm-content', { topic: link, peer: hub.status().listening[0] ?? '', name: 'Ann' })
    const [first, second] = [await open(), await open()]
    await second.until('connected', 'connected, saved')
    for (let n = 0; n < 5; n++) {
      await first.type(`first ${n}\n`)
      await second.typeFirst(`second ${n}\n`)
      text.insert(0, `hub ${n}\n`)
    }
    await eventually('all show the same', async () => text.toJSON().split('\n').length === 16 && (await first.text()) === text.toJSON() && (await second.text()) === text.toJSON(), {
      deadlineMs: 45_000,
      otherwise: async () => [text.length, text.toJSON(), await first.text(), await second.text()].join('\n---\n')
    })
    expect(hub.status().peers.length).toBe(1)
    await first.page.locator('.cm-ySelectionInfo').waitFor({ state: 'attached' })
    await second.page.locator('.cm-ySelectionInfo').waitFor({ state: 'attached' })
    await context.close()
    await hub.stop()
  })

  for (const [rule, end] of [
    ['[WEB31] another one goes on, as the same author and with every edit, when the one with the store is closed', async (tab: Page) => await tab.close()],
    ['[WEB32] another one goes on, as the same author and with every edit, when the one with the store crashes', async (tab: Page) => await crash(tab)]
  ] as const) {
    it(rule, async () => {
      const link = newLink()
      const hub = await newHub(link)
      const text = (await hub.openDoc('d')).doc.getText('t')
      const context = await browser.newContext()
      const tabs = [await openPage(context), await openPage(context), await openPage(context)] as const
      for (const tab of tabs) await enter(tab, link, hub.status().listening[0] ?? '')
      const [host, second, third] = tabs
      await insert(host, 'a')
      await eventually('it is everywhere', async () => text.toJSON() === 'a' && (await read(third)) === 'a')
      const before = await second.evaluate(() => self.documents.status().author)
      const typing = Promise.all([typeUntilMoved(second, 'b'), typeUntilMoved(third, 'c')])
      await end(host)
      const [bs, cs] = await typing
      await insert(second, '!')
      const counts = (shown: string): string => ['a', 'b', 'c', '!'].map((letter) => shown.split(letter).length - 1).join()
      await eventually('every edit is everywhere, once', async () => counts(text.toJSON()) === `1,${bs},${cs},1` && (await read(second)) === text.toJSON() && (await read(third)) === text.toJSON(), {
        deadlineMs: 45_000,
        otherwise: async () => [text.toJSON(), await read(second), await read(third)].join('\n')
      })
      await second.evaluate(async () => await self.opened.flush({ to: 'one-peer' }))
      expect(await third.evaluate(() => self.documents.status().author)).toBe(before)
      expect(await third.evaluate(() => self.opened.status)).toMatchObject({ saved: true, connected: 1, error: undefined })
      await context.close()
      await hub.stop()
    })
  }

  it('[WEB33] one that joined for itself alone keeps the others out, and is kept out by them, with an error that says so', async () => {
    const context = await browser.newContext()
    const [first, second] = [await openPage(context), await openPage(context)]
    const [alone, together] = [newLink(), newLink()]
    await first.evaluate(async (link) => void (await self.joinWorkspace(link)), alone)
    for (const way of ['joinWorkspace', 'joinDocuments'] as const) {
      expect(await second.evaluate(async ([link = '', way]) => await self.failureOf(self[way as 'joinDocuments'](link)), [alone, way])).toMatch(/^AlreadyRunningError: another tab/)
    }
    await enter(first, together, '')
    expect(await second.evaluate(async (link) => await self.failureOf(self.joinWorkspace(link)), together)).toMatch(/^AlreadyRunningError: another tab/)
    await context.close()
  })

  it('[WEB34] a reload goes on as the same author, and so does the tab after it', async () => {
    const link = newLink()
    const context = await browser.newContext()
    const tab = await openPage(context)
    await enter(tab, link, '')
    await insert(tab, 'a')
    await tab.evaluate(async () => await self.opened.flush())
    const author = await tab.evaluate(() => self.documents.status().author)
    await tab.reload()
    await tab.waitForFunction(() => self.run !== undefined)
    await enter(tab, link, '')
    expect([await read(tab), await tab.evaluate(() => self.documents.status().author)]).toEqual(['a', author])
    await tab.close({ runBeforeUnload: true })
    const next = await openPage(context)
    await enter(next, link, '')
    expect([await read(next), await next.evaluate(() => self.documents.status().author)]).toEqual(['a', author])
    await crash(next)
    const last = await openPage(context)
    await enter(last, link, '')
    expect(await read(last)).toBe('a')
    expect(await last.evaluate(() => self.documents.status().author)).not.toBe(author)
    await context.close()
  })

  it('[WEB37] a peer that any of them names is dialled', async () => {
    const link = newLink()
    const hub = await newHub(link)
    const context = await browser.newContext()
    const [first, second] = [await openPage(context), await openPage(context)]
    await enter(first, link, '')
    expect(await first.evaluate(() => self.documents.status().peers)).toEqual([])
    await enter(second, link, hub.status().listening[0] ?? '')
    await first.evaluate(async () => await self.documents.whenSynced())
    expect(await first.evaluate(() => self.documents.status().peers.length)).toBe(1)
    expect(await second.evaluate(async (link) => await self.failureOf(self.joinDocuments(link, { peers: ['nonsense'] })), link)).toMatch(/^PeerAddressError/)
    await context.close()
    await hub.stop()
  })

  it('[WEB35] what a tab asks of its documents is answered by whoever has the store', async () => {
    const link = newLink()
    const context = await browser.newContext()
    const [first, second] = [await openPage(context), await openPage(context)]
    await enter(first, link, '')
    await enter(second, link, '')
    await insert(first, 'one ')
    await first.evaluate(async () => await self.opened.flush())
    await insert(second, 'two')
    const asked = await second.evaluate(async () => {
      await self.opened.flush()
      const { opened, documents } = self
      const authors = await opened.authorsOf(opened.doc.getText('t'))
      return { authors: authors.map(({ from, to, name }) => [from, to, name]), names: await documents.documents(), rights: documents.status().rights, held: opened.status.heldBy }
    })
    expect(asked).toEqual({ authors: [[0, 4, 'Ann'], [4, 7, 'Ann']], names: ['d'], rights: 'write', held: [] })
    await second.evaluate(async () => await self.documents.stop())
    await insert(first, '!')
    await first.evaluate(async () => await self.opened.flush())
    expect(await read(first)).toBe('one two!')
    await context.close()
  })

  /** The process of the tab is gone at once: no event tells it. */
  async function crash(tab: Page): Promise<void> {
    const crashed = tab.waitForEvent('crash')
    void tab.goto('chrome://crash').catch(() => undefined)
    await crashed
  }
})

