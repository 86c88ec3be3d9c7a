import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bitfield } from '@collab/core'
import type { BlobId, ChunkList } from '@collab/core'
import { afterEach, describe, expect, it } from 'vitest'
import { BlobFiles } from './blob-files.js'
import type { BlobFilesInit } from './blob-files.js'

const directory = mkdtempSync(join(tmpdir(), 'collab-parts-'))
afterEach(() => rmSync(directory, { recursive: true }))

const BLOB = 'b'.repeat(64) as BlobId
const LIST = { blob: BLOB, count: 2, size: 2, sizeOf: () => 1, startOf: (at: number) => at, keyOf: (at: number) => `${at}` } as unknown as ChunkList

/** Parts on a disk, with a thread that says what is in one when it is told to, and writes what it is given. */
function partsIn(path: string): { readonly files: BlobFiles; readonly matched: PromiseWithResolvers<Bitfield>; readonly bytes: () => string } {
  const at = (name: string): string => join(path, name)
  const matched = Promise.withResolvers<Bitfield>()
  const thread = {
    warm: () => undefined,
    match: async () => await matched.promise,
    open: (fd: number, _: ChunkList, index: number, sealed: Uint8Array) => (writeSync(fd, sealed, 0, 1, index), Promise.resolve('kept' as const))
  }
  const fs = {
    openPart: (name: string) => {
      const isNew = !existsSync(at(name))
      const fd = openSync(at(name), isNew ? 'w+' : 'r+')
      return { fd, isNew, close: () => closeSync(fd) }
    },
    dropPart: (name: string) => rmSync(at(name), { force: true })
  }
  const init = { fs, thread, index: { ofBlob: () => [], of: () => undefined }, waitingFor: () => [] }
  return { files: new BlobFiles(init as unknown as BlobFilesInit), matched, bytes: () => readFileSync(at(BLOB), 'utf8') }
}

describe('the parts of files that come', () => {
  it('[BLOB68] hold what came since they were wanted last, also where an earlier part was still being looked through', async () => {
    const { files, matched, bytes } = partsIn(directory)
    closeSync(openSync(join(directory, BLOB), 'w'))
    const early = Promise.allSettled([files.prepare(LIST), files.prepare(LIST)])
    await files.drop(BLOB)
    const field = await files.prepare(LIST)
    expect([field.has(0), field.has(1)]).toEqual([false, false])
    matched.resolve(Bitfield.whole(2))
    expect(await early).toEqual(Array.from({ length: 2 }, () => ({ status: 'rejected', reason: new Error('nobody wants this file any more') })))
    for (const [index, text] of ['1', '2'].entries()) await files.write(LIST, index, Buffer.from(text))
    await files.finish(BLOB)
    expect([files.isReady(BLOB), bytes()]).toEqual([true, '12'])
    files.stop()
  })
})
