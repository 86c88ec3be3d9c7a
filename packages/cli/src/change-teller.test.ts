import type { AuthorId, HistoryItem } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { ChangeTeller } from './change-teller.js'
import type { ChangeEvent } from './json-events.js'

const item = (path: string, author: string): HistoryItem =>
  ({ path, author: author as AuthorId, name: author, what: 'edited', seq: 0, time: 0, entry: '' }) as unknown as HistoryItem

describe('who changed a file', () => {
  it('[CLI99] is the one that did it last of the others, though one saved it oneself meanwhile', async () => {
    const told: ChangeEvent[] = []
    const newestFirst = [item('a.md', 'bob'), item('a.md', 'ann'), item('a.md', 'cid'), item('b.md', 'bob')]
    const teller = new ChangeTeller(async () => await Promise.resolve(newestFirst), () => 'bob' as AuthorId, (change) => told.push(change))
    teller.add({ type: 'change', path: 'a.md', what: 'edited', from: 'peer' })
    teller.add({ type: 'change', path: 'b.md', what: 'moved', from: 'peer' })
    teller.add({ type: 'change', path: 'a.md', what: 'edited', from: 'disk' })
    await teller.idle()
    expect(told.map(({ by }) => by)).toEqual(['ann', undefined, undefined])
  })
})
