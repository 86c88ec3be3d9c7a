import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Which of the two acts: what it writes is told by it. */
export type Side = 'one' | 'two'

/** What a directory holds when both begin: a file `f.md`, and `d` with the file `d/in.md`. */
export const BEGINNING: Readonly<Record<string, string>> = { 'f.md': 'alpha\nbravo\ncharlie\n', 'd/in.md': 'delta\necho\nfoxtrot\n' }

type Act = (at: (name: string) => string, side: Side) => void

const put = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
const create = (name: string, text: (side: Side) => string): Act => (at, side) => put(at(name), text(side))
/** A line of one's own at one's own end, as two people would who write in one file. */
const edit = (name: string): Act => (at, side) => {
  const text = readFileSync(at(name), 'utf8')
  writeFileSync(at(name), side === 'one' ? `one\n${text}` : `${text}two\n`)
}
const rename = (from: string, to: (side: Side) => string): Act => (at, side) => {
  mkdirSync(dirname(at(to(side))), { recursive: true })
  renameSync(at(from), at(to(side)))
}
const remove = (name: string): Act => (at) => rmSync(at(name), { recursive: true })
const mkdir = (name: string): Act => (at) => mkdirSync(at(name))
const chmod = (name: string): Act => (at) => chmodSync(at(name), 0o755)
const toDirectory = (name: string): Act => (at, side) => {
  rmSync(at(name))
  put(at(`${name}/${side}`), `${side} below\n`)
}
const toFile = (name: string): Act => (at, side) => {
  rmSync(at(name), { recursive: true })
  writeFileSync(at(name), `${side} instead\n`)
}
const same = (text: string) => (): string => text
const own = (side: Side): string => `${side} wrote this\n`

/** Everything that one of the two may do, in the words of the table in docs/SPEC.md. */
export const ACTIONS: Readonly<Record<string, Act>> = {
  'create `new`': create('new', own),
  'create `new`, same text': create('new', same('same\n')),
  'mkdir `new`': mkdir('new'),
  'create `g.md`': create('g.md', own),
  'mkdir `g.md`': mkdir('g.md'),
  'create `d/f.md`': create('d/f.md', own),
  'create `d/new`': create('d/new', own),
  'mkdir `d/new`': mkdir('d/new'),
  'edit `f.md`': edit('f.md'),
  'edit `f.md`, same text': (at) => writeFileSync(at('f.md'), readFileSync(at('f.md'), 'utf8').replace('\n', '\nsame\nlines\nof a\nformatter\n')),
  'delete `f.md`': remove('f.md'),
  'rename `f.md` to `g.md`': rename('f.md', same('g.md')),
  'rename `f.md` to a name of its own': rename('f.md', (side) => `${side}.md`),
  'move `f.md` to `d/f.md`': rename('f.md', same('d/f.md')),
  'move `f.md` to a folder of its own': rename('f.md', (side) => `${side}/f.md`),
  'chmod `f.md`': chmod('f.md'),
  'replace `f.md` by a folder': toDirectory('f.md'),
  'edit `d/in.md`': edit('d/in.md'),
  'delete `d/in.md`': remove('d/in.md'),
  'rename `d/in.md` to `d/g.md`': rename('d/in.md', same('d/g.md')),
  'move `d/in.md` to `in.md`': rename('d/in.md', same('in.md')),
  'chmod `d/in.md`': chmod('d/in.md'),
  'replace `d/in.md` by a folder': toDirectory('d/in.md'),
  'rename `d` to `e`': rename('d', same('e')),
  'rmdir `d`': remove('d'),
  'replace `d` by a file': toFile('d')
}

/** What each side writes, by its action; every line of it must be somewhere in the end. */
export function linesWritten(action: string, side: Side): readonly string[] {
  if (action.includes('same text')) return ['same']
  if (action.startsWith('create')) return [`${side} wrote this`]
  if (action.startsWith('edit')) return [side]
  if (action.endsWith('by a folder')) return [`${side} below`]
  return action.endsWith('by a file') ? [`${side} instead`] : []
}

/**
 * Everything in a directory: paths with `/` after a directory and `*` after an executable file, then the lines of the
 * text; `abc` and `def` stand for the texts of the beginning.
 */
export function outcomeOf(root: string, mark: string): string {
  const parts: string[] = []
  const visit = (directory: string): void => {
    for (const name of existsSync(root) ? readdirSync(`${root}${directory}`) : []) {
      const path = `${directory}/${name}`
      const stats = lstatSync(`${root}${path}`)
      const shown = path.slice(1).replace(/ \(conflict, [^()]*\)/, ' (conflict)')
      if (stats.isDirectory()) {
        parts.push(`${shown}/`)
        visit(path)
      } else parts.push(`${shown}${(stats.mode & 0o100) === 0 ? '' : '*'}: ${shortText(readFileSync(`${root}${path}`, 'utf8').replaceAll(mark, ''))}`)
    }
  }
  visit('')
  return parts.sort().join('; ')
}

function shortText(text: string): string {
  return text.trimEnd().split('\n').join(', ').replace('alpha, bravo, charlie', 'abc').replace('delta, echo, foxtrot', 'def')
}
