import { expect, it } from 'vitest'
import * as Y from 'yjs'
import { compareBytes, utf8 } from '../base/bytes.js'
import { shownUnits } from '../doc/y-document.js'
import { crypto, deliver, LooseAuthor, newFile, TestReplica } from './test-replicas.js'

it('[EMB80] lines of a file that became part of another are of who wrote them, however far in', async () => {
  const hash = (text: string): Uint8Array => crypto.sha256(utf8(text))
  const texts = ['one', 'two', 'three'].map((own) => `common\n${own}\n`).sort((a, b) => compareBytes(hash(a), hash(b)))
  const authors = texts.map(() => new LooseAuthor())
  const files = texts.map((text) => newFile('a.md', text))
  const made = authors.map((author, at) => author.sign([...(files[at]?.changes ?? [])]))
  const merger = new LooseAuthor()
  const [first, second, third] = files.map(({ node }) => node)
  if (first === undefined || second === undefined || third === undefined) throw new Error('no file')
  const deps = made.map((entry) => entry.hash)
  const merges = [
    merger.sign([{ kind: 'absorb', winner: first, loser: second }], { deps }),
    merger.sign([{ kind: 'absorb', winner: second, loser: third }])
  ]
  const test = await TestReplica.open()
  await deliver(test, [...made, ...merges])
  const doc = files[0]?.doc
  if (doc === undefined) throw new Error('no file')
  const y = new Y.Doc()
  for (const update of (await test.replica.updatesFrom(doc, 0)).updates) Y.applyUpdate(y, update)
  const content = y.getText('content')
  const ranges = await test.replica.authorsOf(doc, () => shownUnits(content))
  const shown = ranges.map(({ from, to, author }) => [content.toJSON().slice(from, to), authors.findIndex(({ id }) => id === author)])
  const own = texts.map((text) => `${text.split('\n')[1]}\n`)
  expect(Object.fromEntries(shown)).toEqual({ [texts[0] ?? '']: 0, [own[1] ?? '']: 1, [own[2] ?? '']: 2 })
})
