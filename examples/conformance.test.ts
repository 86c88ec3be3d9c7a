import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('[EX5] the example of the suites for stores and providers runs them with the test runner of Node, and all pass', { timeout: 120_000 }, () => {
  const example = fileURLToPath(new URL('./dist/conformance.js', import.meta.url))
  const output = execFileSync(process.execPath, ['--test', '--test-reporter=tap', example], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } })
  const counts = Object.fromEntries([...output.matchAll(/^# (tests|pass|fail) (\d+)$/gm)].map(([, what, count]) => [what, Number(count)]))
  expect(counts).toEqual({ tests: counts['pass'], pass: counts['pass'], fail: 0 })
  expect([output.includes('[STO1]'), output.includes('[PROV9]'), (counts['pass'] ?? 0) > 20]).toEqual([true, true, true])
})
