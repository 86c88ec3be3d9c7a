import { CollabProvider, encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { CollabProviderOptions, Workspace } from '@collab/core'
import { registerProviderConformance } from '@collab/core/conformance'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as Y from 'yjs'

const LOCAL = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
const newLink = (): string => encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))

/** Each provider has a workspace of its own, a peer among peers, all of which dial the first. */
registerProviderConformance({ describe, it }, 'over workspaces of their own', async () => {
  const link = newLink()
  const workspaces = [await joinWorkspace(link, LOCAL)]
  const peers = workspaces[0]?.status().listening ?? []
  while (workspaces.length < 3) workspaces.push(await joinWorkspace(link, { ...LOCAL, peers }))
  const free: Workspace[] = workspaces.slice(1)
  return {
    connect: (doc) => new CollabProvider(free.shift() ?? (workspaces[0] as Workspace), doc),
    dispose: async () => void (await Promise.all(workspaces.map((workspace) => workspace.stop())))
  }
})

/** Each provider joins by itself: in this process they share one peer, and need another one to be synced with. */
registerProviderConformance({ describe, it }, 'over topics', async () => {
  const link = newLink()
  const hub = await joinWorkspace(link, LOCAL)
  const options: CollabProviderOptions = { ...LOCAL, peers: hub.status().listening }
  const made: CollabProvider[] = []
  return {
    connect: (doc) => {
      const provider = new CollabProvider(link, doc, options)
      made.push(provider)
      return provider
    },
    dispose: async () => {
      await Promise.all(made.map((provider) => provider.whenClosed))
      await hub.stop()
    }
  }
})

describe('a provider', () => {
  it('[PROV20] is loaded from its file without any peer, and not synced', async () => {
    const topic = newLink()
    const folder = mkdtempSync(join(tmpdir(), 'collab-provider-'))
    const open = (): CollabProvider => new CollabProvider(topic, new Y.Doc(), { ...LOCAL, file: join(folder, 'app.sqlite') })
    const first = open()
    await Promise.all([first.whenLoaded, first.doc.whenLoaded])
    first.doc.getText('t').insert(0, 'kept')
    await first.flush()
    expect([first.synced, first.connected, first.status, first.syncStatus?.saved]).toEqual([false, false, 'connecting', true])
    first.destroy()
    await first.whenClosed
    const second = open()
    await second.whenLoaded
    expect([second.doc.getText('t').toJSON(), second.synced]).toEqual(['kept', false])
    second.destroy()
    await second.whenClosed
    rmSync(folder, { recursive: true })
  })

  it('[PROV21] says what failed, and may be connected again', async () => {
    const provider = new CollabProvider('collab1broken', new Y.Doc(), { ...LOCAL, connect: false })
    const failed = new Promise<Error>((resolve) => provider.on('error', resolve))
    provider.connect()
    expect(await failed).toMatchObject({ name: 'InvalidTopicError' })
    expect([provider.status, provider.shouldConnect]).toEqual(['disconnected', false])
    provider.destroy()
  })

  it('[PROV22] refuses a Y.Doc that another provider has', async () => {
    const workspace = await joinWorkspace(newLink(), LOCAL)
    const doc = new Y.Doc()
    const first = new CollabProvider(workspace, doc)
    await first.whenLoaded
    const second = new CollabProvider(workspace, doc, { connect: false })
    const failed = new Promise<Error>((resolve) => second.on('error', resolve))
    second.connect()
    expect(await failed).toMatchObject({ name: 'AlreadyAttachedError' })
    doc.getText('t').insert(0, 'x')
    await first.flush()
    expect(first.syncStatus).toMatchObject({ saved: true, error: undefined })
    await workspace.stop()
  })
})
