import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd, sameTree } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import { insertLine } from '../harness/lines.js'
import { SeededRandom } from '../harness/random.js'
import { importInto, sampleRealFiles } from '../harness/real-input.js'
import { TcpWire } from '../harness/tcp-wire.js'
import { readTree } from '../harness/tree.js'
import type { Tree } from '../harness/tree.js'

describe('a blind peer', () => {
  it('[E2E8] [REG29] restores a wiped member alone, and neither its store nor the wire holds a name or a word', { timeout: 120_000 }, async () => {
    await using crowd = await Crowd.make(1, 'chain')
    const member = crowd.peer(0)
    const holder = await crowd.add({ name: 'holder', command: 'hold' })
    await holder.start()
    await using tap = await TcpWire.to(holder.port, { keeps: true })
    await member.start([], ['--peer', tap.address])
    await eventually('they meet', async () => (await member.status())?.workspace.peers.some(({ synced }) => synced))
    // What protocols and tables are called is no secret.
    const common = Buffer.concat([bytesBelow(holder.home), tap.bytes])
    importInto(member.folder, sampleRealFiles(new SeededRandom(8), 60))
    await eventually('the import', () => readTree(member.folder).size > 50)
    const before = await crowd.settle()
    const imported = (await member.status())?.workspace.entries ?? 0
    const [path = ''] = before.keys()
    insertLine(member, path, 'a chrysanthemum, last of all')
    await eventually('the holder has every entry', async () => {
      const [own, held] = [await member.status(), await holder.status()]
      const edited = readTree(member.folder).get(path)?.hash !== before.get(path)?.hash && own?.folder?.dirty === 0
      return edited && own.workspace.entries > imported && own.workspace.entries === held?.workspace.entries
    })
    const want = readTree(member.folder)
    await member.stop()

    rmSync(member.folder, { recursive: true })
    rmSync(member.home, { recursive: true })
    await member.start([], ['--peer', tap.address])
    await eventually('the member has all again', () => sameTree(want, readTree(member.folder)), { otherwise: () => crowd.describe() })
    await member.stop()
    await holder.stop()

    const stored = bytesBelow(holder.home)
    const total = [...want.values()].reduce((sum, { text }) => sum + text.length, 0)
    // It holds all of it, and the wire carried it twice.
    expect(stored.length).toBeGreaterThan(total)
    expect(tap.bytes.length).toBeGreaterThan(2 * total)
    const secrets = [...secretsOf(want).filter((word) => !common.includes(word)), crowd.links.write, crowd.links.read]
    expect(secrets.length).toBeGreaterThan(100)
    for (const secret of secrets) {
      expect(stored.includes(secret), `the store holds ${secret}`).toBe(false)
      expect(tap.bytes.includes(secret), `the wire carried ${secret}`).toBe(false)
    }
    expect(stored.includes(crowd.links.blind)).toBe(true)
  })
})

/** Names and words that are too long to come up by chance. */
function secretsOf(tree: Tree): readonly string[] {
  const names = [...tree.keys()].flatMap((path) => path.split('/'))
  const words = [...tree.values()].flatMap(({ text }) => text.match(/\w{8,}/g)?.slice(0, 20) ?? [])
  return [...new Set([...names, ...words])].filter((word) => word.length >= 8)
}

function bytesBelow(directory: string): Buffer {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}
