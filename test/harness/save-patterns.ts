import { constants } from 'node:fs'
import type { MemoryDisk } from './disk/memory-disk.js'

/** One call of an editor, after a pause as long as was seen. */
export interface SaveStep {
  readonly afterMs: number
  readonly run: () => void
}

/** How a program puts a text into a file: the calls that it was seen to make, in their order. */
export type SavePattern = (file: FileCalls, text: string) => readonly SaveStep[]

/** The calls on one file and its neighbours, as programs make them. */
export class FileCalls {
  readonly #disk: MemoryDisk
  readonly #path: string
  readonly #open: number[] = []

  constructor(disk: MemoryDisk, path: string) {
    this.#disk = disk
    this.#path = path
  }

  /** The file's path, or that of a neighbour. */
  at(name?: string): string {
    return name === undefined ? this.#path : `${this.#path.slice(0, this.#path.lastIndexOf('/'))}/${name}`
  }

  open(flags: number, path = this.#path): void {
    this.#open.push(this.#disk.openSync(path, flags, 0o644))
  }

  write(text: string): void {
    this.#disk.writeSync(this.#open.at(-1) ?? -1, Buffer.from(text))
  }

  close(): void {
    this.#disk.closeSync(this.#open.pop() ?? -1)
  }

  whole(path: string, text: string): void {
    this.open(constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC, path)
    this.write(text)
    this.close()
  }

  rename(from: string, to: string): void {
    this.#disk.renameSync(from, to)
  }

  unlink(path: string): void {
    this.#disk.unlinkSync(path)
  }

  text(): string {
    return String(this.#disk.readFileSync(this.#path, 'utf8'))
  }

  touchMode(): void {
    this.#disk.chmodSync(this.#path, 0o644)
  }
}

const TRUNCATE = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC
const APPEND = constants.O_WRONLY | constants.O_APPEND
const step = (afterMs: number, run: () => void): SaveStep => ({ afterMs, run })
const inPieces = (file: FileCalls, text: string, pieces: number, pauseMs: number): SaveStep[] => {
  const length = Math.ceil(text.length / pieces)
  return Array.from({ length: pieces }, (_, index) => step(index === 0 ? 0 : pauseMs, () => file.write(text.slice(index * length, (index + 1) * length))))
}

/** Traced once from each program; the pauses are the longest that were seen. */
export const SAVE_PATTERNS: Readonly<Record<string, SavePattern>> = {
  'vim, backupcopy=no': (file, text) => [
    step(0, () => file.whole(file.at('4913'), '')),
    step(0, () => file.unlink(file.at('4913'))),
    step(1, () => file.rename(file.at(), file.at('note.md~'))),
    step(1, () => file.open(TRUNCATE)),
    ...inPieces(file, text, 1, 0),
    step(3, () => file.close()),
    step(0, () => file.touchMode()),
    step(1, () => file.unlink(file.at('note.md~')))
  ],
  'vim, backupcopy=yes': (file, text) => [
    step(0, () => file.whole(file.at('note.md~'), file.text())),
    step(1, () => file.open(TRUNCATE)),
    ...inPieces(file, text, 1, 0),
    step(3, () => file.close()),
    step(1, () => file.unlink(file.at('note.md~')))
  ],
  'VS Code and Obsidian': (file, text) => [step(0, () => file.open(TRUNCATE)), step(12, () => file.write(text)), step(1, () => file.close())],
  emacs: (file, text) => [
    step(0, () => file.whole(file.at('#note.md#'), text)),
    step(1, () => file.rename(file.at(), file.at('note.md~'))),
    step(1, () => file.open(TRUNCATE)),
    ...inPieces(file, text, 2, 1),
    step(2, () => file.close()),
    step(1, () => file.unlink(file.at('#note.md#')))
  ],
  nano: (file, text) => [
    step(0, () => file.whole(file.at('.note.md.swp'), 'nano')),
    step(0, () => file.open(TRUNCATE)),
    ...inPieces(file, text, 3, 0),
    step(1, () => file.close()),
    step(1, () => file.unlink(file.at('.note.md.swp')))
  ],
  'sed -i': (file, text) => [step(0, () => file.whole(file.at('sedAb12Cd'), text)), step(1, () => file.rename(file.at('sedAb12Cd'), file.at()))],
  'git checkout': (file, text) => [step(0, () => file.unlink(file.at())), step(1, () => file.whole(file.at(), text))],
  rsync: (file, text) => [
    step(0, () => file.open(TRUNCATE, file.at('.note.md.Xy34Zw'))),
    ...inPieces(file, text, 2, 1),
    step(0, () => file.close()),
    step(1, () => file.rename(file.at('.note.md.Xy34Zw'), file.at()))
  ],
  'truncate, then write slowly': (file, text) => [step(0, () => file.open(TRUNCATE)), ...inPieces(file, text, 4, 15), step(15, () => file.close())]
}

/** Programs that only ever add to a file. */
export const appendSteps = (file: FileCalls, line: string): readonly SaveStep[] => [
  step(0, () => file.open(APPEND)),
  step(0, () => file.write(line)),
  step(0, () => file.close())
]
