import { Repo, splice } from '@automerge/automerge-repo'
import type { AutomergeUrl } from '@automerge/automerge-repo'
import { WebSocketClientAdapter, WebSocketServerAdapter } from '@automerge/automerge-repo-network-websocket'
import { WebSocketServer } from 'ws'
import { addressOf } from './server-address.ts'
import type { Rival } from '../dist/rivals/shared-text.js'

interface Content {
  text: string
}

const serving: Repo[] = []

/** Nothing is stored. */
export const rival: Rival = {
  async serve() {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
    // The same class by another name of its package.
    const known = server as unknown as ConstructorParameters<typeof WebSocketServerAdapter>[0]
    serving.push(new Repo({ network: [new WebSocketServerAdapter(known)] }))
    return await addressOf(server)
  },

  async open(address = '') {
    const [server, url] = address.split(' ')
    const repo = new Repo({ network: [new WebSocketClientAdapter(server ?? '')] })
    const handle = url === undefined ? repo.create<Content>({ text: '' }) : await repo.find<Content>(url as AutomergeUrl)
    return {
      address: `${server} ${handle.url}`,
      length: () => handle.doc().text.length,
      edit: (at, remove, insert) => handle.change((doc) => splice(doc, ['text'], at, remove, insert)),
      onChange: (listener) => void handle.on('change', listener)
    }
  }
}
