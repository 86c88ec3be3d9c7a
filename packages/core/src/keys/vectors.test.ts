import { describe, expect, it } from 'vitest'
import { toHex } from '../base/bytes.js'
import { parseAuthorId } from '../base/ids.js'
import { checkProof, proof } from './admission-proof.js'
import { issueCertificate, verifyAdmission } from './certificate.js'
import { encodeLink, parseLink } from './link.js'
import { nobleCrypto as crypto } from './noble-crypto.js'
import { dhtKey, gossipTopic, mdnsTag } from './public-names.js'
import { keysFromName } from './topic.js'
import { bodyKey, epochKey, keysFromWriteKey, shareAs, workspaceSigner, type Rights } from './workspace-keys.js'

// What docs/PROTOCOL.md prints for other implementations. A change here is a change of the protocol: it needs a new
// version, not a new vector.
const W = Uint8Array.from({ length: 32 }, (_, i) => i)
const keys = keysFromWriteKey(crypto, W)
const address = '/ip4/192.0.2.1/tcp/4001'

describe('[KEY18] the bytes that other implementations must reproduce', () => {
  it('name -> W', async () => {
    const { writeKey, id } = await keysFromName(crypto, '  My  NOTES ')
    expect([toHex(writeKey), id]).toEqual([
      '5dfdc4fedcc1fa0d425d04ecdc490b4121d93de2ad1262e7a0278f95b747c852',
      '8765e3eeeb9a162dd6db0c2e819d895a4f3f801a4b66355df9b2248320e082b4'
    ])
  })

  it('W -> id, R, D, epoch and body keys', () => {
    const epoch = epochKey(crypto, keys.readKey, 0)
    const derived = { R: keys.readKey, D: keys.discoveryKey, epoch0: epoch, body: bodyKey(crypto, epoch, W) }
    const inHex = Object.fromEntries(Object.entries(derived).map(([name, bytes]) => [name, toHex(bytes)]))
    expect({ ...inHex, id: keys.id }).toEqual({
      D: '4aa012fcb43b0e6a38c594c544444e4b8b7c78f997db15bf36baaebb5c89966c',
      R: '5b5ca6d250a51c90040a9eeb481721d18559848499c2428ae0932363a5728085',
      body: 'c302646f976635886e367b07ddcedbf6d704c1934a5d41811e32872238ae4e40',
      epoch0: '4313e430a7cfed08249605dad141a32324504e497fbf79c7944227b6b71543e7',
      id: 'f4eebf6465874b540640149c2ff84734ecb78fcfb41ed5f2947c8fa436fddf10'
    })
  })

  it('a link of each kind, and one with an address', () => {
    const links = (['write', 'read', 'blind'] satisfies Rights[]).map(rights => encodeLink(crypto, shareAs(keys, rights)))
    const all = [...links, encodeLink(crypto, keys, [address])]
    expect(all).toEqual([
      'collab1waaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypqb4tqvysa',
      'collab1rlnoknusquuojabakt3vuqfzb2gcvtbeethbefcxasmrwhjlsqcc7j3v7mrsyos2uazabjhbp7bdtj3fxr7h3ihwv6kkhzd5eg3656eaa7yahgii',
      'collab1bjkqbf7fuhmhguogfstcuircojofxy6hzs7nrlpzwxkxlwxejszwpj3v7mrsyos2uazabjhbp7bdtj3fxr7h3ihwv6kkhzd5eg3656eaawqmxy6y',
      'collab1waaaqeayeaudaocajbifqydiob4ibceqtcqkrmfyydenbwha5dypqcaaxf5uxanbpge4telrqfyzc4mjporrxalzugaydd7vvgmua'
    ])
    expect(parseLink(crypto, all[3] ?? '')).toEqual({ keys, addresses: [address] })
  })

  it('public names', () => {
    const { discoveryKey } = keys
    expect(gossipTopic(crypto, discoveryKey)).toBe('dfwnaz7vqvv47xamkvjvtkduop7jc4vqttd6mf25fmprbkl224wq')
    expect(mdnsTag(crypto, discoveryKey)).toBe('vgvensckgnu7dxw7zw2yt2zjtm')
    expect(dhtKey(crypto, discoveryKey)).toBe('176d64c87532972df1e9d477f2c4d3d25cb65ebe86f84be7f4213d38bcf1146b')
  })

  it('a certificate', () => {
    const author = parseAuthorId(crypto.signer(new Uint8Array(32).fill(1)).publicKey)
    const certificate = issueCertificate(workspaceSigner(crypto, W), author, 'writer')
    const hex = toHex(certificate.signature)
    expect([author, hex.slice(0, 64), hex.slice(64)]).toEqual([
      '8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
      '086a6ccfd8bd2523946559714de5515f0f036fdc3d95679d96c4588809c11261',
      'affb2e982807d3d5abed75925adc3d1cea6cacc5fcc2708ea8dfcf6b5864a50a'
    ])
    expect(verifyAdmission(crypto, keys.id, author, [certificate])).toBe(true)
  })

  it('the proofs of both sides', () => {
    const context = {
      initiatorPeerId: '12D3KooWGatU9DzmPD6kiLPqKz3dQ8mSq7uuYNyxFANyPPWuRYM2',
      responderPeerId: '12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
      initiatorNonce: new Uint8Array(32).fill(1),
      responderNonce: new Uint8Array(32).fill(2)
    }
    const proofs = (['initiator', 'responder'] as const).map(role => proof(crypto, keys.discoveryKey, role, context))
    expect(proofs.map(toHex)).toEqual([
      '9c60be61880c2df06c511da3d71345ee3fd8bb69adfb339f244c2ee816a6d10b',
      '1af6ae551c83867913d8ad500d5ac1770e0755b9274cf5f3182ad37435ba4f16'
    ])
    expect(proofs.map(bytes => checkProof(crypto, keys.discoveryKey, 'initiator', context, bytes))).toEqual([true, false])
  })
})
