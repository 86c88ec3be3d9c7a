/** What our formats are made of. A second implementation, of docs/PROTOCOL.md: what tests send is not made by what they test. */
export type Cbor = number | string | boolean | null | Uint8Array | readonly Cbor[]

export function encodeCbor(value: Cbor): Uint8Array {
  if (value === null) return Uint8Array.of(0xf6)
  if (typeof value === 'boolean') return Uint8Array.of(value ? 0xf5 : 0xf4)
  if (typeof value === 'number') return head(0, value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  return Buffer.concat([head(4, value.length), ...value.map(encodeCbor)])
}

export function decodeCbor(bytes: Uint8Array): Cbor {
  return new Decoder(Buffer.from(bytes)).item()
}

function head(major: number, value: number): Uint8Array {
  const type = major << 5
  if (value < 24) return Uint8Array.of(type | value)
  if (value < 0x100) return Uint8Array.of(type | 24, value)
  if (value < 0x10000) return Uint8Array.of(type | 25, value >> 8, value & 255)
  const out = Buffer.alloc(value < 2 ** 32 ? 5 : 9)
  out[0] = type | (value < 2 ** 32 ? 26 : 27)
  if (value < 2 ** 32) out.writeUInt32BE(value, 1)
  else out.writeBigUInt64BE(BigInt(value), 1)
  return out
}

class Decoder {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  item(): Cbor {
    const first = this.#bytes[this.#at++] ?? 0
    if (first === 0xf6) return null
    if (first === 0xf4 || first === 0xf5) return first === 0xf5
    const value = this.#argument(first & 31)
    switch (first >> 5) {
      case 0:
        return value
      case 2:
        return this.#take(value)
      case 3:
        return this.#take(value).toString('utf8')
      case 4:
        return Array.from({ length: value }, () => this.item())
      default:
        throw new Error(`a CBOR item that the protocol does not have: ${first}`)
    }
  }

  #argument(minor: number): number {
    if (minor < 24) return minor
    const part = this.#take(2 ** (minor - 24))
    return part.length === 8 ? Number(part.readBigUInt64BE()) : part.readUIntBE(0, part.length)
  }

  #take(length: number): Buffer {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
