import { readdirSync, renameSync, unlinkSync } from 'node:fs'
import { makeAnchor, openAnchor, parentFact } from './anchor.js'
import { lookAt } from './disk-fact.js'
import { moveBack } from './durable.js'
import type { RelPath } from './rel-path.js'
import { CONTROL_DIRECTORY } from './rel-path.js'
import type { DiskFact } from './signature.js'
import type { DiskContext } from './write.js'

/** What has exactly this name, as the disk spells it. */
export function lookAtNamed(context: DiskContext, path: RelPath): DiskFact {
  const names = context.spelling.names(path)
  try {
    using parent = openAnchor(context.root, names.slice(0, -1))
    return lookAt(parent.entry(names.at(-1) ?? ''))
  } catch {
    return parentFact(context.root, names.slice(0, -1))
  }
}

/** Brings a displaced file back to where it was, making its parents; false when something else is there by now. */
export function bringBack(context: DiskContext, id: string, path: RelPath): boolean {
  const names = context.spelling.names(path)
  using parent = makeAnchor(context.root, names.slice(0, -1))
  using trash = context.trash.anchor()
  return moveBack(trash.entry(id), parent.entry(names.at(-1) ?? ''))
}

/** Puts the file at `path` into the trash, whose note is there already. */
export function putAside(context: DiskContext, id: string, path: RelPath): void {
  const names = context.spelling.names(path)
  using parent = openAnchor(context.root, names.slice(0, -1))
  using trash = context.trash.anchor()
  renameSync(parent.entry(names.at(-1) ?? ''), trash.entry(id))
}

/** Takes the name `second` away from a file that is called `first` too; false when it is not the same file. */
export function dropSecondName(context: DiskContext, first: RelPath, second: RelPath): boolean {
  const [one, other] = [lookAtNamed(context, first), lookAtNamed(context, second)]
  if (one.kind !== 'file' || other.kind !== 'file' || one.signature.ino !== other.signature.ino || other.links < 2) return false
  dropName(context, second)
  return true
}

/** Takes a name away from a file that has others. */
export function dropName({ root, spelling }: DiskContext, path: RelPath): void {
  const names = spelling.names(path)
  using parent = openAnchor(root, names.slice(0, -1))
  unlinkSync(parent.entry(names.at(-1) ?? ''))
}

/** Whether a file of this inode is anywhere in the folder but at `except`. Looks at all of it; what cannot be read has none. */
export function isElsewhere({ root, spelling }: DiskContext, ino: bigint, except: RelPath): boolean {
  const old = spelling.names(except).join('/')
  const isBelow = (names: readonly string[]): boolean => {
    try {
      using directory = openAnchor(root, names)
      return readdirSync(directory.at).some((name) => {
        if (names.length === 0 && name === CONTROL_DIRECTORY) return false
        const path = [...names, name]
        const fact = lookAt(directory.entry(name))
        return fact.kind === 'directory' ? isBelow(path) : fact.kind === 'file' && fact.signature.ino === ino && path.join('/') !== old
      })
    } catch {
      return false
    }
  }
  return isBelow([])
}
