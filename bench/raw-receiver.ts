import { noise } from '@chainsafe/libp2p-noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

/** A bare libp2p node in a process of its own: says where it listens, takes so many bytes, and says when. */
const total = Number(process.argv[2])
const node = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux()]
})
let got = 0
await node.handle('/bench/1', (stream) => {
  stream.addEventListener('message', (event) => {
    got += event.data.byteLength
    if (got >= total) process.send?.('done')
  })
})
process.send?.(node.getMultiaddrs()[0]?.toString() ?? '')
