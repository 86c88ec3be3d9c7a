import { measureEngine } from './engine.js'
import { measureFolders } from './first-sync.js'
import { measureLive } from './live.js'
import { measureStream } from './stream.js'
import { printTable } from './table.js'
import type { Row } from './table.js'

const write = (line: string): void => void process.stdout.write(`${line}\n`)

const counts = process.argv.slice(2).map(Number)
const rows: Row[] = []
for (const part of [measureEngine, measureStream, measureLive, ...(counts.length > 0 ? counts : [100, 1000, 10_000]).map((count) => () => measureFolders(count))]) {
  const measured = await part()
  rows.push(...measured)
  for (const { what, value } of measured) process.stderr.write(`${what}: ${value}\n`)
}
write('')
printTable(rows, write)
