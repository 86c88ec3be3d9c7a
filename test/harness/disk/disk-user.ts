import type { MemoryDisk } from './memory-disk.js'

/** How programs save a file on a disk in memory. */
export const USER_STYLES = ['in-place', 'rename-over', 'by-backup'] as const
export type UserStyle = (typeof USER_STYLES)[number]

/** Somebody who works on a disk in memory with programs of their own. */
export class DiskUser {
  readonly #disk: MemoryDisk
  readonly #root: string

  constructor(disk: MemoryDisk, root: string) {
    this.#disk = disk
    this.#root = root
  }

  /** Path -> text of every file, the program's own aside, sorted by path. */
  files(): ReadonlyMap<string, string> {
    const files = new Map<string, string>()
    const todo = ['']
    for (const directory of todo) {
      for (const name of this.#disk.readdirSync(this.#at(directory)) as string[]) {
        const path = directory === '' ? name : `${directory}/${name}`
        if (path === '.collab') continue
        if (this.#isDirectory(path)) todo.push(path)
        else files.set(path, this.#disk.readFileSync(this.#at(path), 'utf8') as string)
      }
    }
    return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Names in a directory as the disk spells them. */
  names(directory = ''): readonly string[] {
    return (this.#disk.readdirSync(this.#at(directory)) as string[]).filter((name) => name !== '.collab').sort()
  }

  read(path: string): string | undefined {
    return this.exists(path) ? (this.#disk.readFileSync(this.#at(path), 'utf8') as string) : undefined
  }

  exists(path: string): boolean {
    try {
      return this.#disk.lstatSync(this.#at(path), { throwIfNoEntry: false }) !== undefined
    } catch {
      return false
    }
  }

  save(path: string, text: string, style: UserStyle = 'in-place'): void {
    this.makeParents(path)
    switch (style) {
      case 'in-place':
        return this.#write(path, text, 'w')
      case 'rename-over':
        this.#write(`${path}.tmp`, text, 'w')
        return this.#disk.renameSync(this.#at(`${path}.tmp`), this.#at(path))
      case 'by-backup':
        if (this.exists(path)) this.#disk.renameSync(this.#at(path), this.#at(`${path}~`))
        this.#write(path, text, 'w')
        if (this.exists(`${path}~`)) this.remove(`${path}~`)
    }
  }

  append(path: string, text: string): void {
    this.#write(path, text, 'a')
  }

  remove(path: string): void {
    this.#disk.unlinkSync(this.#at(path))
  }

  /** A file, or an empty directory. */
  removeAny(path: string): void {
    if (this.#isDirectory(path)) this.#disk.rmdirSync(this.#at(path))
    else this.remove(path)
  }

  move(from: string, to: string): void {
    this.makeParents(to)
    this.#disk.renameSync(this.#at(from), this.#at(to))
  }

  makeParents(path: string): void {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) {
      const directory = names.slice(0, depth).join('/')
      if (!this.exists(directory)) this.#disk.mkdirSync(this.#at(directory))
    }
  }

  #write(path: string, text: string, flags: string): void {
    const fd = this.#disk.openSync(this.#at(path), flags)
    if (text !== '') this.#disk.writeSync(fd, new TextEncoder().encode(text))
    this.#disk.closeSync(fd)
  }

  #isDirectory(path: string): boolean {
    return (this.#disk.lstatSync(this.#at(path)) as { isDirectory: () => boolean }).isDirectory()
  }

  #at(path: string): string {
    return path === '' ? this.#root : `${this.#root}/${path}`
  }
}
