import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { save } from './editor.js'
import type { SaveStyle } from './editor.js'
import type { FolderPeer } from './folder-peer.js'
import type { Tree } from './tree.js'

/** Puts a line into the middle of a file, as an editor would. */
export function insertLine(peer: FolderPeer, path: string, line: string, style: SaveStyle = 'rename-over'): void {
  const full = join(peer.folder, path)
  const text = readFileSync(full, 'utf8')
  const end = text.includes('\r\n') ? '\r\n' : '\n'
  const lines = text.split(end)
  lines.splice(lines.length >> 1, 0, line)
  if (!save(full, lines.join(end), style)) throw new Error(`${path} is not there`)
}

/** How often each line stands anywhere in the tree. */
export function countLines(tree: Tree, lines: readonly string[]): Readonly<Record<string, number>> {
  const texts = [...tree.values()].map(({ text }) => text)
  return Object.fromEntries(lines.map((line) => [line, texts.reduce((sum, text) => sum + text.split(line).length - 1, 0)]))
}

/** What `countLines` gives when nothing is lost and nothing doubled. */
export function onceEach(lines: readonly string[]): Readonly<Record<string, number>> {
  return Object.fromEntries(lines.map((line) => [line, 1]))
}
