import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { Direct, Documents, OpenDocument, joinDocuments } from '@collab/core/browser'
import type { WebRtcOptions, webRtc } from '@collab/core/browser/webrtc'
import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundle } from '../harness/browser/bundle.js'
import { DIRECT_HERE, inChromium, noChromium, startChromium } from '../harness/browser/chromium.js'
import { pageWith, servePages } from '../harness/browser/page-server.js'
import { planFolder } from '../harness/browser/plan-folder.js'
import { TestArea } from '../harness/cli-process.js'
import { decodeCbor, encodeCbor } from '../harness/cbor.js'
import type { Cbor } from '../harness/cbor.js'
import { eventually } from '../harness/eventually.js'
import { MEET, RawPeer, framesOf, message } from '../harness/raw-peer.js'

/** In the page: what an app has, each WebRTC connection that is made, and with which settings. */
const PAGE = `
  import { joinDocuments } from '@collab/core/browser'
  import { webRtc } from '@collab/core/browser/webrtc'
  const [asked, made] = [[], []]
  self.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(settings) {
      super(settings)
      asked.push(settings)
      made.push(this)
      this.addEventListener('connectionstatechange', () => (this.wasConnected ||= this.connectionState === 'connected'))
    }
  }
  /** As webRtc(), at a peer that carries each offer under the name of another. */
  const misled = (other) => ({
    open({ send }) {
      let writer
      const link = webRtc().open({ send: (peer, letter) => send(peer === other ? writer : peer, letter) })
      const isOffer = (letter) => letter[1] === 0
      const received = (peer, letter) => link.received(isOffer(letter) ? (writer = peer, other) : peer, letter)
      return { ...link, received }
    }
  })
  Object.assign(self, { joinDocuments, webRtc, misled, asked, made })
`

interface InPage {
  joinDocuments: typeof joinDocuments
  webRtc: typeof webRtc
  misled: (other: string) => Direct
  asked: RTCConfiguration[]
  made: (RTCPeerConnection & { readonly wasConnected?: boolean })[]
  documents: Documents
  opened: OpenDocument
}

/** What the page's globals are, for code that is sent there. */
declare const self: InPage

/** A description that a browser takes, of a connection that nobody makes. */
const SDP = [
  'v=0',
  'o=- 1 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0',
  'm=application 9 UDP/DTLS/SCTP webrtc-datachannel',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:abcd',
  'a=ice-pwd:abcdefghijklmnopqrstuv',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'a=setup:actpass',
  'a=mid:0',
  'a=sctp-port:5000',
  ''
].join('\r\n')

const newLink = (): string => encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))

