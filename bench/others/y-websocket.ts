import { setupWSConnection } from '@y/websocket-server/utils'
import { WebSocketServer } from 'ws'
import * as Y from 'yjs'
import { WebsocketProvider } from 'y-websocket'
import { addressOf } from './server-address.ts'
import type { Rival } from '../dist/rivals/shared-text.js'
import { yjsText } from '../dist/rivals/yjs-text.js'

/** The server keeps the document in memory. */
export const rival: Rival = {
  async serve() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    server.on('connection', (socket, request) => setupWSConnection(socket, request))
    return await addressOf(server)
  },

  async open(address = '') {
    const doc = new Y.Doc()
    // Without the channel that tabs of one browser share.
    const provider = new WebsocketProvider(address, 'bench', doc, { disableBc: true })
    await new Promise<void>((resolve) => provider.once('sync', () => resolve()))
    return yjsText(doc)
  }
}
