import type { Rival } from './shared-text.js'

/** Everything that is measured side by side, by the name that the table shows; a process loads only its own. */
export const rivals: Readonly<Record<string, () => Promise<Rival>>> = {
  collab: async () => (await import('./collab.js')).collab(),
  'collab, coalesceMs 0': async () => (await import('./collab.js')).collab({ coalesceMs: 0 }),
  'collab, in memory': async () => (await import('./collab.js')).collab({ onDisk: false }),
  'y-websocket': async () => (await import('./y-websocket.js')).yWebsocket,
  Hocuspocus: async () => (await import('./hocuspocus.js')).hocuspocus,
  'automerge-repo': async () => (await import('./automerge.js')).automerge
}
