// Replaces the file `a.md` of a folder again and again until it is killed. Argument: the folder.
import { silentLogger, systemClock } from '@collab/core'
import { openFolder } from '../node-fs.js'
import { parseRelPath } from '../rel-path.js'

const root = process.argv[2] ?? ''
const folder = await openFolder({ root, logger: silentLogger, clock: systemClock })
const path = parseRelPath('a.md')
for (let count = 0; ; count++) {
  const fact = folder.fact(path)
  if (fact.kind !== 'file') throw new Error(fact.kind)
  const text = `${count}\n`.repeat(500)
  const result = await folder.replace(path, new TextEncoder().encode(text), { expect: fact.signature, executable: false })
  if (result.kind !== 'written') throw new Error(result.kind)
  process.stdout.write(`{"written":${count}}\n`)
}
