/**
 * A todo list on shared types, between two peers over real TCP on loopback: both add while they do not know of each
 * other, then they meet; both end with the same list.
 *
 *     npx --yes pnpm@12 build && node examples/dist/todo-list.js
 */
import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { pathToFileURL } from 'node:url'
import * as Y from 'yjs'

/** One thing to do is a map of its own, so that two people may change its text and its tick at once. */
function add(list: Y.Array<Y.Map<unknown>>, text: string): void {
  list.push([new Y.Map<unknown>([['text', text], ['done', false]])])
}

export async function main(write: (line: string) => void): Promise<readonly unknown[]> {
  const link = encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))
  const here = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }
  await using ann = await joinWorkspace(link, { ...here, name: 'Ann' })
  const hers = await ann.openDoc('todo')
  add(hers.doc.getArray('list'), 'milk')

  await using bob = await joinWorkspace(link, { ...here, name: 'Bob', peers: ann.status().listening })
  const his = await bob.openDoc('todo')
  const list = his.doc.getArray<Y.Map<unknown>>('list')
  add(list, 'bread')
  while (list.length < 2) await new Promise<void>((resolve) => list.observe(() => resolve()))
  for (const item of list) if (item.get('text') === 'milk') item.set('done', true)

  await his.flush({ to: 'one-peer' })
  const result = hers.doc.getArray('list').toJSON()
  write(JSON.stringify(result))
  return result
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main((line) => void process.stdout.write(`${line}\n`))
