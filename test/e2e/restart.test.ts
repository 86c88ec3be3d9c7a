import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import type { FolderPeer } from '../harness/folder-peer.js'
import { insertLine } from '../harness/lines.js'
import { SeededRandom } from '../harness/random.js'
import { importInto, sampleRealFiles } from '../harness/real-input.js'

/** A signature this young may hide a change, so such a file is read again, and rightly. */
const RACY_MS = 2_500
const canTrace = spawnSync('strace', ['-f', '-e', 'trace=openat', 'true']).status === 0

describe('a restart', () => {
  it.skipIf(!canTrace)('[E2E3] opens no note but the one that changed', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(1, 'chain')
    const [peer] = crowd.peers
    if (peer === undefined) throw new Error('no peer')
    importInto(peer.folder, sampleRealFiles(new SeededRandom(2), 80))
    const imported = performance.now()
    const [path = ''] = [...(await crowd.settle()).keys()].filter((path) => path.endsWith('.ts'))
    await edit(peer, path)
    // A file that changed just before it was looked at is looked at again by the next run; none of these will be.
    await eventually('the files are old enough', () => performance.now() - imported > RACY_MS)
    await peer.stop()
    await crowd.start(peer)
    await edit(peer, path)
    await peer.stop()

    const traced = await crowd.add({ name: 'traced', directory: join(crowd.directory, 'p0'), wrapper: tracing(crowd) })
    await traced.start()
    await edit(traced, path)
    // A signal would reach the tracer.
    await traced.ask({ ask: 'stop' })
    await traced.process.ended
    expect(new Set(opened(crowd))).toEqual(new Set([path.split('/').at(-1)]))
  })
})

/** An edit is taken in only after the whole folder was listed; then all that the listing brought up is done, too. */
async function edit(peer: FolderPeer, path: string): Promise<void> {
  const before = await eventually('it answers', () => peer.status())
  insertLine(peer, path, '// edited')
  await eventually('the edit is taken in, and nothing is left to do', async () => {
    const now = await peer.status()
    return now !== undefined && now.workspace.entries > before.workspace.entries && now.folder?.dirty === 0
  })
}

function tracing(crowd: Crowd): readonly string[] {
  return ['strace', '-f', '-qq', '-s', '4096', '-e', 'trace=open,openat,openat2', '-e', 'signal=none', '-o', join(crowd.directory, 'trace')]
}

/** Names of the notes that were opened, below a directory that is held open. */
function opened(crowd: Crowd): readonly string[] {
  const notes = new Set([...crowd.tree(crowd.peer(0)).keys()].map((path) => path.split('/').at(-1)))
  const lines = readFileSync(join(crowd.directory, 'trace'), 'utf8').split('\n')
  return lines.flatMap((line) => {
    const name = /open\w*\((?:AT_FDCWD, )?"(?:\/proc\/self\/fd\/\d+|[^"]*\/notes(?:\/[^"]*)?)\/([^"/]+)"/.exec(line)?.[1]
    return name !== undefined && notes.has(name) && !line.includes('O_DIRECTORY') && !line.includes('O_PATH') ? [name] : []
  })
}