/** What the file holds; nothing in the moment in which it is replaced. */
function inFolder(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

describe.skipIf(noChromium)(`tabs of several profiles, connected directly, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof servePages>>
  let browser: Browser

  beforeAll(async () => {
    const { code, complaints } = await bundle(PAGE)
    expect(complaints).toEqual([])
    server = await servePages({ 'index.html': pageWith('page.js'), 'page.js': code })
    browser = await startChromium(DIRECT_HERE)
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** A tab of a profile of its own that has the file open. */
  async function tab(topic: string, peer: string, options: WebRtcOptions & { readonly misled?: string } = {}): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    await page.goto(`${server.url}/index.html`)
    await page.waitForFunction(() => self.joinDocuments !== undefined)
    await page.evaluate(
      async ({ topic, peer, options }) => {
        self.documents = await self.joinDocuments(topic, { peers: [peer], direct: options.misled === undefined ? self.webRtc(options) : self.misled(options.misled) })
        self.opened = await self.documents.openText('plan.md', { create: 'when-synced' })
      },
      { topic, peer, options }
    )
    return page
  }

  const add = async (page: Page, line: string): Promise<void> => await page.evaluate((line) => self.opened.doc.getText('content').insert(0, `${line}\n`), line)
  const read = async (page: Page): Promise<string> => await page.evaluate(() => self.opened.doc.getText('content').toJSON())
  /** Where its peers are connected. */
  const addresses = async (page: Page): Promise<readonly string[]> => await page.evaluate(() => self.documents.status().peers.map(({ address }) => address))
  const sorted = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '').toSorted()

  async function agree(what: string, texts: () => Promise<readonly string[]>, lines: readonly string[]): Promise<void> {
    const wanted = lines.toSorted().join('\n')
    const isSo = async (): Promise<boolean> => {
      const all = await texts()
      return new Set(all).size === 1 && sorted(all[0] ?? '').join('\n') === wanted
    }
    await eventually(what, isSo, { deadlineMs: 45_000, otherwise: async () => (await texts()).map((text) => text.slice(0, 2000)).join('\n---\n') })
  }

  async function connectedDirectly(tabs: readonly Page[]): Promise<void> {
    const all = async (): Promise<readonly (readonly string[])[]> => await Promise.all(tabs.map(addresses))
    const isSo = async (): Promise<boolean> => (await all()).every((list) => list.filter((address) => address.startsWith('/webrtc/p2p/')).length === tabs.length - 1)
    await eventually('each is connected with each', isSo, { deadlineMs: 45_000, otherwise: async () => JSON.stringify(await all()) })
  }

  it('[WEB40] that met through a peer go on when it is killed, and one that returns gets all', { timeout: 150_000 }, async () => {
    await using area = await Promise.resolve(new TestArea())
    const link = newLink()
    const notes = await planFolder(area, link)
    const { path, address } = notes
    const tabs = await Promise.all([tab(link, address), tab(link, address), tab(link, address)])
    const [ann, bob, cem] = tabs
    const texts = async (): Promise<readonly string[]> => await Promise.all(tabs.map(read))
    await agree('the tabs have the file', texts, ['the plan'])
    await connectedDirectly(tabs)

    notes.process.kill('SIGKILL')
    await eventually('only tabs are left', async () => (await Promise.all(tabs.map(addresses))).flat().every((one) => one.startsWith('/webrtc/')))
    const alone = ['Ann, alone', 'Bob, alone', 'Cem, alone', ...Array.from({ length: 2000 }, (_, n) => `much ${n} ${'.'.repeat(500)}`)]
    await Promise.all([add(ann, 'Ann, alone'), add(bob, 'Bob, alone'), add(cem, alone.slice(2).join('\n'))])
    await agree('the tabs go on', texts, ['the plan', ...alone])

    await notes.join()
    await agree('the folder has it all', async () => [inFolder(path), ...(await texts())], ['the plan', ...alone])
    await Promise.all(tabs.map((tab) => tab.context().close()))
  })

  it('[WEB41] ask no server unless one is given', async () => {
    const link = newLink()
    const hub = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
    const [address = ''] = hub.status().listening
    const given = { urls: 'stun:127.0.0.1:9' }
    const tabs = await Promise.all([tab(link, address), tab(link, address, { iceServers: [given] })])
    await connectedDirectly(tabs)
    const [plain = [], told = []] = await Promise.all(tabs.map((tab) => tab.evaluate(() => self.asked)))
    expect(new Set(plain.map(({ iceServers }) => JSON.stringify(iceServers)))).toEqual(new Set(['[]']))
    expect(new Set(told.map(({ iceServers }) => JSON.stringify(iceServers)))).toEqual(new Set([JSON.stringify([given])]))
    await Promise.all(tabs.map((tab) => tab.context().close()))
    await hub.stop()
  })

  it('[WEB42] letters that mean nothing, many of them, and answers that were not asked for harm nobody', async () => {
    const link = newLink()
    const hub = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] })
    const [tcp = '', ws = ''] = hub.status().listening.toSorted((a, b) => Number(a.includes('/ws')) - Number(b.includes('/ws')))
    const text = (await hub.openText('plan.md')).doc.getText('content')
    await using rude = await RawPeer.make(tcp)
    await rude.join(link)
    const stream = await rude.open(MEET)
    const [ann, bob] = await Promise.all([tab(link, ws), tab(link, ws)])
    const lost: string[] = []
    hub.on('peer', ({ peer, state }) => void (state === 'connected' || state === 'named' || lost.push(peer)))
    const heard = (): readonly (readonly Cbor[])[] => framesOf(rude.bytesOf(MEET)).map((bytes) => decodeCbor(bytes) as readonly Cbor[])
    const keys = await eventually('it is told of both', () => heard().flatMap(([code, list]) => (code === 0 ? [list as Uint8Array[]] : [])).find((list) => list.length === 2))
    const offered = await eventually('it is offered a connection', () => heard().find(([code]) => code === 1))
    const [, offerer, offer] = offered as [number, Uint8Array, Uint8Array]
    const [, offerId] = decodeCbor(offer) as [number, Uint8Array]
    const id = new Uint8Array(16)
    const letters = [new Uint8Array(0), new Uint8Array(16_000), encodeCbor([0, id, 'v=0']), encodeCbor([0, id, SDP]), encodeCbor([1, id, SDP]), encodeCbor([7, id, ''])]
    stream.send(message(1, offerer, encodeCbor([1, offerId, SDP])))
    for (const key of keys) for (const letter of letters) stream.send(message(1, key, letter))
    for (let n = 0; n < 100; n++) for (const key of keys) stream.send(message(1, key, encodeCbor([0, Uint8Array.from(id, () => n), SDP])))
    await connectedDirectly([ann, bob])
    await add(ann, 'Ann, undisturbed')
    await add(bob, 'Bob, undisturbed')
    await agree('all go on', async () => [text.toJSON(), ...(await Promise.all([ann, bob].map(read)))], ['Ann, undisturbed', 'Bob, undisturbed'])
    expect(lost).toEqual([])
    await Promise.all([ann, bob].map((tab) => tab.context().close()))
    await hub.stop()
  })

  it('[WEB43] two that lost each other find each other again through a third, with nobody else there', { timeout: 150_000 }, async () => {
    const link = newLink()
    const hub = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] })
    const [address = ''] = hub.status().listening
    const tabs = await Promise.all([tab(link, address), tab(link, address), tab(link, address)])
    const [ann, bob, cem] = tabs
    await connectedDirectly(tabs)
    await hub.stop()
    await eventually('only tabs are left', async () => (await Promise.all(tabs.map(addresses))).flat().every((one) => one.startsWith('/webrtc/')))
    const before = await ann.evaluate(() => self.made.length)
    await ann.evaluate(() => self.made.find(({ connectionState }) => connectionState === 'connected')?.close())
    await eventually('it is connected anew', async () => (await ann.evaluate(() => self.made.length)) > before)
    await connectedDirectly(tabs)
    await Promise.all([add(ann, 'Ann, again'), add(bob, 'Bob, again'), add(cem, 'Cem, again')])
    await agree('all go on', async () => await Promise.all(tabs.map(read)), ['Ann, again', 'Bob, again', 'Cem, again'])
    await Promise.all(tabs.map((tab) => tab.context().close()))
  })

  it('[WEB44] an offer under the name of another comes to nothing, and to no harm', async () => {
    const link = newLink()
    const [hub, other] = await Promise.all([joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0/ws'] }), joinWorkspace(newLink(), { mdns: false })])
    const [address = ''] = hub.status().listening
    const misled = other.status().peerId
    await other.stop()
    const tabs = await Promise.all([tab(link, address, { misled }), tab(link, address, { misled })])
    const [ann, bob] = tabs
    const given = async (): Promise<boolean> => (await Promise.all(tabs.map((tab) => tab.evaluate(() => self.made.some(({ wasConnected, connectionState }) => wasConnected === true && connectionState === 'closed'))))).every(Boolean)
    await eventually('both gave a connection up', given, { deadlineMs: 45_000 })
    await Promise.all([add(ann, 'Ann, misled'), add(bob, 'Bob, misled')])
    await agree('all go on', async () => await Promise.all(tabs.map(read)), ['Ann, misled', 'Bob, misled'])
    expect(await Promise.all(tabs.map(addresses))).toEqual([[address], [address]])
    await Promise.all(tabs.map((tab) => tab.context().close()))
    await hub.stop()
  })
})
