import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'

const MiB = 1024 * 1024

/** A file of random bytes: nothing in it is like anything else. */
export function writeRandom(path: string, mebibytes: number): void {
  const fd = openSync(path, 'w')
  for (let at = 0; at < mebibytes; at++) writeSync(fd, randomBytes(MiB))
  closeSync(fd)
}
