import { once } from 'node:events'
import type { WebSocketServer } from 'ws'

/** The address of a server on loopback, once it listens. */
export async function addressOf(server: WebSocketServer): Promise<string> {
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return `ws://127.0.0.1:${address.port}`
}
