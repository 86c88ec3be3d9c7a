import type { RelPath } from './rel-path.js'
import { isSafeName, joinPath, namesOf } from './rel-path.js'

/**
 * How names are spelled on the disk where that is not their composed form: the same é can be one code point or two,
 * and a file system that keeps both apart must be asked for the one it has.
 */
export class Spelling {
  readonly #names = new Map<RelPath, string>()

  /** The path of the entry called `diskName` in `directory`; undefined when it cannot have one. */
  pathOf(directory: RelPath | '', diskName: string): RelPath | undefined {
    const name = diskName.normalize('NFC')
    if (!isSafeName(name)) return undefined
    try {
      return joinPath(directory, name)
    } catch {
      return undefined
    }
  }

  /** Remembers what the disk calls `path`. */
  learn(path: RelPath, diskName: string): void {
    if (path.endsWith(diskName) && diskName.normalize('NFC') === diskName) this.#names.delete(path)
    else this.#names.set(path, diskName)
  }

  /** The components of `path` as the disk has them. */
  names(path: RelPath | ''): string[] {
    if (this.#names.size === 0) return namesOf(path)
    let prefix = ''
    return namesOf(path).map((name) => {
      prefix = prefix === '' ? name : `${prefix}/${name}`
      return this.#names.get(prefix as RelPath) ?? name
    })
  }

  knows(path: RelPath): boolean {
    return this.#names.has(path)
  }
}
