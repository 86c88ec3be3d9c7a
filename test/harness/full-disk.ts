import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { join } from 'node:path'

/**
 * A process of its own, because the limit on the size of its files is the process's: fills a document until nothing
 * more can be stored, or up to a size, and prints what it was told.
 */
const MOST = 100
const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(9)))
const workspace = await joinWorkspace(link, { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'], file: join(process.argv[2] ?? '', 'store.sqlite') })
const { doc, flush } = await opened()
const list = doc.getArray<string>('l')
const before = list.length
let saved = before
let refusal: unknown
while (refusal === undefined && saved < MOST) {
  list.push([Buffer.from(nodeCrypto.randomBytes(48 * 1024)).toString('base64')])
  try {
    await flush()
    saved++
  } catch (error) {
    refusal = error
  }
}
const named = refusal instanceof Error && refusal.name === 'StoreWriteError' && /disk/.test(refusal.message)
const kept = list.length === saved + (refusal === undefined ? 0 : 1)
await workspace.stop()
process.stdout.write(JSON.stringify({ before, saved, refused: refusal !== undefined, named, kept }))

async function opened() {
  const document = await workspace.openDoc('board')
  return { doc: document.doc, flush: async () => await document.flush() }
}
