import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Bitfield } from '@collab/core'
import { afterEach, describe, expect, it } from 'vitest'
import { BlobPart } from './blob-part.js'
import { SharedFile } from './shared-file.js'

const directory = mkdtempSync(join(tmpdir(), 'collab-part-'))
const good = openSync(join(directory, 'part'), 'w')
/** It cannot be synced. */
const bad = openSync('/dev/null', 'w')
afterEach(() => {
  for (const fd of [good, bad]) closeSync(fd)
  rmSync(directory, { recursive: true })
})

describe('a part of a file', () => {
  it('[BLOB67] is not whole once a sync failed, whatever later ones say', async () => {
    const file = { fd: bad, isNew: true, close: () => undefined }
    const part = new BlobPart(new SharedFile(file), new Bitfield(1))
    part.wrote(64 * 1024 * 1024)
    file.fd = good
    await expect(part.settle()).rejects.toThrow('EINVAL')
    await expect(part.settle()).rejects.toThrow('EINVAL')
    const other = new BlobPart(new SharedFile(file), new Bitfield(1))
    other.wrote(64 * 1024 * 1024)
    await other.settle()
  })
})
