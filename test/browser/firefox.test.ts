import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'
import { DIRECT_HERE, noChromium, startChromium } from '../harness/browser/chromium.js'
import { Firefox, inFirefox, noFirefox } from '../harness/browser/firefox.js'
import { pageWith, servePages } from '../harness/browser/page-server.js'
import { eventually } from '../harness/eventually.js'

const PAGE = `
  import { joinDocuments } from '@collab/core/browser'
  import { webRtc } from '@collab/core/browser/webrtc'
  self.enter = async (link, peer) => {
    self.documents = await joinDocuments(link, { peers: [peer], direct: webRtc() })
    self.opened = await documents.openDoc('d')
    self.text = opened.doc.getText('t')
  }
`

/** A tab of either browser. */
interface Tab {
  evaluate(expression: string): Promise<unknown>
}

const SLOW = { deadlineMs: 60_000 }

const add = async (tab: Tab, line: string): Promise<unknown> => await tab.evaluate(`text.insert(0, ${JSON.stringify(`${line}\n`)})`)
const read = async (tab: Tab): Promise<string> => (await tab.evaluate('text.toJSON()')) as string
const addresses = async (tab: Tab): Promise<readonly string[]> => (await tab.evaluate('documents.status().peers.map(({ address }) => address)')) as string[]

async function agree(tabs: readonly Tab[], lines: readonly string[]): Promise<void> {
  const shown = async (): Promise<readonly string[]> => await Promise.all(tabs.map(read))
  const isSo = async (): Promise<boolean> => {
    const [first = '', ...others] = await shown()
    return others.every((other) => other === first) && first.split('\n').toSorted().join() === ['', ...lines].toSorted().join()
  }
  await eventually('all show the same, with every line once', isSo, { ...SLOW, otherwise: async () => (await shown()).map((text) => text.slice(0, 500)).join('\n---\n') })
}

describe.skipIf(noFirefox)(`tabs of several profiles, ${inFirefox}`, () => {
  it(`[WEB45] and one ${noChromium ? 'less' : 'of Chromium'} connect directly, go on without the peer they met at, and show after a reload what they saved`, { timeout: 240_000 }, async () => {
    const { code } = await bundle(PAGE)
    const server = await servePages({ 'index.html': pageWith('page.js'), 'page.js': code })
    const url = `${server.url}/index.html`
    const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
    const hub = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
    const enter = async (tab: Tab): Promise<void> => {
      await eventually('the page', () => tab.evaluate('self.enter !== undefined'), SLOW)
      await tab.evaluate(`enter(${JSON.stringify(link)}, ${JSON.stringify(hub.status().listening[0])})`)
    }
    await using firefox = await Firefox.start()
    const ann = await firefox.open(url)
    const chromium = noChromium ? undefined : await startChromium(DIRECT_HERE)
    const other = await (await chromium?.newContext())?.newPage()
    await other?.goto(url)
    const tabs = [ann, await firefox.open(url), ...(other === undefined ? [] : [other])]
    await Promise.all(tabs.map(enter))
    const isDirect = async (): Promise<boolean> => (await Promise.all(tabs.map(addresses))).every((list) => list.filter((address) => address.startsWith('/webrtc/')).length === tabs.length - 1)
    await eventually('each is connected with each', isDirect, SLOW)

    await hub.stop()
    const lines = tabs.flatMap((_, n) => Array.from({ length: 200 }, (_, line) => `tab ${n}, line ${line} ${'.'.repeat(500)}`))
    await Promise.all(tabs.map((tab, n) => add(tab, lines.slice(n * 200, (n + 1) * 200).join('\n'))))
    await agree(tabs, lines)

    await ann.evaluate(`opened.flush({ to: 'disk' })`)
    await ann.reload()
    await enter(ann)
    await agree([ann], lines)
    expect(await addresses(ann)).toEqual([])
    await chromium?.close()
    await server.close()
  })
})
