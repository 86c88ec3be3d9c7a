import { sameContentState } from './signature.js'
import type { Signature } from './signature.js'

/** A known file or directory that is no longer at its path. */
export interface Gone {
  readonly path: string
  readonly type: 'file' | 'directory'
  /** Of a file: as it was when last seen. */
  readonly signature: Signature | undefined
  readonly hash: string | undefined
  /** Of a file that a crash left between two contents: the other one. */
  readonly otherHash?: string | undefined
}

/** A file or directory on disk that nothing is known about. */
export interface Fresh {
  readonly path: string
  readonly type: 'file' | 'directory'
  readonly signature: Signature | undefined
  /** Of a file: hash of its content, where it was read. */
  readonly hash: string | undefined
}

export interface Rename {
  readonly type: 'file' | 'directory'
  readonly from: string
  readonly to: string
}

export interface RenameOptions {
  /** Whether one content may have become the other by editing. */
  readonly alike: (gone: Gone, fresh: Fresh) => boolean
  /**
   * Whether two files with one inode and different contents, which are not alike, are one file all the same, to which much
   * was added: some file systems hand the inode of a deleted file to the next new one.
   */
  readonly grew: (gone: Gone, fresh: Fresh) => boolean
  /** Hash of the empty file: two empty files are not one because of that. */
  readonly emptyHash: string
}

/**
 * Pairs what is gone with what is new: files by inode, else by content; directories by where most of their files went
 * (an empty one is made anew).
 * Files that went along with their directory are not listed.
 */
export function detectRenames(gone: readonly Gone[], fresh: readonly Fresh[], options: RenameOptions): readonly Rename[] {
  const files = pairFiles(
    gone.filter((item) => item.type === 'file'),
    fresh.filter((item) => item.type === 'file'),
    options
  )
  const directories = pairDirectories(gone, fresh, files)
  const single = [...files].filter(([from, to]) => !wentAlong(from, to, directories))
  return [
    ...[...directories].map(([from, to]): Rename => ({ type: 'directory', from, to })),
    ...single.map(([from, to]): Rename => ({ type: 'file', from, to }))
  ]
}

type Pairs = Map<string, string>

function pairFiles(gone: readonly Gone[], fresh: readonly Fresh[], options: RenameOptions): Pairs {
  const pairs: Pairs = new Map()
  const free = new Map(fresh.map((item) => [item.path, item]))
  const take = (from: Gone, to: Fresh): void => {
    pairs.set(from.path, to.path)
    free.delete(to.path)
  }
  const byInode = new Map(fresh.map((item) => [item.signature?.ino, item]))
  for (const item of gone) {
    const match = item.signature === undefined ? undefined : byInode.get(item.signature.ino)
    if (match !== undefined && free.has(match.path) && sameFile(item, match, options)) take(item, match)
  }
  const byHash = Map.groupBy(free.values(), (item) => item.hash)
  for (const item of gone) {
    for (const hash of [item.hash, item.otherHash]) {
      if (pairs.has(item.path) || hash === undefined || hash === options.emptyHash) continue
      const match = closest(item.path, (byHash.get(hash) ?? []).filter((candidate) => free.has(candidate.path)))
      if (match !== undefined) take(item, match)
    }
  }
  for (const item of gone) {
    const match = item.otherHash === undefined || pairs.has(item.path) ? undefined : [...free.values()].find((candidate) => options.alike(item, candidate))
    if (match !== undefined) take(item, match)
  }
  return pairs
}

function sameFile(gone: Gone, fresh: Fresh, options: RenameOptions): boolean {
  if (gone.signature !== undefined && fresh.signature !== undefined && sameContentState(gone.signature, fresh.signature)) return true
  return (gone.hash !== undefined && gone.hash === fresh.hash) || options.alike(gone, fresh) || options.grew(gone, fresh)
}

/** Of files with equal content, the one whose path ends most like `path`. */
function closest(path: string, candidates: readonly Fresh[]): Fresh | undefined {
  let best: Fresh | undefined
  let bestScore = -1
  for (const candidate of candidates) {
    const score = commonTail(path, candidate.path) * 2 + (parentOf(path) === parentOf(candidate.path) ? 1 : 0)
    if (score > bestScore) {
      best = candidate
      bestScore = score
    }
  }
  return best
}

function commonTail(a: string, b: string): number {
  const left = a.split('/').reverse()
  const right = b.split('/').reverse()
  let count = 0
  while (count < left.length && left[count] === right[count]) count++
  return count
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')))
}

/** Directories, outermost first: where more than half of the files below went. */
function pairDirectories(gone: readonly Gone[], fresh: readonly Fresh[], files: Pairs): Pairs {
  const pairs: Pairs = new Map()
  const targets = new Set(fresh.filter((item) => item.type === 'directory').map((item) => item.path))
  const taken = new Set<string>()
  const votes = countVotes(gone, files)
  const directories = gone.filter((item) => item.type === 'directory').sort((a, b) => (a.path < b.path ? -1 : 1))
  for (const directory of directories) {
    const to = votedTarget(votes.get(directory.path), targets, taken)
    if (to === undefined) continue
    taken.add(to)
    if (!wentAlong(directory.path, to, pairs)) pairs.set(directory.path, to)
  }
  return pairs
}

interface Votes {
  /** Files below that are gone. */
  total: number
  /** New directory -> files that went there and kept their path below it. */
  readonly targets: Map<string, number>
}

function countVotes(gone: readonly Gone[], files: Pairs): Map<string, Votes> {
  const votes = new Map<string, Votes>()
  for (const { path, type } of gone) {
    if (type !== 'file') continue
    const to = files.get(path)
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const directory = path.slice(0, slash)
      const entry = votes.get(directory) ?? { total: 0, targets: new Map<string, number>() }
      votes.set(directory, entry)
      entry.total++
      const tail = path.slice(slash)
      if (to === undefined || !to.endsWith(tail) || to.length === tail.length) continue
      const target = to.slice(0, -tail.length)
      entry.targets.set(target, (entry.targets.get(target) ?? 0) + 1)
    }
  }
  return votes
}

function votedTarget(votes: Votes | undefined, targets: ReadonlySet<string>, taken: ReadonlySet<string>): string | undefined {
  if (votes === undefined) return undefined
  for (const [path, count] of votes.targets) {
    if (count * 2 > votes.total && targets.has(path) && !taken.has(path)) return path
  }
  return undefined
}

/** Whether moving the directories of `directories` alone already takes `from` to `to`. */
function wentAlong(from: string, to: string, directories: Pairs): boolean {
  for (let slash = from.lastIndexOf('/'); slash > 0; slash = from.lastIndexOf('/', slash - 1)) {
    const target = directories.get(from.slice(0, slash))
    if (target !== undefined) return target + from.slice(slash) === to
  }
  return false
}
