import { parseBlobId } from '@collab/core'
import type { TransferStatus } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { parseArgs } from './args.js'
import { fetchingText, servingText } from './transfer-text.js'

const MiB = 1024 * 1024
const blob = parseBlobId('ab'.repeat(32))
const idle: TransferStatus = { active: [], waiting: 0, serving: 0, sentBytes: 0, receivedBytes: 0, sentPerSecond: 0, receivedPerSecond: 0 }

describe('transfers in words', () => {
  it('[BLOB30] say what is fetched, how much of it is here, from how many, how fast and for how long', () => {
    const active = [{ blob, doneBytes: 3 * MiB, totalBytes: 9 * MiB, sources: 2, holders: 3 }]
    expect(fetchingText({ ...idle, active, receivedPerSecond: 2 * MiB })).toBe('fetching 1 file, 3.0 MiB of 9.0 MiB from 2 peers, 2.0 MiB/s, 3 s left')
    expect(fetchingText({ ...idle, active: [{ blob, doneBytes: 0, totalBytes: 0, sources: 0, holders: 0 }] })).toBe('1 file to fetch, and no connected peer has it')
    expect(fetchingText(idle)).toBeUndefined()
    expect(servingText({ ...idle, serving: 2, sentPerSecond: 5 * MiB })).toBe('serving 2 files, 5.0 MiB/s')
    expect(servingText(idle)).toBeUndefined()
  })

  it('[BLOB31] sizes and rates are read with k, M and G, and nothing else', () => {
    const parse = (...flags: readonly string[]) => parseArgs(['join', 'x', 'y', ...flags], '1')
    expect(parse('--no-blobs', '--max-blob', '20M', '--limit-up', '500k', '--limit-down', '1.5G')).toMatchObject({
      blobs: false,
      maxBlob: 20 * MiB,
      limitUp: 500 * 1024,
      limitDown: 1.5 * 1024 * MiB
    })
    for (const wrong of ['0', '-1', 'x', '5T', '1e3', '']) expect(() => parse('--max-blob', wrong), wrong).toThrow(/--max-blob|max-blob/)
  })
})
