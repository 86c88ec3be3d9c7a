import { describe, expect, it } from 'vitest'
import type { Entry } from '../log/entry.js'
import { crypto, LooseAuthor, newFile, TestReplica } from './test-replicas.js'
import { encodeCbor } from '../base/cbor.js'

/** A log that forks behind its second entry, and the entries of both branches. */
function forked(): { readonly before: readonly Entry[]; readonly branches: readonly Entry[] } {
  const author = new LooseAuthor()
  const before = [author.sign(newFile('a.md', 'a').changes), author.signBytes(nothing())]
  const branches = Array.from({ length: 2 }, () => author.signBytes(nothing(), { after: before[1] as Entry }))
  return { before, branches }
}

/** A change of a kind that nobody knows. */
function nothing(): Uint8Array {
  return encodeCbor([[99, crypto.randomBytes(8)]])
}

describe('what is applied', () => {
  it.each([[[4]], [[2, 2]], [[2, 1, 1]], [[3, 1]], [[1, 3]]])('[REP14] is known after a restart as before it, also behind a fork that comes in parts of %j', async (parts) => {
    const { before, branches } = forked()
    const replica = await TestReplica.open()
    const entries = [...before, ...branches]
    let at = 0
    for (const part of parts) await replica.replica.receive(entries.slice(at, (at += part)))
    const heads = branches.map(({ hash }) => hash).sort()
    expect([...replica.replica.applier.frontier.keys()].sort()).toEqual(heads)
    await replica.reopen()
    expect([...replica.replica.applier.frontier.keys()].sort()).toEqual(heads)
  })
})
