/**
 * A store of one's own: it wraps another one and encrypts every value, so that a lost disk says how much there is and
 * nothing of it. Keys of rows stay readable, because ranges are read in their order: they are ids and numbers.
 */
import { nodeCrypto } from '@collab/core'
import type { KvOp, KvStore } from '@collab/core'

const NONCE_BYTES = 12

export function encryptedStore(inner: KvStore, key: Uint8Array): KvStore {
  const place = (table: string, row: string): Uint8Array => new TextEncoder().encode(`${table}/${row}`)

  /** Bound to its table and key, so that values cannot be swapped. */
  const seal = ({ table, key: row, value }: KvOp): KvOp => {
    if (value === undefined) return { table, key: row }
    const nonce = nodeCrypto.randomBytes(NONCE_BYTES)
    const sealed = nodeCrypto.seal(key, nonce, place(table, row), value)
    return { table, key: row, value: Uint8Array.of(...nonce, ...sealed) }
  }

  const open = (table: string, row: string, stored: Uint8Array): Uint8Array => {
    const plain = nodeCrypto.open(key, stored.subarray(0, NONCE_BYTES), place(table, row), stored.subarray(NONCE_BYTES))
    if (plain === undefined) throw new Error('the store was written with another key, or it is damaged')
    return plain
  }

  return {
    async get(table, row) {
      const stored = await inner.get(table, row)
      return stored === undefined ? undefined : open(table, row, stored)
    },
    async scan(table, range) {
      return (await inner.scan(table, range)).map(([row, stored]) => [row, open(table, row, stored)] as const)
    },
    async commit(ops) {
      await inner.commit(ops.map(seal))
    },
    async close() {
      await inner.close()
    }
  }
}
