import { createMemoryStore, createTransport, keysFromWriteKey, nodeCrypto, openWorkspace } from '@collab/core'
import type { Workspace } from '@collab/core'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@libp2p/yamux'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import type { Row } from './table.js'

const MEGABYTES = 40
const LISTEN = ['/ip4/127.0.0.1/tcp/0']

/** A catch-up of 40 MB over real TCP, beside the same bytes through a bare libp2p stream, both ends in this process. */
export async function measureStream(): Promise<readonly Row[]> {
  const raw = await rawStream()
  const keys = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(2))
  const open = async (name: string, peers: readonly string[]): Promise<Workspace> =>
    await openWorkspace({
      keys,
      store: createMemoryStore(),
      name,
      machine: 'bench',
      transport: (privateKey, handlers) =>
        createTransport({ privateKey, crypto: nodeCrypto, discoveryKey: keys.discoveryKey, listen: LISTEN, peers, mdns: false, handlers })
    })
  const a = await open('a', [])
  await a.start()
  const text = 'a line of forty characters, more or less\n'.repeat(6000)
  const files = Math.round((MEGABYTES * 1e6) / text.length)
  for (let file = 0; file < files; file++) await a.edit([{ type: 'create-file', path: `f${file}.md`, text: `${file}\n${text}`, executable: false }])
  const b = await open('b', a.status().listening)
  const joined = new Promise<void>((resolve) => {
    b.on('peer', ({ state }) => state === 'connected' && resolve())
  })
  await b.start()
  await joined
  const start = performance.now()
  await b.whenSynced()
  const ours = MEGABYTES / ((performance.now() - start) / 1000)
  await b.stop()
  await a.stop()
  return [{ what: 'catch-up over a sync stream', value: `${ours.toFixed(0)} MB/s`, beside: `bare libp2p stream ${raw.toFixed(0)} MB/s, nothing stored` }]
}

async function rawStream(): Promise<number> {
  const make = async () =>
    await createLibp2p({ addresses: { listen: LISTEN }, transports: [tcp()], connectionEncrypters: [noise()], streamMuxers: [yamux()] })
  const [from, to] = [await make(), await make()]
  const total = MEGABYTES * 1_000_000
  let got = 0
  const done = new Promise<void>((resolve, reject) => {
    to.handle('/bench/1', (stream) => {
      stream.addEventListener('message', (event) => {
        got += event.data.byteLength
        if (got >= total) resolve()
      })
    }).catch(reject)
  })
  const stream = await from.dialProtocol(to.getMultiaddrs(), '/bench/1')
  const chunk = new Uint8Array(250_000)
  const start = performance.now()
  for (let sent = 0; sent < total; sent += chunk.length) {
    if (!stream.send(chunk)) await new Promise<void>((resolve) => stream.addEventListener('drain', () => resolve(), { once: true }))
  }
  await done
  const rate = MEGABYTES / ((performance.now() - start) / 1000)
  await from.stop()
  await to.stop()
  return rate
}
