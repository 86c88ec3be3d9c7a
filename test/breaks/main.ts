import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { BREAKS } from './breaks.js'
import type { Break } from './breaks.js'

/*
 * Breaks the code in one place after the other and runs the tests that must notice; ends with 1 when any does not.
 * `pnpm breaks [part of a name]`; the files must have no changes of their own, and are put back.
 */

const [part = ''] = process.argv.slice(2)
const chosen = BREAKS.filter(({ name, file }) => name.includes(part) || file.includes(part))
const unnoticed: string[] = []

for (const each of chosen) {
  const noticed = isNoticed(each)
  process.stdout.write(`${noticed ? 'noticed    ' : 'NOT NOTICED'}  [${each.rule}] ${each.name}\n`)
  if (!noticed) unnoticed.push(each.name)
}
process.stdout.write(`${chosen.length - unnoticed.length} of ${chosen.length} noticed\n`)
process.exitCode = unnoticed.length === 0 ? 0 : 1

function isNoticed({ file, code, broken, tests }: Break): boolean {
  if (execFileSync('git', ['status', '--porcelain', '--', file], { encoding: 'utf8' }) !== '') throw new Error(`${file} has changes: commit them first`)
  const whole = readFileSync(file, 'utf8')
  const restore = (): void => writeFileSync(file, whole)
  process.once('SIGINT', restore)
  try {
    writeFileSync(file, whole.replace(code, () => broken))
    // Tests of one package see the others, and all tests above the packages see all, as they were built.
    if (!runs('tsc', '-b')) throw new Error(`broken so, ${file} does not compile`)
    return !runs('vitest', 'run', ...tests, '--maxWorkers', '1', '--bail', '1')
  } finally {
    restore()
    process.off('SIGINT', restore)
    runs('tsc', '-b')
  }
}

function runs(program: string, ...args: readonly string[]): boolean {
  return spawnSync('pnpm', ['exec', program, ...args], { stdio: 'ignore' }).status === 0
}
