/**
 * A libp2p node of the app's own making: beside the workspace it speaks a protocol of the app, to the same peers.
 *
 *     npx --yes pnpm@12 build && node examples/dist/own-libp2p.js
 */
import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { NodeFactory, Workspace } from '@collab/core'
import type { Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { createLibp2p } from 'libp2p'
import { pathToFileURL } from 'node:url'

const GREETING = '/greeting/1'

/** Keeps all options of the workspace, and the node for itself. */
function ownNode(keep: (node: Libp2p) => void): NodeFactory {
  return async (options) => {
    const node = await createLibp2p({ ...options, nodeInfo: { name: 'my-app', version: '1', userAgent: 'my-app' } })
    await node.handle(GREETING, (stream) => {
      stream.send(new TextEncoder().encode('hello from the app'))
      void stream.close()
    })
    keep(node)
    return node
  }
}

async function greet(node: Libp2p, peer: string): Promise<string> {
  const stream = await node.dialProtocol(peerIdFromString(peer), GREETING)
  const said = await new Promise<string>((resolve) => {
    stream.addEventListener('message', ({ data }) => resolve(new TextDecoder().decode(data.subarray())), { once: true })
  })
  await stream.close()
  return said
}

export async function main(write: (line: string) => void): Promise<readonly string[]> {
  const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const here = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
  let node: Libp2p | undefined
  const ann: Workspace = await joinWorkspace(link, { ...here, libp2p: ownNode(() => undefined) })
  const bob: Workspace = await joinWorkspace(link, { ...here, peers: ann.status().listening, libp2p: ownNode((made) => (node = made)) })
  const [hers, his] = [await ann.openDoc('notes'), await bob.openDoc('notes')]
  hers.doc.getText('t').insert(0, 'over the same connection')
  while (his.doc.getText('t').length === 0) await new Promise<void>((resolve) => his.doc.once('update', () => resolve()))
  const result = [his.doc.getText('t').toJSON(), node === undefined ? '' : await greet(node, ann.status().peerId)]
  for (const line of result) write(line)
  await Promise.all([ann.stop(), bob.stop()])
  return result
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main((line) => void process.stdout.write(`${line}\n`))
