import { webSockets } from '@libp2p/websockets'
import type { NetPlatform } from './net-platform.js'

/** A tab dials and is not dialled: it reaches peers that listen for WebSockets. */
export const BROWSER: NetPlatform = {
  transports: [webSockets()],
  defaultListen: [],
  whenOnline(back) {
    addEventListener('online', back)
    return () => removeEventListener('online', back)
  }
}
