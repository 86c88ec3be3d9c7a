import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inChromium, noChromium, startChromium } from '../harness/browser/chromium.js'
import { EditorPage, serveExample } from '../harness/browser/editor-page.js'
import { eventually } from '../harness/eventually.js'

describe.skipIf(noChromium)(`a rich text in TipTap, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof serveExample>>
  let browser: Browser

  beforeAll(async () => {
    server = await serveExample('rich-text')
    browser = await startChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** What is shown, without carets and what the editor itself adds. */
  async function markup({ page }: EditorPage): Promise<string> {
    return await page.locator('.tiptap').evaluate((area) => {
      const copy = area.cloneNode(true) as HTMLElement
      for (const extra of copy.querySelectorAll('[class^="collaboration-carets"], .ProseMirror-widget, .ProseMirror-separator, .ProseMirror-trailingBreak')) extra.remove()
      return copy.innerHTML
    })
  }

  it('[WEB24] is written by two profiles at once, marks and all, with carets, and is held by a peer in Node', async () => {
    const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
    const node = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
    const held = await node.openDoc('page')
    const [peer = ''] = node.status().listening
    const open = async (name: string): Promise<EditorPage> => await EditorPage.open(await browser.newContext(), server.url, '.tiptap', { topic: link, peer, name })
    const [ann, bob] = await Promise.all([open('Ann'), open('Bob')])
    await ann.until('connected', 'connected, saved')
    await ann.type('The plan\n')
    await eventually('the first line', async () => (await markup(bob)).startsWith('<p>The plan</p>'))
    const turns = Array.from({ length: 6 }, (_, n) => n)
    for (const n of turns) await Promise.all([ann.type(`Ann ${n}\n`), bob.typeFirst(`Bob ${n}\n`)])
    await Promise.all([ann.type('in bold'), bob.typeFirst('# ')])
    await eventually('the title', async () => (await markup(ann)).includes('<h1>Bob 5</h1>'))
    // The editor takes up a selection a moment after the page shows it, and an edit of Bob's may come in between.
    await eventually('the bold words', async () => {
      if ((await markup(ann)).includes('<strong>in bold</strong>')) return true
      for (const key of ['End', 'Shift+Home', 'Control+b']) await ann.page.keyboard.press(key)
      return false
    })
    const expected = ['<h1>Bob 5</h1>', '<p>The plan</p>', ...turns.flatMap((n) => [`<p>Ann ${n}</p>`, `<p>Bob ${n}</p>`]), '<p><strong>in bold</strong></p>'].filter((part) => part !== '<p>Bob 5</p>')
    const isWhole = async (): Promise<boolean> => (await markup(ann)) === (await markup(bob)) && parts(await markup(ann)).join() === expected.toSorted(alphabetical).join()
    await eventually('both show all of it, the same', isWhole, { deadlineMs: 45_000, otherwise: async () => `${await markup(ann)}\n${await markup(bob)}` })
    await eventually('all of it in Node', () => expected.every((part) => held.doc.getXmlFragment('default').toJSON().includes(part.replaceAll(/<.*?>/g, ''))))
    expect(held.doc.getXmlFragment('default').toJSON()).toContain('<bold>in bold</bold>')
    await ann.page.locator('.collaboration-carets__label', { hasText: 'Bob' }).waitFor({ state: 'attached' })
    await Promise.all([ann, bob].map(({ page }) => page.context().close()))
    await node.stop()
  })
})

/** Paragraphs without those that are empty, in any order: two who write at once decide it together. */
function parts(markup: string): readonly string[] {
  return [...markup.matchAll(/<(p|h1)>.+?<\/\1>/g)].map(([part]) => part).toSorted(alphabetical)
}

const alphabetical = (a: string, b: string): number => (a < b ? -1 : 1)
