import { describe, expect, it } from 'vitest'
import { SharedFile } from './shared-file.js'

describe('an open file that threads use', () => {
  it('[BLOB51] is closed once the last use ended, and used no more after it was to be closed', async () => {
    let closed = 0
    const file = new SharedFile({ fd: 7, close: () => void closed++ })
    const [first, second] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()]
    const uses = [file.use(() => first.promise), file.use(() => second.promise)]
    file.close()
    file.close()
    await expect(file.use(async ({ fd }) => fd)).rejects.toThrow('closed')
    first.resolve(1)
    expect(await uses[0]).toBe(1)
    expect(closed).toBe(0)
    second.reject(new Error('the disk is gone'))
    await expect(uses[1]).rejects.toThrow('gone')
    expect(closed).toBe(1)
  })

  it('[BLOB51] that nobody uses is closed at once', () => {
    let closed = 0
    new SharedFile({ fd: 7, close: () => void closed++ }).close()
    expect(closed).toBe(1)
  })
})
