import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'

/** In a user namespace of its own a process can be given fewer watches than the directories that it has. */
const FEW_WATCHES = ['unshare', '-Ur', 'sh', '-c', 'echo 3 > /proc/sys/user/max_inotify_watches && exec "$@"', 'sh'] as const

function canLimit(): boolean {
  try {
    execFileSync(FEW_WATCHES[0], [...FEW_WATCHES.slice(1), 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('a system that allows few watches', () => {
  it.skipIf(!canLimit())('[FAULT8] says how to raise the limit, and changes are found by listing meanwhile', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(1, 'chain')
    const peer = await crowd.add({ name: 'limited', wrapper: FEW_WATCHES })
    const directories = Array.from({ length: 8 }, (_, index) => join(peer.folder, `d${index}`))
    for (const directory of directories) mkdirSync(directory)
    await peer.start([])
    const told = await eventually('the warning', () => peer.events.find((event) => event.type === 'warning' && event['code'] === 'not-watched'))
    expect(told['message']).toContain('fs.inotify.max_user_watches')
    const isFound = (path: string): boolean => peer.events.some((event) => event.type === 'change' && event['path'] === path)
    writeFileSync(join(peer.folder, 'first.md'), 'text\n')
    await eventually('a change in a directory that is watched', () => isFound('first.md'))
    for (const directory of directories) writeFileSync(join(directory, 'a.md'), 'text\n')
    await eventually('the changes in those that are not', () => directories.every((_, index) => isFound(`d${index}/a.md`)))
  })
})
