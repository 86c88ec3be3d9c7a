const PART_SUFFIX = '.part'

/** The entry in `.collab/temp` of a file that is put together; it is kept over a restart. */
export function partEntry(name: string): string {
  return name + PART_SUFFIX
}

/** The name of the part that an entry is; undefined when it is something else. */
export function partOf(entry: string): string | undefined {
  return entry.endsWith(PART_SUFFIX) ? entry.slice(0, -PART_SUFFIX.length) : undefined
}
