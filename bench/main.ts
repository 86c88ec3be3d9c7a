import { measureChanges } from './blob-changes.js'
import { measureSwarm } from './blob-swarm.js'
import { measureBlobs } from './blobs.js'
import { measureEditing } from './editing.js'
import { measureEngine } from './engine.js'
import { measureFolders } from './first-sync.js'
import { measureKeystrokes } from './keystrokes.js'
import { measureLive } from './live.js'
import { measureLongDocument } from './long-document.js'
import { measureStream } from './stream.js'
import { printTable } from './table.js'
import type { Row } from './table.js'
import { measureTyping } from './typing.js'

const write = (line: string): void => void process.stdout.write(`${line}\n`)

// Counts of notes, sizes of one file in MiB as `blob=1024`, of one that is changed as `changes=1024`, peers behind slow lines as
// `swarm=8` (needs root), keystrokes into one document as `doc=100000`, `keystrokes` beside
// others, `editing`, `typing`; without any, what the document shows.
const words = process.argv.slice(2)
const counts = words.map(Number).filter((count) => !Number.isNaN(count))
const named = (name: string): readonly number[] => words.flatMap((word) => (word.startsWith(`${name}=`) ? [Number(word.slice(name.length + 1))] : []))
const sizes = named('blob')
const documents = named('doc').map((count) => () => measureLongDocument(count))
const changes = named('changes').map((size) => () => measureChanges(size))
const swarms = named('swarm').map((peers) => () => measureSwarm(peers))
const blobs = (sizes.length > 0 ? sizes : [1024]).map((size) => () => measureBlobs(size))
const folders = (counts.length > 0 ? counts : [100, 1000, 10_000]).map((count) => () => measureFolders(count))
const all = [measureEngine, measureStream, measureLive, () => measureLongDocument(5_000), measureKeystrokes, measureEditing, measureTyping, ...blobs, ...folders]
const apart = [...(words.includes('keystrokes') ? [measureKeystrokes] : []), ...(words.includes('editing') ? [measureEditing] : []), ...(words.includes('typing') ? [measureTyping] : [])]
const parts = words.length === 0 ? all : [...apart, ...documents, ...changes, ...swarms, ...(sizes.length > 0 ? blobs : []), ...(counts.length > 0 ? folders : [])]
const rows: Row[] = []
for (const part of parts) {
  const measured = await part()
  rows.push(...measured)
  for (const { what, value } of measured) process.stderr.write(`${what}: ${value}\n`)
}
write('')
printTable(rows, write)
