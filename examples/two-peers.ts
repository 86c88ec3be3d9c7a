/**
 * Two peers in one process, over real TCP on loopback: one writes a file, both edit it, both end with the same text.
 *
 *     npx --yes pnpm@12 build && node examples/dist/two-peers.js
 */
import { createMemoryStore, createTransport, keysFromWriteKey, nodeCrypto, openWorkspace } from '@collab/core'
import type { Workspace } from '@collab/core'
import { pathToFileURL } from 'node:url'

const keys = keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32))

async function open(name: string, peers: readonly string[]): Promise<Workspace> {
  const workspace = await openWorkspace({
    keys,
    store: createMemoryStore(),
    name,
    machine: 'example',
    transport: (privateKey, handlers) =>
      createTransport({
        privateKey,
        crypto: nodeCrypto,
        discoveryKey: keys.discoveryKey,
        listen: ['/ip4/127.0.0.1/tcp/0'],
        peers,
        mdns: false,
        handlers
      })
  })
  await workspace.start()
  return workspace
}

/** Puts `line` before everything else in `path`. */
async function prepend(workspace: Workspace, path: string, line: string): Promise<void> {
  const content = workspace.tree.at(path)?.content
  if (content?.kind !== 'text') throw new Error(`${path} is no text file here`)
  const { version } = await workspace.readText(content.doc)
  await workspace.edit([{ type: 'edit', doc: content.doc, base: version, edits: [{ at: 0, remove: 0, insert: line }], machine: false }])
}

async function read(workspace: Workspace, path: string): Promise<string> {
  const content = workspace.tree.at(path)?.content
  return content?.kind === 'text' ? (await workspace.readText(content.doc)).text : ''
}

/** Resolves with the text of `path` when it reads the same, and has `lines` lines, on both. */
async function agree(a: Workspace, b: Workspace, path: string, lines: number): Promise<string> {
  for (;;) {
    // Listening begins before reading, so that no change falls between the two.
    const change = nextChange([a, b])
    const [first, second] = [await read(a, path), await read(b, path)]
    if (first === second && first.split('\n').length === lines + 1) return first
    await change
  }
}

async function nextChange(workspaces: readonly Workspace[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      for (const undo of undos) undo()
      resolve()
    }
    const undos = workspaces.flatMap((workspace) => [workspace.on('text', wake), workspace.on('tree', wake)])
  })
}

export async function main(write: (line: string) => void): Promise<string> {
  const ann = await open('Ann', [])
  const bob = await open('Bob', ann.status().listening)
  await ann.edit([{ type: 'create-file', path: 'notes/plan.md', text: 'the plan\n', executable: false }])
  await agree(ann, bob, 'notes/plan.md', 1)
  await Promise.all([prepend(ann, 'notes/plan.md', 'from Ann\n'), prepend(bob, 'notes/plan.md', 'from Bob\n')])
  const text = await agree(ann, bob, 'notes/plan.md', 3)
  write(text)
  await ann.stop()
  await bob.stop()
  return text
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main((text) => void process.stdout.write(text))
