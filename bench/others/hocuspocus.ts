import { HocuspocusProvider } from '@hocuspocus/provider'
import { Server } from '@hocuspocus/server'
import * as Y from 'yjs'
import type { Rival } from '../dist/rivals/shared-text.js'
import { yjsText } from '../dist/rivals/yjs-text.js'

/** The server keeps the document in memory. */
export const rival: Rival = {
  async serve() {
    const server = new Server({ address: '127.0.0.1', port: 0, quiet: true })
    await server.listen()
    return `ws://127.0.0.1:${server.address.port}`
  },

  async open(url = '') {
    const document = new Y.Doc()
    await new Promise<void>((resolve) => new HocuspocusProvider({ url, name: 'bench', document, onSynced: () => resolve() }))
    return yjsText(document)
  }
}
