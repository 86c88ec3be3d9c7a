import { describe, expect, it } from 'vitest'
import { parseBlobId } from '../base/ids.js'
import type { BlobId } from '../base/ids.js'
import type { PullEffect } from './pull-types.js'
import { Upload } from './upload.js'

const blob = parseBlobId(new Uint8Array(32).fill(1))

class Sent {
  readonly #sent = new Set<string>()

  has(of: BlobId, index: number): boolean {
    return this.#sent.has(`${of}${index}`)
  }

  add(of: BlobId, index: number): void {
    this.#sent.add(`${of}${index}`)
  }
}

/** What is sent to a peer that asks for these chunks, in the order in which it is read. */
function order(upload: Upload, given: Sent): readonly number[] {
  const read: number[] = []
  const emit = (effect: PullEffect): void => {
    if (effect.type === 'load') read.push(effect.index)
  }
  for (let before = -1; before < read.length; ) {
    before = read.length
    upload.pump(emit, given)
    for (const id of read.slice(before)) upload.loaded(id, undefined, emit)
  }
  return read
}

function asking(peer: string, chunks: readonly number[]): Upload {
  const upload = new Upload(peer)
  for (const index of chunks) upload.add({ id: index, blob, part: 'chunk', index })
  return upload
}

describe('serving a peer', () => {
  it('[PULL17] sends first what no peer was sent yet, and then the rest, in the order in which it was asked for', () => {
    const given = new Sent()
    expect(order(asking('ann', [5, 1, 3]), given)).toEqual([5, 1, 3])
    expect(order(asking('bob', [3, 4, 5, 2]), given)).toEqual([4, 2, 3, 5])
    expect(order(asking('cas', [1, 2, 3]), given)).toEqual([1, 2, 3])
  })
})
