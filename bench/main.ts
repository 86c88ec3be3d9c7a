import { measureBlobs } from './blobs.js'
import { measureEngine } from './engine.js'
import { measureFolders } from './first-sync.js'
import { measureLive } from './live.js'
import { measureStream } from './stream.js'
import { printTable } from './table.js'
import type { Row } from './table.js'

const write = (line: string): void => void process.stdout.write(`${line}\n`)

// Counts of notes, or sizes of one file in MiB as `blob=1024`; without any, what the document shows.
const words = process.argv.slice(2)
const counts = words.map(Number).filter((count) => !Number.isNaN(count))
const sizes = words.flatMap((word) => (word.startsWith('blob=') ? [Number(word.slice(5))] : []))
const blobs = (sizes.length > 0 ? sizes : [1024]).map((size) => () => measureBlobs(size))
const folders = (counts.length > 0 ? counts : [100, 1000, 10_000]).map((count) => () => measureFolders(count))
const all = [measureEngine, measureStream, measureLive, ...blobs, ...folders]
const parts = words.length === 0 ? all : [...(sizes.length > 0 ? blobs : []), ...(counts.length > 0 ? folders : [])]
const rows: Row[] = []
for (const part of parts) {
  const measured = await part()
  rows.push(...measured)
  for (const { what, value } of measured) process.stderr.write(`${what}: ${value}\n`)
}
write('')
printTable(rows, write)
