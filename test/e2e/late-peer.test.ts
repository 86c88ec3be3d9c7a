import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Crowd } from '../harness/crowd.js'
import { eventually } from '../harness/eventually.js'
import { countLines, insertLine, onceEach } from '../harness/lines.js'
import { SeededRandom } from '../harness/random.js'
import { importInto, sampleRealFiles } from '../harness/real-input.js'
import { readTree } from '../harness/tree.js'
import { sameTree } from '../harness/crowd.js'

describe('peers that are not there at the same time', () => {
  it('[E2E2] a late one gets what an absent one wrote, from whoever holds it, and the other way round', { timeout: 90_000 }, async () => {
    await using crowd = await Crowd.make(3, 'chain')
    const [first, middle, late] = [crowd.peer(0), crowd.peer(1), crowd.peer(2)]
    const files = sampleRealFiles(new SeededRandom(1), 40)
    importInto(first.folder, files)
    const [one = '', two = ''] = [...readTree(first.folder).keys()].filter((path) => path.endsWith('.md') || path.endsWith('.ts'))
    await crowd.start(first)
    await crowd.start(middle)
    const want = readTree(first.folder)
    await eventually('the middle one has all', () => sameTree(want, readTree(middle.folder)), { otherwise: () => crowd.describe() })
    insertLine(first, one, 'written before it left')
    await eventually('the edit', () => countLines(readTree(middle.folder), ['written before it left'])['written before it left'] === 1)
    await first.stop()

    await crowd.start(late)
    await eventually('the late one has all', () => sameTree(readTree(late.folder), readTree(middle.folder)), { otherwise: () => crowd.describe() })
    appendFileSync(join(late.folder, two), '\nwritten while it was away\n')
    await eventually('the edit', () => countLines(readTree(middle.folder), ['written while it was away'])['written while it was away'] === 1)
    await late.stop()

    await crowd.start(first)
    const lines = ['written before it left', 'written while it was away']
    await eventually('the first one has all', () => sameTree(readTree(first.folder), readTree(middle.folder)), { otherwise: () => crowd.describe() })
    expect(countLines(await crowd.settle(), lines)).toEqual(onceEach(lines))
    expect(crowd.leftovers()).toEqual([])
  })
})
