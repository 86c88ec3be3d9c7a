/** C0, DEL and C1 controls, line separators, direction marks, zero-width and other invisible characters, lone surrogates. */
const UNSAFE =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff0-\ufffb\u{e0000}-\u{e0fff}]|\u17b4|\u17b5|[\u180b-\u180f]|\p{Cs}/gu

/** A file name has at most 255 bytes and a path 4096; longer texts of strangers are cut. */
const MAX_SHOWN = 4096

/**
 * Text that came from a peer or a file name, safe to print on one line of a terminal: whatever could move the cursor,
 * reorder or hide text becomes `\u{..}`.
 */
export function show(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text
  return cut.replace(UNSAFE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`)
}
