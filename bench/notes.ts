import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const WORDS = 'lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy eirmod tempor invidunt ut labore et dolore'.split(' ')

/** A tree of `count` different Markdown notes of about 4 KB, twenty to a folder. */
export function makeNotes(folder: string, count: number): void {
  for (let note = 0; note < count; note++) {
    const path = join(folder, notePath(note))
    if (note % 20 === 0) mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, noteText(note))
  }
}

export function notePath(note: number): string {
  const group = Math.floor(note / 20)
  return `area-${Math.floor(group / 10)}/topic-${group % 10}/note-${note}.md`
}

function noteText(note: number): string {
  let text = `# Note ${note}\n\n`
  for (let at = note; text.length < 4000; at += 7) text += `${WORDS[at % WORDS.length]} ${at % 11 === 0 ? `${at}\n` : ''}`
  return `${text}\n`
}
