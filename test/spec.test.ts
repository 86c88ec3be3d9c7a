import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { BREAKS } from './breaks/breaks.js'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

/** Files whose test names quote rules: tests, and the suites that several of them share. */
function testFiles(): readonly string[] {
  return ['packages', 'test', 'examples'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name}`)
      .filter((path) => /(\.test|-conformance)\.ts$/.test(path) && !/\/(node_modules|dist)\//.test(path))
  )
}

/** Rule -> the first name that quotes it, with its file. */
function quotedRules(): ReadonlyMap<string, string> {
  const rules = new Map<string, string>()
  for (const file of testFiles()) {
    for (const [, ids = '', name = ''] of read(file).matchAll(/['"`]((?:\[[A-Z]+(?:\d+[A-Z]+)?\d+\]\s*)+)(.*)/g)) {
      for (const [, id = ''] of ids.matchAll(/\[([A-Z]+(?:\d+[A-Z]+)?\d+)\]/g)) if (!rules.has(id)) rules.set(id, `${name.replace(/['"`], .*$/, '')} (${file})`)
    }
  }
  return rules
}

const defined = [...read('docs/SPEC.md').matchAll(/^- \*\*\[([A-Z]+(?:\d+[A-Z]+)?\d+)\]\*\* \S/gm)].map((match) => match[1] ?? '')
const quoted = quotedRules()

describe('the rules of docs/SPEC.md', () => {
  it('[SPEC1] hold every rule that a test quotes', () => {
    const known = new Set(defined)
    const missing = [...quoted].filter(([id]) => !known.has(id)).map(([id, name]) => `${id}: ${name}`)
    expect(missing).toEqual([])
    expect(quoted.size).toBeGreaterThan(100)
  })

  it('[SPEC2] hold no rule that no test quotes', () => {
    expect(defined.filter((id) => !quoted.has(id))).toEqual([])
  })

  it('[SPEC3] define each id once', () => {
    expect(defined.filter((id, at) => defined.indexOf(id) !== at)).toEqual([])
  })
})

describe('what the documents print', () => {
  it('[SPEC4] every long number of docs/PROTOCOL.md stands in a test of vectors', () => {
    const vectors = testFiles()
      .filter((path) => path.endsWith('/vectors.test.ts'))
      .map((path) => read(path).replaceAll('_', ''))
      .join('\n')
    const section = read('docs/PROTOCOL.md').split('## 12. Test vectors')[1] ?? ''
    const numbers = [...section.matchAll(/\b(?:[0-9a-f]{14,}|\d{13,}|collab1[a-z2-7]+|[a-z2-7]{26}|[a-z2-7]{52})\b/g)].map(([number]) => number)
    expect(numbers.length).toBeGreaterThan(100)
    expect(numbers.filter((number) => !vectors.includes(number))).toEqual([])
  })

  it('[SPEC5] every file that a document names exists, and holds the names in its row of a table', () => {
    const documents = ['docs/ARCHITECTURE.md', 'docs/PROTOCOL.md', 'docs/THREATS.md', 'docs/RELIABILITY.md', ...readdirSync(join(root, 'docs/decisions')).map((name) => `docs/decisions/${name}`)]
    const lines = documents.flatMap((document) => read(document).split('\n').map((line) => ({ document, line })))
    const wrong = lines.flatMap(({ document, line }) => {
      const files = [...line.matchAll(/`((?:packages|test|docs)\/[\w./-]+\.(?:ts|md))`/g)].map((match) => match[1] ?? '')
      const gone = files.filter((file) => !existsSync(join(root, file)))
      const [file] = files
      const names = line.startsWith('|') && file !== undefined && gone.length === 0 ? namesIn(line) : []
      return [...gone, ...names.filter((name) => !read(file ?? '').includes(name))].map((name) => `${document}: ${name}`)
    })
    expect(wrong).toEqual([])
  })
})

describe('the tables of docs/RELIABILITY.md', () => {
  const rows = read('docs/RELIABILITY.md')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (?:#|fault|input|what|broken) /.test(line))

  it('[SPEC6] name rules that exist in every row, or say why there is no test', () => {
    const known = new Set(defined)
    const wrong = rows.filter((row) => {
      const rules = [...row.matchAll(/\[([A-Z]+(?:\d+[A-Z]+)?\d+)\]/g)].map((match) => match[1] ?? '')
      return rules.length === 0 ? !/(?:no test|not built|[Nn]ot tested)/.test(row) : rules.some((rule) => !known.has(rule))
    })
    expect(wrong).toEqual([])
    expect(rows.length).toBeGreaterThan(80)
  })
})

/** Names of functions and methods, written `name()`. */
function namesIn(row: string): readonly string[] {
  return [...row.matchAll(/`#?(\w+)\(\)`/g)].map((match) => match[1] ?? '')
}

describe('the deliberate breaks', () => {
  it('[SPEC7] fit the code, and name a rule that one of their tests quotes', () => {
    const unfit = BREAKS.filter(({ file, code, broken }) => code === broken || read(file).split(code).length !== 2)
    const unruled = BREAKS.filter(({ rule, tests }) => !tests.some((test) => read(test).includes(`[${rule}]`)))
    expect([...unfit, ...unruled].map(({ name }) => name)).toEqual([])
    expect(BREAKS.length).toBeGreaterThan(20)
  })
})
