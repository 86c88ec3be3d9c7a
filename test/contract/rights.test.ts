import { keysFromWriteKey, nodeCrypto, shareAs } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { emptyStore, rowsOf } from '../harness/sim-peer.js'
import type { SimPeer } from '../harness/sim-peer.js'
import { SimWorld } from '../harness/sim-world.js'
import { convergedFiles } from '../harness/world-checks.js'

const KEYS = keysFromWriteKey(nodeCrypto, new Uint8Array(32).fill(5))
/** Long enough that none of them stands in random bytes by chance, in whatever form. */
const SECRETS = ['Pomegranate', 'secret-name.md', 'Klabautermann', 'WriterOne', 'hidden-folder']

describe('readers and blind peers', () => {
  it('[CTR40] a reader sees what the writers write, and its edits are refused and leave no trace', async () => {
    const world = new SimWorld({ seed: 3, loss: 0.2, delayMs: 30 })
    const writer = world.add('writer', KEYS)
    const reader = world.add('reader', shareAs(KEYS, 'read'))
    await world.heal()
    await writer.create('a.md', 'one\n')
    expect([...(await convergedFiles(world))]).toEqual([['a.md', 'one\n']])
    const entries = reader.live.status().entries
    await expect(reader.replace('a.md', 'one', 'two')).rejects.toThrow('ask for a write link')
    await expect(reader.create('b.md', 'x')).rejects.toThrow('ask for a write link')
    await expect(reader.delete('a.md')).rejects.toThrow('ask for a write link')
    expect(await reader.read('a.md')).toBe('one\n')
    await writer.replace('a.md', 'one', 'one and a half')
    expect([...(await convergedFiles(world))]).toEqual([['a.md', 'one and a half\n']])
    expect(reader.live.status().author).toBeUndefined()
    expect(reader.live.status().entries).toBe(entries + 1)
  })

  it('[CTR41] readers alone never write, not even a merge of two files at one path', async () => {
    const world = new SimWorld({ seed: 3 })
    const [a, b] = [world.add('a', KEYS), world.add('b', KEYS)]
    for (const peer of [a, b]) await peer.start()
    await a.create('a.md', 'same\nlines\nof a\n')
    await b.create('a.md', 'same\nlines\nof b\n')
    const readers = ['r1', 'r2'].map((name) => world.add(name, shareAs(KEYS, 'read')))
    for (const [index, writer] of [a, b].entries()) {
      const reader = readers[index] as SimPeer
      await reader.start()
      world.link([writer, reader])
      await world.sync([reader])
      await writer.stop()
    }
    world.link(readers)
    await world.sync(readers)
    await world.pass(60_000)
    for (const reader of readers) {
      expect(reader.live.status().entries).toBe(2)
      expect(reader.warnings).toEqual([])
      expect(await reader.treeHash()).toBe(await readers[0]?.treeHash())
    }
  })

  it('[CTR42] a blind peer carries everything between members that never meet, and sees and passes on nothing in clear', async () => {
    const world = new SimWorld({ seed: 3, loss: 0.2, delayMs: 20, record: true })
    const [a, b] = [world.add('WriterOne', KEYS), world.add('WriterTwo', KEYS)]
    const blind = world.add('blind', shareAs(KEYS, 'blind'))
    for (const peer of world.peers) await peer.start()
    world.network.connect('WriterOne', 'blind')
    world.network.connect('WriterTwo', 'blind')
    await a.create('hidden-folder/secret-name.md', 'Pomegranate juice\n')
    await world.sync()
    await b.replace('hidden-folder/secret-name.md', 'juice', 'and Klabautermann juice')
    await world.sync()
    expect(await a.read('hidden-folder/secret-name.md')).toBe('Pomegranate and Klabautermann juice\n')
    expect(blind.live.status().entries).toBe(a.live.status().entries)
    expect(() => blind.live.tree).toThrow('blind')
    const sent = world.network.recorded ?? []
    expect(sent.length).toBeGreaterThan(10)
    const rows = rowsOf(blind.store).flatMap(([table, key, value]) => [Buffer.from(`${table}/${key}`), value])
    expect(leaks([...sent, ...rows])).toEqual([])
    expect(leaks(rowsOf(a.store).map(([, , value]) => value)).length, 'the search finds what is there').toBeGreaterThan(0)
  })

  it('[CTR43] a member that lost everything is whole again from a blind peer alone', async () => {
    const world = new SimWorld({ seed: 3 })
    const [a, b] = [world.add('a', KEYS), world.add('b', KEYS)]
    const blind = world.add('blind', shareAs(KEYS, 'blind'))
    await world.heal()
    await a.create('notes/a.md', 'of a\n')
    await b.create('notes/b.md', 'of b\n')
    await a.replace('notes/a.md', 'of a', 'of a, edited')
    const before = await convergedFiles(world)
    await world.remove(b)
    await a.stop()
    a.store = emptyStore()
    await blind.stop()
    await blind.start()
    await a.start()
    world.network.connect('a', 'blind')
    await world.sync()
    expect([...(await a.files())]).toEqual([...before])
    await a.replace('notes/b.md', 'of b', 'of b, and goes on')
    const fresh = world.add('fresh', KEYS)
    await convergedFiles(world)
    expect(await fresh.read('notes/b.md')).toBe('of b, and goes on\n')
  })
})

/** The secrets that occur in `chunks` in any common form. */
function leaks(chunks: readonly Uint8Array[]): readonly string[] {
  const texts = chunks.map((chunk) => Buffer.from(chunk).toString('latin1'))
  return SECRETS.filter((secret) => formsOf(secret).some((form) => texts.some((text) => text.includes(form))))
}

function formsOf(secret: string): readonly string[] {
  const bytes = Buffer.from(secret)
  const wide = Buffer.from(secret, 'utf16le')
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((shift) => Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64').slice(shift === 0 ? 0 : 4, -4))
  const exact = [bytes, wide, Buffer.from(wide).swap16()].map((form) => form.toString('latin1'))
  return [...exact, hex, hex.toUpperCase(), ...base64, ...base64.map((form) => form.replaceAll('+', '-').replaceAll('/', '_'))]
}
