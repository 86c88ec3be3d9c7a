import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { silentLogger } from '@collab/core'
import { openFolder } from '@collab/folder'
import type { FolderFs } from '@collab/folder'
import { VirtualClock } from '../harness/virtual-clock.js'

export type RelPath = Parameters<FolderFs['fact']>[0]
type Signature = Parameters<FolderFs['remove']>[1]['expect']

/** One operation of a folder on its disk. */
export interface Story {
  readonly name: string
  /** What is there before: path -> content; every one of these contents must outlive whatever happens. */
  readonly files: Readonly<Record<string, string>>
  /** Contents that the operation may put at a path. */
  readonly fresh: readonly string[]
  /** Each a set of paths that belong to one file: exactly one of them is there at the end, whatever happened. */
  readonly places: readonly (readonly string[])[]
  /** Leads up to the operation, undisturbed. */
  readonly before?: (fs: FolderFs) => Promise<unknown>
  /** @param seen the file as the operation expects it; by default as it is at the beginning */
  readonly run: (fs: FolderFs, seen?: Signature) => Promise<unknown>
  /** Whether its work is on the disk. */
  readonly done?: (root: string) => boolean
  /** It tells a failure by an error, not by its result. */
  readonly mayThrow?: boolean
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const OLD = 'what was written here before\n'.repeat(40)
export const NEW = 'what a peer sent\n'.repeat(50)

export function signatureAt(fs: FolderFs, path: string): Signature {
  const fact = fs.fact(path as RelPath)
  return fact.kind === 'file' ? fact.signature : { ino: 0n, size: 0n, mtimeNs: 0n, ctimeNs: 0n }
}

const replace = (fs: FolderFs, path: string, expect: Signature | 'absent' = signatureAt(fs, path)) =>
  fs.replace(path as RelPath, bytes(NEW), { expect, executable: false })
const move = (fs: FolderFs, from: string, to: string, expect = signatureAt(fs, from)) => fs.move(from as RelPath, to as RelPath, { expect })
const holds = (path: string, text: string) => (root: string) => existsSync(join(root, path)) && readFileSync(join(root, path), 'utf8') === text
const marker = (session: number) => ({ version: 1, workspace: 'w', store: 's', session }) as const

/** Everything by which a folder changes its disk. */
export const STORIES: readonly Story[] = [
  { name: 'replace a file', files: { 'd/a.md': OLD }, fresh: [NEW], places: [['d/a.md']], run: (fs, seen) => replace(fs, 'd/a.md', seen), done: holds('d/a.md', NEW) },
  { name: 'place a file', files: { 'b.md': OLD }, fresh: [NEW], places: [['b.md']], run: (fs) => replace(fs, 'x/y/a.md', 'absent'), done: holds('x/y/a.md', NEW) },
  {
    name: 'place many files',
    files: { 'd/1.md': OLD },
    fresh: [NEW],
    places: [['d/1.md']],
    run: (fs) => fs.placeMany(['d/1.md', 'd/2.md', 'e/3.md'].map((path) => ({ path: path as RelPath, text: NEW, executable: false })))
  },
  { name: 'remove a file', files: { 'a.md': OLD }, fresh: [], places: [], run: (fs, seen = signatureAt(fs, 'a.md')) => fs.remove('a.md' as RelPath, { expect: seen }) },
  { name: 'move a file', files: { 'a.md': OLD }, fresh: [], places: [['a.md', 'n/b.md']], run: (fs, seen) => move(fs, 'a.md', 'n/b.md', seen), done: holds('n/b.md', OLD) },
  {
    name: 'move a directory',
    files: { 'd/a.md': OLD },
    fresh: [],
    places: [['d/a.md', 'n/e/a.md']],
    run: (fs) => fs.moveDirectory('d' as RelPath, 'n/e' as RelPath)
  },
  { name: 'make a directory', files: { 'a.md': OLD }, fresh: [], places: [['a.md']], run: (fs) => fs.makeDirectory('x/y' as RelPath) },
  {
    name: 'remove a directory',
    files: { 'a.md': OLD },
    fresh: [],
    places: [['a.md']],
    before: (fs) => fs.makeDirectory('x' as RelPath),
    run: (fs) => fs.removeDirectory('x' as RelPath)
  },
  {
    name: 'set a mode',
    files: { 'a.md': OLD },
    fresh: [],
    places: [['a.md']],
    run: (fs, seen = signatureAt(fs, 'a.md')) => fs.setExecutable('a.md' as RelPath, true, { expect: seen })
  },
  {
    name: 'empty the trash',
    files: { 'a.md': OLD, 'b.md': OLD },
    fresh: [NEW],
    places: [['b.md']],
    // Closed, so that it does not watch what was removed any more.
    before: (fs) => fs.remove('a.md' as RelPath, { expect: signatureAt(fs, 'a.md') }).then(() => fs.close()),
    run: (fs) => fs.purge({ maxAgeMs: -1 }),
    mayThrow: true
  },
  {
    name: 'write the marker',
    files: { 'a.md': OLD },
    fresh: [],
    places: [['a.md']],
    before: (fs) => fs.writeMarker(marker(1)),
    run: (fs) => fs.writeMarker(marker(2)),
    mayThrow: true
  }
]

export const openAt = (root: string): Promise<FolderFs> => openFolder({ root, logger: silentLogger, clock: new VirtualClock(), thread: false })

export function prepare(root: string, story: Story): void {
  for (const [path, text] of Object.entries(story.files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** What is wrong with the folder after a run of the story that anything may have befallen, and recovery: one sentence each. */
export function faultsOf(root: string, story: Story): readonly string[] {
  const all = filesBelow(root)
  const visible = all.filter((path) => !path.startsWith('.collab/'))
  const read = (path: string): string => readFileSync(join(root, path), 'utf8')
  const contents = new Set(all.filter((path) => !path.startsWith('.collab/temp/')).map(read))
  const expected = new Set([...Object.values(story.files), ...story.fresh])
  return [
    ...Object.values(story.files).flatMap((text) => (contents.has(text) ? [] : ['a content is gone'])),
    ...visible.flatMap((path) => (expected.has(read(path)) ? [] : [`${path} holds a content that nobody saved`])),
    ...visible.flatMap((path) => (lstatSync(join(root, path)).nlink === 1 ? [] : [`${path} has a second name`])),
    ...story.places.flatMap((places) => {
      const there = places.filter((path) => existsSync(join(root, path)))
      return there.length === 1 ? [] : [`${places.join(' or ')}: there are ${there.length}`]
    }),
    ...all.filter((path) => path.startsWith('.collab/temp/')).map((path) => `left: ${path}`),
    ...leftInTrash(all)
  ]
}

/** A kept file has one note that names it; a note has its file. */
function leftInTrash(all: readonly string[]): readonly string[] {
  const names = new Set(all.filter((path) => path.startsWith('.collab/trash/')).map((path) => path.slice('.collab/trash/'.length)))
  return [...names].flatMap((name) => {
    if (name.endsWith('.json')) return names.has(name.slice(0, -5)) ? [] : [`a note without a file: ${name}`]
    return names.has(`${name}.json`) ? [] : [`left in the trash: ${name}`]
  })
}

function filesBelow(root: string): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length + 1))
    .sort()
}
