import { hash } from 'node:crypto'
import { MAX_TEXT_BYTES, diffCost, diffText } from '@collab/core'
import type { DocId, Workspace } from '@collab/core'
import type { BaseText } from './base-row.js'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const encoder = new TextEncoder()

/** The exact string that a file holds, a byte order mark kept; else why it is not text. */
export function decodeText(bytes: Uint8Array): { readonly text: string } | { readonly reason: string } {
  if (bytes.length > MAX_TEXT_BYTES) return { reason: tooLarge(bytes.length) }
  if (bytes.includes(0)) return { reason: 'not text: it has a zero byte' }
  try {
    return { text: decoder.decode(bytes) }
  } catch {
    return { reason: 'not text: it is not valid UTF-8' }
  }
}

export function encodeText(text: string): Uint8Array {
  return encoder.encode(text)
}

export function tooLarge(size: number): string {
  return `larger than ${MAX_TEXT_BYTES / 1024 ** 2} MiB of text (${(size / 1024 ** 2).toFixed(1)} MiB)`
}

/** Whether one text may have become the other by editing: less than half of both differs. */
export function isAlike(a: string, b: string): boolean {
  return diffCost(diffText(a, b)) * 2 < a.length + b.length
}

/** Whether whole lines that are half of `before` or more stand in `after` too, however much was added. */
export function keepsLines(before: string, after: string): boolean {
  const said = before.split('\n').filter((line) => line.trim() !== '')
  const there = new Set(after.split('\n'))
  const kept = said.filter((line) => there.has(line))
  return kept.length > 0 && units(kept) * 2 >= units(said)
}

function units(lines: readonly string[]): number {
  return lines.reduce((sum, { length }) => sum + length, 0)
}

/** SHA-256 of the text's UTF-8 bytes, base64url. */
export function hashText(text: string): string {
  return hash('sha256', text, 'base64url')
}

/** `hashText` of the text that the bytes are. */
export function hashBytes(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64url')
}

export const EMPTY_HASH = hashText('')

/** UTF-16 units kept of texts that were read or written lately. */
const CACHED_UNITS = 8 * 1024 * 1024

/** Texts of bases, from memory or from the history of their documents. */
export class BaseTexts {
  readonly #workspace: Pick<Workspace, 'readTextAt'>
  readonly #texts = new Map<string, string>()
  #units = 0

  constructor(workspace: Pick<Workspace, 'readTextAt'>) {
    this.#workspace = workspace
  }

  remember(text: string, hash: string): void {
    if (this.#texts.has(hash)) return
    this.#texts.set(hash, text)
    this.#units += text.length
    for (const [key, old] of this.#texts) {
      if (this.#units <= CACHED_UNITS) return
      this.#texts.delete(key)
      this.#units -= old.length
    }
  }

  forget(): void {
    this.#texts.clear()
    this.#units = 0
  }

  async read(doc: DocId, base: BaseText): Promise<string> {
    const known = this.#texts.get(base.hash)
    if (known !== undefined) return known
    const text = await this.#workspace.readTextAt(doc, base.version)
    this.remember(text, hashText(text))
    return text
  }
}
