import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { OpenDocument } from '@collab/core'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'
import { inChromium, noChromium, startChromium } from '../harness/browser/chromium.js'
import { pageWith, servePages } from '../harness/browser/page-server.js'
import { eventually } from '../harness/eventually.js'
import { SeededRandom } from '../harness/random.js'

const STEPS = 30
const MAX_TABS = 4
/** `COLLAB_TABS_SEEDS=50` runs as many, `COLLAB_TABS_FIRST=7` from that one on. */
const SEEDS = Number(process.env['COLLAB_TABS_SEEDS'] ?? 1)
const FIRST_SEED = Number(process.env['COLLAB_TABS_FIRST'] ?? 1)

/** A page that adds words to a list, and tells each that is saved. */
const PAGE = `
  import { joinDocuments } from '@collab/core/browser'

  const [link, peer] = decodeURIComponent(location.hash.slice(1)).split(' ')
  const documents = await joinDocuments(link, { peers: [peer] })
  const opened = await documents.openDoc('d')
  const list = opened.doc.getArray('list')
  const add = (words, at) => {
    list.insert(Math.floor(at * list.length), words)
    void opened.flush().then(() => self.saved(words))
  }
  Object.assign(self, { opened, add, words: () => list.toArray() })
`

interface InPage {
  readonly opened: OpenDocument
  add(words: readonly string[], at: number): void
  words(): readonly string[]
}

/** What the page's globals are, for code that is sent there. */
declare const self: InPage

describe.skipIf(noChromium)(`tabs that come and go, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof servePages>>
  let browser: Browser

  beforeAll(async () => {
    const { code } = await bundle(PAGE)
    server = await servePages({ 'index.html': pageWith('page.js'), 'page.js': code })
    browser = await startChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    it(`[WEB36] opened, closed, reloaded and killed at random, they lose nothing that was saved and double nothing (seed ${seed})`, { timeout: 120_000 }, async () => {
      const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
      const hub = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
      const held = (await hub.openDoc('d')).doc.getArray<string>('list')
      const crowd = new Crowd(await browser.newContext(), `${server.url}/index.html#${link} ${hub.status().listening[0] ?? ''}`, new SeededRandom(seed))
      await crowd.begin()
      for (let step = 0; step < STEPS; step++) await crowd.step()
      await crowd.end()
      const isWhole = async (): Promise<boolean> => {
        const all = [...(await crowd.shown()), held.toArray()].map((words) => JSON.stringify(words))
        return all.every((words) => words === all[0]) && crowd.wanted().every((word) => held.toArray().includes(word))
      }
      const missing = async (): Promise<string> => JSON.stringify([crowd.wanted().filter((word) => !held.toArray().includes(word)), held.length, ...(await crowd.shown()).map(({ length }) => length), crowd.log])
      await eventually('all tabs and the peer show all that was saved', isWhole, { deadlineMs: 45_000, otherwise: missing })
      expect(new Set(held.toArray()).size).toBe(held.length)
      expect(crowd.wanted().length).toBeGreaterThan(STEPS / 2)
      await crowd.context.close()
      await hub.stop()
    })
  }
})

/** The tabs of one profile, and what they were told. */
class Crowd {
  readonly context: BrowserContext
  readonly log: string[] = []
  readonly #url: string
  readonly #random: SeededRandom
  readonly #tabs: Page[] = []
  /** Words by the tab that has them and is there yet; those of others count once they are saved. */
  readonly #unsaved = new Map<string, Page>()
  readonly #saved = new Set<string>()
  #words = 0

  constructor(context: BrowserContext, url: string, random: SeededRandom) {
    this.context = context
    this.#url = url
    this.#random = random
  }

  async begin(): Promise<void> {
    await this.context.exposeFunction('saved', (words: readonly string[]) => {
      for (const word of words) this.#saved.add(word)
    })
    await this.#open()
  }

  async step(): Promise<void> {
    const tab = this.#tabs[this.#random.int(this.#tabs.length)]
    const dice = this.#random.int(20)
    if (tab === undefined || (dice < 3 && this.#tabs.length < MAX_TABS)) await this.#open()
    else if (dice === 3) await this.#leave('close', tab, async () => await tab.close({ runBeforeUnload: true }))
    else if (dice === 4) await this.#leave('crash', tab, async () => await crash(tab))
    else if (dice === 5) await this.#reload(tab)
    else await this.#add(tab)
  }

  async end(): Promise<void> {
    if (this.#tabs.length === 0) await this.#open()
  }

  /** What must be there: all that was saved, and all of the tabs that are there. */
  wanted(): readonly string[] {
    return [...this.#saved, ...[...this.#unsaved].filter(([, tab]) => this.#tabs.includes(tab)).map(([word]) => word)]
  }

  async shown(): Promise<readonly (readonly string[])[]> {
    return await Promise.all(this.#tabs.map((tab) => tab.evaluate(() => self.words())))
  }

  async #open(): Promise<void> {
    this.log.push(`open ${this.#tabs.length}`)
    const tab = await this.context.newPage()
    await tab.goto(this.#url)
    await tab.waitForFunction(() => 'words' in self)
    this.#tabs.push(tab)
  }

  async #reload(tab: Page): Promise<void> {
    await this.#leave('reload', tab, async () => void (await tab.reload()))
    await tab.waitForFunction(() => 'words' in self)
    this.#tabs.push(tab)
  }

  /** Not waited for, so that tabs end in the middle of it. */
  async #add(tab: Page): Promise<void> {
    const words = Array.from({ length: 1 + this.#random.int(3) }, () => `w${this.#words++}`)
    this.log.push(`add ${this.#tabs.indexOf(tab)} ${words.join(' ')}`)
    for (const word of words) this.#unsaved.set(word, tab)
    await tab.evaluate(([words, at]) => self.add(words, at), [words, this.#random.next()] as const)
  }

  async #leave(how: string, tab: Page, leave: () => Promise<void>): Promise<void> {
    this.log.push(`${how} ${this.#tabs.indexOf(tab)}`)
    this.#tabs.splice(this.#tabs.indexOf(tab), 1)
    for (const [word, owner] of this.#unsaved) if (owner === tab) this.#unsaved.delete(word)
    await leave()
  }
}

/** The process of the tab is gone at once: no event tells it. */
async function crash(tab: Page): Promise<void> {
  const crashed = tab.waitForEvent('crash')
  void tab.goto('chrome://crash').catch(() => undefined)
  await crashed
}
