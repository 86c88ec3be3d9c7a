import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Rival } from './shared-text.js'

/** A project of its own, whose packages are fetched on demand. */
const OTHERS = new URL('../../others/', import.meta.url)

/** Everything that is measured side by side, by the name that the table shows; a process loads only its own. */
export const rivals: Readonly<Record<string, () => Promise<Rival>>> = {
  collab: async () => (await import('./collab.js')).collab(),
  'collab, coalesceMs 0': async () => (await import('./collab.js')).collab({ coalesceMs: 0 }),
  'collab, in memory': async () => (await import('./collab.js')).collab({ onDisk: false }),
  ...(areOthersInstalled() && { 'y-websocket': other('y-websocket'), Hocuspocus: other('hocuspocus'), 'automerge-repo': other('automerge') })
}

export function areOthersInstalled(): boolean {
  return existsSync(fileURLToPath(new URL('node_modules/.modules.yaml', OTHERS)))
}

function other(name: string): () => Promise<Rival> {
  return async () => ((await import(new URL(`${name}.ts`, OTHERS).href)) as { readonly rival: Rival }).rival
}
