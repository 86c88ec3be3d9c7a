import { randomInt } from 'node:crypto'
import process from 'node:process'
import { runSoak } from './soak.js'

// pnpm soak [minutes] [seed]
const [minutes = 5, seed = randomInt(2 ** 31)] = process.argv.slice(2).map(Number)
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  process.stderr.write('usage: pnpm soak [minutes] [seed]\n')
  process.exit(2)
}
process.stdout.write(`${minutes} minutes with seed ${seed}\n`)
try {
  await runSoak({ minutes, seed, tell: (line) => process.stdout.write(`${line}\n`) })
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\nFAILED with seed ${seed}\n`)
  process.exitCode = 1
}
