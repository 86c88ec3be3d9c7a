import { copyFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { CLI } from './cli-process.js'
import type { SeededRandom } from './random.js'

/** A file that somebody else wrote, and where it goes. */
export interface RealFile {
  /** Package, folders and name, as they were installed. */
  readonly path: string
  readonly source: string
  readonly bytes: number
}

const INSTALLED = resolve(dirname(CLI), '../../../node_modules/.pnpm')
const WANTED = /\.(?:md|markdown|ts|mts|cts|json)$/i

/**
 * The Markdown, TypeScript and JSON files of the installed packages, in a fixed order: thousands of them, in many
 * folders, with every odd thing that people do to files.
 */
export function realFiles(wanted = WANTED): readonly RealFile[] {
  const files: RealFile[] = []
  // Of a package that is there in two versions the second is found under its version.
  const taken = new Set<string>()
  for (const version of readdirSync(INSTALLED).toSorted()) {
    const packages = packagesIn(join(INSTALLED, version, 'node_modules'))
    for (const { name, directory } of packages) collect(directory, taken.has(name) ? version : name, wanted, files)
    for (const { name } of packages) taken.add(name)
  }
  return files
}

const BLOBS = /\.(?:png|jpe?g|gif|ico|webp|woff2?|ttf|otf|eot|wasm|node|zip|gz|tgz|br|bin|pdf|so|a)$/i
/** The largest programs among them would take the time of all others. */
const MAX_BLOB_BYTES = 16 * 1024 * 1024

/** Images, fonts, wasm, archives, programs and texts of over 1 MiB among the installed packages, the same for the same seed. */
export function realBlobs(random: SeededRandom, count: number): readonly RealFile[] {
  return sample(random, realFiles(/./).filter(({ path, bytes }) => bytes <= MAX_BLOB_BYTES && (bytes > 1024 * 1024 || BLOBS.test(path))), count)
}

/** Some of them, the same for the same seed. */
export function sampleRealFiles(random: SeededRandom, count: number): readonly RealFile[] {
  return sample(random, realFiles(), count)
}

function sample(random: SeededRandom, files: readonly RealFile[], count: number): readonly RealFile[] {
  const all = [...files]
  return Array.from({ length: Math.min(count, all.length) }, () => all.splice(random.int(all.length), 1)[0]).filter((file) => file !== undefined)
}

/** Copies them below `folder`, folders and all. */
export function importInto(folder: string, files: readonly RealFile[]): void {
  for (const { path, source } of files) {
    const target = join(folder, path)
    mkdirSync(dirname(target), { recursive: true })
    copyFileSync(source, target)
  }
}

/** What packages rarely hold and people do: each must arrive byte by byte, or be left alone. */
export const ODD_FILES: readonly (readonly [string, string | Uint8Array])[] = [
  ['odd/empty.md', ''],
  ['odd/no final newline.md', 'one line'],
  ['odd/crlf.md', '# Title\r\n\r\ntext\r\nmore'],
  ['odd/mixed ends.md', 'a\nb\r\nc\rd\n\r'],
  ['odd/bom.json', '\ufeff{"a": 1}\r\n'],
  ['odd/only a bom.ts', '\ufeff'],
  ['odd/emoji 👩‍👩‍👧 é.md', '👩‍👩‍👧 z̷̢̛a̸ ﷽ 𝒳 \u202e\u200b\u2028\n'],
  ['odd/zero\u200bwidth.md', 'the name has a zero width space\n'],
  ['odd/- dash.md', '-\n'],
  ['odd/#hash [x] {y} *.md', 'a name with the characters of patterns\n'],
  ['odd/long line.json', `[${'0123456789,'.repeat(20_000)}0]`],
  ['odd/many lines.md', 'x\n'.repeat(30_000)],
  [`odd/${'n'.repeat(250)}.md`, 'a name of 253 bytes\n'],
  ['odd/a/b/c/d/e/f/g/h/i/j/k/l/deep.md', 'deep\n']
]

/** Files that are no text, or too much of it. */
export const BLOB_FILES: readonly (readonly [string, string | Uint8Array])[] = [
  ['odd/picture.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0xff, 0xfe, 0x00, 0xc3)],
  ['odd/nul.md', 'a\0b\n'],
  ['odd/latin1.md', Uint8Array.of(0x63, 0x61, 0x66, 0xe9, 0x0a)],
  ['odd/large.json', 'x'.repeat(1024 * 1024 + 1)]
]

/** Files that are listed as skipped and never touched. */
export const SKIPPED_FILES: readonly (readonly [string, string | Uint8Array])[] = [
  ['odd/tab\tnew\nline.md', 'the name has a tab and a line end\n'],
  ['odd/esc\u001b[31m.md', 'the name has an escape code\n']
]

export function writeFiles(folder: string, files: readonly (readonly [string, string | Uint8Array])[]): void {
  for (const [path, content] of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
}

/** A version's own package; beside it lie links to those that it needs, which have their own entry. */
function packagesIn(modules: string): readonly { name: string; directory: string }[] {
  const found = directoriesOf(modules).flatMap((name) => (name.startsWith('@') ? directoriesOf(join(modules, name)).map((inner) => `${name}/${inner}`) : [name]))
  return found.map((name) => ({ name, directory: join(modules, name) }))
}

function collect(directory: string, path: string, wanted: RegExp, files: RealFile[]): void {
  for (const entry of entriesOf(directory)) {
    const [source, inside] = [join(directory, entry.name), `${path}/${entry.name}`]
    if (entry.isDirectory() && entry.name !== 'node_modules') collect(source, inside, wanted, files)
    else if (entry.isFile() && wanted.test(entry.name)) files.push({ path: inside, source, bytes: statSync(source).size })
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true }).toSorted((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    return []
  }
}

function directoriesOf(directory: string): readonly string[] {
  return entriesOf(directory).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))
}
