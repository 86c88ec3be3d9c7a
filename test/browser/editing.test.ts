import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { OpenDocument, Workspace } from '@collab/core'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { inChromium, noChromium, startChromium } from '../harness/browser/chromium.js'
import { EditorPage, serveExample } from '../harness/browser/editor-page.js'
import { planFolder } from '../harness/browser/plan-folder.js'
import { TestArea } from '../harness/cli-process.js'
import { eventually } from '../harness/eventually.js'

const CODE = '.cm-content'
const WS = '/ip4/127.0.0.1/tcp/0/ws'

const newLink = (): string => encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))

/** A peer in Node that tabs can dial, with the file open. */
async function nodePeer(link: string, listen = WS): Promise<{ workspace: Workspace; opened: OpenDocument; address: string }> {
  const workspace = await joinWorkspace(link, { name: 'Node', mdns: false, listen: [listen] })
  const opened = await workspace.openText('plan.md')
  return { workspace, opened, address: workspace.status().listening[0] ?? '' }
}

describe.skipIf(noChromium)(`CodeMirror in tabs, ${inChromium}`, () => {
  let server: Awaited<ReturnType<typeof serveExample>>
  let browser: Browser

  beforeAll(async () => {
    server = await serveExample('codemirror')
    browser = await startChromium()
  })

  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  /** A tab of a profile of its own. */
  async function tab(topic: string, peer: string, name: string): Promise<EditorPage> {
    return await EditorPage.open(await browser.newContext(), server.url, CODE, { topic, peer, name })
  }

  async function agree(text: () => string, tabs: readonly EditorPage[], lines: readonly string[]): Promise<void> {
    const wanted = lines.toSorted().join('\n')
    const shown = async (): Promise<string[]> => [text(), ...(await Promise.all(tabs.map((tab) => tab.text())))]
    const isSo = async (): Promise<boolean> => {
      const [first = '', ...others] = await shown()
      return others.every((other) => other === first) && first.split('\n').filter((line) => line !== '').toSorted().join('\n') === wanted
    }
    await eventually('all show the same, with every line once', isSo, { deadlineMs: 45_000, otherwise: async () => (await shown()).join('\n---\n') })
  }

  it('[WEB20] two profiles and a peer in Node type into one document at once, and see whose cursor is where', async () => {
    const link = newLink()
    const { workspace, opened, address } = await nodePeer(link)
    const text = opened.doc.getText('content')
    text.insert(0, 'the plan\n')
    const [ann, bob] = await Promise.all([tab(link, address, 'Ann'), tab(link, address, 'Bob')])
    await agree(() => text.toJSON(), [ann, bob], ['the plan'])
    const typed = Array.from({ length: 8 }, (_, n) => [`Ann ${n}`, `Bob ${n}`, `Node ${n}`] as const)
    for (const [hers, his, ours] of typed) {
      text.insert(0, `${ours}\n`)
      await Promise.all([ann.type(`${hers}\n`), bob.typeFirst(`${his}\n`)])
    }
    await agree(() => text.toJSON(), [ann, bob], ['the plan', ...typed.flat()])
    await bob.page.locator('.cm-ySelectionInfo', { hasText: 'Ann' }).waitFor({ state: 'attached' })
    await ann.page.locator('.cm-ySelectionInfo', { hasText: 'Bob' }).waitFor({ state: 'attached' })
    await eventually('the names', () => ['Ann', 'Bob'].every((name) => workspace.status().peers.some((peer) => peer.name === name)))
    await Promise.all([ann, bob].map((tab) => tab.page.context().close()))
    await workspace.stop()
  })

  it('[WEB21] a tab without a network goes on, and what it wrote is with the others when it is back', async () => {
    const link = newLink()
    const { workspace, opened, address } = await nodePeer(link)
    const text = opened.doc.getText('content')
    const ann = await tab(link, address, 'Ann')
    await ann.until('connected', 'connected, saved')
    await ann.page.context().setOffline(true)
    await eventually('the connection is lost', () => workspace.status().peers.length === 0)
    await ann.until('alone', 'connecting, saved')
    text.insert(0, 'Node, meanwhile\n')
    await ann.type('Ann, alone\n')
    await ann.until('saved without anybody', 'connecting, saved')
    expect(text.toJSON()).toBe('Node, meanwhile\n')
    await ann.page.context().setOffline(false)
    await agree(() => text.toJSON(), [ann], ['Ann, alone', 'Node, meanwhile'])
    await ann.page.context().close()
    await workspace.stop()
  })

  it('[WEB22] after a reload the text is there before any peer is, and goes to the one that comes back from a crash', { timeout: 90_000 }, async () => {
    await using area = await Promise.resolve(new TestArea())
    const link = newLink()
    const notes = await planFolder(area, link)
    const { path, address } = notes
    const ann = await tab(link, address, 'Ann')
    await agree(() => readFileSync(path, 'utf8'), [ann], ['the plan'])
    notes.process.kill('SIGKILL')
    await ann.until('alone', 'connecting, saved')
    await ann.type('before the reload\n')
    await ann.until('saved', 'connecting, saved')
    await ann.reload()
    await eventually('the text', async () => (await ann.text()) === 'the plan\nbefore the reload\n')
    await ann.until('alone', 'connecting, saved')
    await ann.type('after the reload\n')
    appendFileSync(path, 'in the folder\n')
    await notes.join()
    await agree(() => readFileSync(path, 'utf8'), [ann], ['the plan', 'before the reload', 'after the reload', 'in the folder'])
    await ann.page.context().close()
  })

  it('[WEB23] a file is edited at once in a tab and by an editor that writes in a synced folder', async () => {
    await using area = await Promise.resolve(new TestArea())
    const link = newLink()
    const path = `${area.folder('notes')}/plan.md`
    writeFileSync(path, 'the plan\n')
    const cli = await area.join(link, 'notes', ['--listen', WS])
    const [address = ''] = ((await cli.event('listening'))['addresses'] as readonly string[]).filter((one) => one.includes('/ws/'))
    const ann = await tab(link, address, 'Ann')
    await agree(() => readFileSync(path, 'utf8'), [ann], ['the plan'])
    const typed = Array.from({ length: 10 }, (_, n) => `typed ${n}`)
    const saved = Array.from({ length: 10 }, (_, n) => `saved ${n}`)
    for (const [n, line] of typed.entries()) {
      appendFileSync(path, `${saved[n] ?? ''}\n`)
      await ann.typeFirst(`${line}\n`)
    }
    await agree(() => readFileSync(path, 'utf8'), [ann], ['the plan', ...typed, ...saved])
    await ann.page.context().close()
  })
})
