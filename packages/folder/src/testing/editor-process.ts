// A process that saves a file the way editors do. It imports Node only, so that it runs from source.
// Arguments: mode (edit | insert), file, milliseconds to run, longest pause between saves, seed. Writes one line of JSON per save.
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { dirname, join } from 'node:path'

const [mode = 'edit', file = '', runMs = '1000', pauseMs = '50', seed = '1'] = process.argv.slice(2)
const outside = join(dirname(file), '..', `copy-source-${process.pid}`)

let state = Number(seed)
/** Uniform in [0, 1), the same for the same seed. */
function random(): number {
  state = (state * 1103515245 + 12345) % 2147483648
  return state / 2147483648
}
const below = (limit: number): number => Math.floor(random() * limit)
const sleep = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

function writePieces(fd: number, text: string, piece: number): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += piece) writeSync(fd, bytes, at, Math.min(piece, bytes.length - at))
}

function inPlace(text: string, piece: number, pause = 0): void {
  const fd = openSync(file, 'w')
  if (pause > 0) sleep(pause)
  writePieces(fd, text, piece)
  fsyncSync(fd)
  closeSync(fd)
}

function renameOver(text: string, name: string): void {
  const temporary = join(dirname(file), name)
  writeFileSync(temporary, text)
  renameSync(temporary, file)
}

const styles: Record<string, (text: string) => void> = {
  vim: (text) => {
    if (existsSync(file)) renameSync(file, `${file}~`)
    const fd = openSync(file, 'w')
    ftruncateSync(fd)
    writePieces(fd, text, 8192)
    fsyncSync(fd)
    closeSync(fd)
    if (existsSync(`${file}~`)) unlinkSync(`${file}~`)
  },
  emacs: (text) => inPlace(text, 65536),
  nano: (text) => inPlace(text, 4096),
  code: (text) => inPlace(text, 1 << 20, 2 + below(10)),
  slow: (text) => {
    const fd = openSync(file, 'w')
    const cut = below(text.length)
    writeSync(fd, text.slice(0, cut))
    sleep(below(3))
    writeSync(fd, text.slice(cut))
    closeSync(fd)
  },
  sed: (text) => renameOver(text, `sed${below(1e6)}`),
  rsync: (text) => renameOver(text, `.note.md.${below(1e6)}`),
  cp: (text) => {
    writeFileSync(outside, text)
    copyFileSync(outside, file)
    unlinkSync(outside)
  }
}

/** One edit as a writer makes it: mostly a few words somewhere, now and then a whole passage. */
function edit(text: string, count: number): string {
  const lines = text.split('\n')
  const at = below(lines.length - 1)
  const kind = random()
  if (kind < 0.15 && lines.length > 400) lines.splice(at, below(200))
  else if (kind < 0.3) lines.splice(at, 0, ...Array.from({ length: below(150) }, (_, i) => `passage ${count} ${i} ${below(1e9)}`))
  else if (kind < 0.5) lines.splice(lines.length - 1, 0, `at the end ${count} ${below(1e9)}`)
  else lines[at] = `${lines[at]} and ${count}`
  return lines.join('\n')
}

function report(line: object): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const names = Object.keys(styles)
const end = Date.now() + Number(runMs)

function saveEdits(): void {
  let text = readFileSync(file, 'utf8')
  for (let count = 0; Date.now() < end; count++) {
    sleep(below(Number(pauseMs)))
    const style = random() < 0.1 ? 'append' : (names[count % names.length] ?? 'vim')
    text = style === 'append' ? `${text}appended ${count}\n` : edit(text, count)
    report({ style, hash: hashOf(text) })
    if (style === 'append') appendFileSync(file, `appended ${count}\n`)
    else styles[style]?.(text)
    report({ hash: hashOf(text), savedAt: Date.now() })
  }
}

/** Loads the file when it changed, adds a line of its own, thinks, saves without looking. */
function saveInserts(): void {
  const own = `user-${process.pid}`
  let lines: string[] = []
  let loaded = 0n
  for (let count = 0; Date.now() < end; count++) {
    const stats = statSync(file, { bigint: true, throwIfNoEntry: false })
    if (stats !== undefined && stats.mtimeNs !== loaded && stats.size > 0n) {
      lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
      loaded = stats.mtimeNs
    }
    const line = `${own}-${count}`
    sleep(below(Number(pauseMs)))
    const style = count % (names.length + 1) === names.length ? 'append' : (names[count % names.length] ?? 'vim')
    if (style === 'append') {
      appendFileSync(file, `${line}\n`)
    } else {
      lines.splice(below(lines.length), 0, line)
      styles[style]?.(`${lines.join('\n')}\n`)
    }
    report({ style, saved: line })
  }
}

report({ ready: true })
if (mode === 'edit') saveEdits()
else saveInserts()
