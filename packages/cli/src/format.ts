/** Paints text for a terminal, or leaves it as it is. */
export interface Paint {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  yellow(text: string): string
  red(text: string): string
  cyan(text: string): string
}

export function paintFor(color: boolean): Paint {
  const wrap = (open: number, close: number) => (text: string) => (color && text !== '' ? `\u001b[${open}m${text}\u001b[${close}m` : text)
  return { bold: wrap(1, 22), dim: wrap(2, 22), green: wrap(32, 39), yellow: wrap(33, 39), red: wrap(31, 39), cyan: wrap(36, 39) }
}

const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const NO_WIDTH = /\p{M}/u
// eslint-disable-next-line no-control-regex
const PAINTING = /\u001b\[\d+m/g

/** Terminal cells that `text` takes, painting aside: an estimate that is right for nearly every script. */
export function widthOf(text: string): number {
  let width = 0
  for (const char of text.replace(PAINTING, '')) width += cellsOf(char)
  return width
}

function cellsOf(char: string): number {
  if (NO_WIDTH.test(char)) return 0
  return WIDE.test(char) ? 2 : 1
}

/** Cuts to at most `width` cells, with an ellipsis; `text` has no painting. */
export function clip(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 1
  for (const char of text) {
    used += cellsOf(char)
    if (used > width) break
    kept += char
  }
  return width < 1 ? '' : `${kept}…`
}

/** Cuts the middle out, so that the end of a path stays. */
export function clipMiddle(text: string, width: number): string {
  if (widthOf(text) <= width || width < 8) return clip(text, width)
  const chars = Array.from(text)
  let tail = ''
  for (let at = chars.length - 1; at >= 0 && widthOf(tail) < Math.floor(width * 0.6); at--) tail = (chars[at] ?? '') + tail
  const head = clip(text, width - widthOf(tail))
  return head + tail
}

const INDENT = '    '
// eslint-disable-next-line no-control-regex
const PIECES = /\u001b\[\d+m|[^]/gu

/** Lines of at most `width` cells, broken at spaces where there are some, so that an address can be copied whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  const end = (): void => {
    lines.push(line.trimEnd())
    line = INDENT
  }
  for (const word of text.split(/(?<= )(?=[^ ])/)) {
    if (line.trim() !== '' && widthOf(line + word.trimEnd()) > width) end()
    if (widthOf(line + word.trimEnd()) <= width) line += word
    else {
      for (const piece of word.match(PIECES) ?? []) {
        if (widthOf(line + piece) > width) end()
        line += piece
      }
    }
  }
  return [...lines, line.trimEnd()]
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)))
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString('en-US')} ${n === 1 ? one : many}`
}

/** Seconds as people say them: `8 s`, `2 min 5 s`, `1 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

export function clockTime(ms: number): string {
  const date = new Date(ms)
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

/** Claimed times of strangers included: what is no date is shown as unknown. */
export function dateTime(ms: number): string {
  const date = new Date(ms)
  if (Number.isNaN(date.getTime())) return '????-??-?? ??:??:??'
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, '0')).join('-')
  return `${day} ${clockTime(ms)}`
}

export function progressBar(done: number, total: number, width: number): string {
  const filled = total <= 0 ? 0 : Math.min(width, Math.floor((done / total) * width))
  return '█'.repeat(filled) + '░'.repeat(width - filled)
}

/** Bytes as people say them: `812 B`, `4.2 KiB`, `1.0 GiB`. */
export function fileSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const step = Math.min(4, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** step).toFixed(1)} ${['B', 'KiB', 'MiB', 'GiB', 'TiB'][step] ?? ''}`
}

/** The last characters of a peer id tell peers apart; the first are the same for all. */
export function shortPeer(peer: string): string {
  return peer.length <= 10 ? peer : `…${peer.slice(-8)}`
}

/** Columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, widthOf(cell))
  return rows.map((row) => row.map((cell, at) => (at === row.length - 1 ? cell : pad(cell, widths[at] ?? 0))).join('  '))
}
