import { encodeLink, joinWorkspace, keysFromWriteKey, nodeCrypto } from '@collab/core'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Rival, SharedText } from './shared-text.js'
import { yjsText } from './yjs-text.js'

const LOCAL = { mdns: false, listen: ['/ip4/127.0.0.1/tcp/0'] }

/** Everything is fsynced on both sides, unless it is kept in memory. */
export function collab({ coalesceMs, onDisk = true }: { coalesceMs?: number; onDisk?: boolean } = {}): Rival {
  return { open: async (address) => await open(address, coalesceMs, onDisk) }
}

async function open(address: string | undefined, coalesceMs: number | undefined, onDisk: boolean): Promise<SharedText> {
  const [link, ...peers] = address?.split(' ') ?? [encodeLink(nodeCrypto, keysFromWriteKey(nodeCrypto, nodeCrypto.randomBytes(32)))]
  if (link === undefined) throw new Error('no link')
  const folder = onDisk ? temporaryFolder() : undefined
  const workspace = await joinWorkspace(link, { ...LOCAL, peers, ...(folder !== undefined && { file: join(folder, 'store.sqlite') }) })
  const opened = await workspace.openDoc('bench', coalesceMs === undefined ? {} : { coalesceMs })
  if (peers.length > 0) await workspace.whenSynced()
  return {
    ...yjsText(opened.doc),
    address: [link, ...workspace.status().listening].join(' '),
    flush: async () => await opened.flush(),
    stored: () => ({ bytes: folder === undefined ? 0 : sizeOf(folder), entries: workspace.status().entries }),
    close: async () => await workspace.stop()
  }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'collab-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function sizeOf(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}
