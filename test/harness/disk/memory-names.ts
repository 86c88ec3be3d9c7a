import type { Found } from './memory-disk.js'
import type { MemoryNode } from './memory-node.js'
import { errno } from './mounts.js'

export interface NamingRules {
  /** @default true */
  readonly caseSensitive: boolean
  /** Names are stored decomposed, and all spellings of one are the same, as on HFS+. @default false */
  readonly normalising: boolean
}

/** The names in directories, by the rules of one file system. */
export class MemoryNames {
  readonly #rules: NamingRules

  constructor(rules: NamingRules) {
    this.#rules = rules
  }

  get(directory: MemoryNode, name: string): MemoryNode | undefined {
    return directory.children.get(this.#fold(name))?.node
  }

  put(directory: MemoryNode, name: string, node: MemoryNode): void {
    const spelt = this.#rules.normalising ? name.normalize('NFD') : name
    directory.children.set(this.#fold(name), { name: spelt, node })
    node.places.set(directory, (node.places.get(directory) ?? new Set()).add(spelt))
  }

  take(directory: MemoryNode, name: string): void {
    const entry = directory.children.get(this.#fold(name))
    if (entry === undefined) return
    directory.children.delete(this.#fold(name))
    const names = entry.node.places.get(directory)
    names?.delete(entry.name)
    if (names?.size === 0) entry.node.places.delete(directory)
  }

  areOne(a: string, b: string): boolean {
    return this.#fold(a) === this.#fold(b)
  }

  #fold(name: string): string {
    const composed = this.#rules.normalising ? name.normalize('NFD') : name
    return this.#rules.caseSensitive ? composed : composed.normalize('NFC').toLowerCase()
  }
}

/** Gives the file at `source` the name of `target`, in whose place it comes. */
export function rename(names: MemoryNames, source: Found, target: Found): void {
  const { node } = source
  if (node === undefined || source.parent === undefined || target.parent === undefined) throw errno('ENOENT')
  const isOther = target.node !== undefined && target.node !== node
  // Two names of one file: nothing happens.
  if (target.node === node && !(source.parent === target.parent && names.areOne(source.name, target.name))) return
  if (isOther && target.node?.kind === 'directory' && node.kind !== 'directory') throw errno('EISDIR')
  if (isOther && target.node?.kind !== 'directory' && node.kind === 'directory') throw errno('ENOTDIR')
  if (isOther && (target.node?.children.size ?? 0) > 0) throw errno('ENOTEMPTY')
  for (let at: MemoryNode | undefined = target.parent; at !== undefined; at = [...at.places.keys()][0]) if (at === node) throw errno('EINVAL')
  if (isOther) names.take(target.parent, target.name)
  names.take(source.parent, source.name)
  names.put(target.parent, target.name, node)
}
