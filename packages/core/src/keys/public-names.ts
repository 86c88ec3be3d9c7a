import { toHex, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { toBase32 } from './base32.js'

// What strangers may see of a workspace. Each name is an HMAC under D, so it says nothing to who lacks D: neither
// the workspace's id nor a name that someone chose, nor that two of these names belong together.

/** Name of the gossip topic: 52 characters. */
export function gossipTopic(crypto: Crypto, discoveryKey: Uint8Array): string {
  return toBase32(publicName(crypto, discoveryKey, 'gossip'))
}

/** Label for discovery on the LAN: 26 characters, so that it fits a DNS label (63) with room for a prefix. */
export function mdnsTag(crypto: Crypto, discoveryKey: Uint8Array): string {
  return toBase32(publicName(crypto, discoveryKey, 'mdns').subarray(0, 16))
}

/** Key under which peers provide themselves in a DHT: 32 bytes in hexadecimal. */
export function dhtKey(crypto: Crypto, discoveryKey: Uint8Array): string {
  return toHex(publicName(crypto, discoveryKey, 'dht'))
}

function publicName(crypto: Crypto, discoveryKey: Uint8Array, use: 'gossip' | 'mdns' | 'dht'): Uint8Array {
  return crypto.hmac(discoveryKey, utf8(`collab/1 name ${use}`))
}
