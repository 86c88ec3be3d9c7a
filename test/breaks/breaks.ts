/** One place of the code, broken on purpose: the tests named must notice. */
export interface Break {
  readonly name: string
  readonly file: string
  /** Stands once in the file. */
  readonly code: string
  /** What takes its place; it still compiles. */
  readonly broken: string
  readonly tests: readonly string[]
  /** Of the rules of these tests the one that it breaks. */
  readonly rule: string
}

const CORE = 'packages/core/src'
const FOLDER = 'packages/folder/src'
const CLI = 'packages/cli/src'

export const BREAKS: readonly Break[] = [
  {
    name: 'the end of a thread that was idle answers for the next one',
    file: `${FOLDER}/place-thread.ts`,
    code: '      if (this.#worker !== worker) return\n',
    broken: '',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK36'
  },
  {
    name: 'a thread that dies leaves whoever asked it waiting',
    file: `${FOLDER}/place-thread.ts`,
    code: '      for (const id of this.#waiting.keys()) this.#answer(id, undefined)\n',
    broken: '',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK37'
  },
  {
    name: 'closing ends the thread in the middle of its work',
    file: `${FOLDER}/place-thread.ts`,
    code: 'while (this.#waiting.size > 0) await',
    broken: 'if (this.#waiting.size < 0) await',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK35'
  },
  {
    name: 'the thread is not told how the disk spells a name',
    file: `${FOLDER}/place-thread.ts`,
    code: "path: spelling.names(item.path).join('/') as RelPath",
    broken: 'path: (spelling.names(item.path), item.path)',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK35'
  },
  {
    name: 'the thread gives new files permissions of its own',
    file: `${FOLDER}/place-worker.ts`,
    code: 'const context = { root, newFileMode,',
    broken: 'const context = { root, newFileMode: newFileMode & 0o600,',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK35'
  },
  {
    name: 'a file of many is linked in before it is on the disk',
    file: `${FOLDER}/place-many.ts`,
    code: '    await prepared.synced\n',
    broken: '',
    tests: ['test/faults/crash.test.ts', 'test/faults/errors.test.ts'],
    rule: 'FAULT1'
  },
  {
    name: 'of many files one that found its place taken leaves its temporary file',
    file: `${FOLDER}/place-many.ts`,
    code: "    if (result.kind !== 'written') dropTemp(context, prepared.temp)\n",
    broken: '',
    tests: ['test/disk/place-thread.test.ts'],
    rule: 'DISK35'
  },
  {
    name: 'what was deleted a moment ago does not count',
    file: `${FOLDER}/brake.ts`,
    code: 'files: total + recent,',
    broken: 'files: total,',
    tests: [`${FOLDER}/guard.test.ts`, `${FOLDER}/brakes.test.ts`, `${FOLDER}/restore.test.ts`],
    rule: 'GUARD4'
  },
  {
    name: 'what was sent before it was one of many is not taken back',
    file: `${FOLDER}/brakes.ts`,
    code: '    for (const path of sent) changes.push(...(await this.#undoSent(path)))\n',
    broken: '',
    tests: [`${FOLDER}/brakes.test.ts`],
    rule: 'GUARD8'
  },
  {
    name: 'a folder with the marker of another store is taken for this one',
    file: `${FOLDER}/root-watch.ts`,
    code: '(this.#anyStore || marker.store === this.#marker.store)',
    broken: '(this.#anyStore || marker.store !== undefined)',
    tests: [`${FOLDER}/brakes.test.ts`],
    rule: 'GUARD3'
  },
  {
    name: 'a file that a peer replaces stays a program that runs as its owner',
    file: `${FOLDER}/write.ts`,
    code: 'const PERMISSIONS = 0o777n',
    broken: 'const PERMISSIONS = 0o7777n',
    tests: [`${FOLDER}/node-fs.test.ts`],
    rule: 'DISK20'
  },
  {
    name: 'a file that changed without a trace in its times is replaced unread',
    file: `${FOLDER}/write.ts`,
    code: 'if (isSame && (hash === undefined || hashBytes(readFileSync(aside)) === hash)) return true',
    broken: 'if (isSame && (hash === undefined || readFileSync(aside).length >= 0)) return true',
    tests: ['test/disk/odd-disks.test.ts', `${FOLDER}/node-fs.test.ts`],
    rule: 'FAULT15'
  },
  {
    name: 'a symlink in the place of a parent is followed',
    file: `${FOLDER}/anchor.ts`,
    code: 'O_RDONLY | O_DIRECTORY | O_NOFOLLOW)',
    broken: 'O_RDONLY | O_DIRECTORY | (O_NOFOLLOW & 0))',
    tests: [`${FOLDER}/node-fs.test.ts`, `${FOLDER}/regressions.test.ts`],
    rule: 'DISK23'
  },
  {
    name: 'a directory that is held open is written to though it was moved away',
    file: `${FOLDER}/anchor.ts`,
    code: '  return stats?.dev === dev && stats.ino === ino\n',
    broken: '  return stats?.dev === dev && (stats.ino === ino || stats.ino !== ino)\n',
    tests: [`${FOLDER}/node-fs.test.ts`],
    rule: 'DISK34'
  },
  {
    name: 'a deleted directory that another moved loses what was in it',
    file: `${CORE}/doc/tree-deletions.ts`,
    code: 'if (isAtOrBelow(shown, this.#moved.get(entry))) continue',
    broken: 'if (shown === undefined) continue',
    tests: [`${CORE}/doc/tree.test.ts`, `${CORE}/doc/tree-reference.test.ts`],
    rule: 'TREE19'
  },
  {
    name: 'of a deleted directory that another moved only the directory itself is kept',
    file: `${CORE}/doc/tree-deletions.ts`,
    code: 'at = at.spot?.parent === at ? undefined : at.spot?.parent)',
    broken: 'at = undefined)',
    tests: [`${CORE}/doc/tree.test.ts`, `${CORE}/doc/tree-reference.test.ts`],
    rule: 'TREE19'
  },
  {
    name: 'a move that the deletion has seen keeps the directory',
    file: `${CORE}/doc/tree-deletions.ts`,
    code: '    else this.#moved.get(entry)?.delete(node)\n',
    broken: '',
    tests: [`${CORE}/doc/tree.test.ts`, `${CORE}/doc/tree-reference.test.ts`],
    rule: 'TREE19'
  },
  {
    name: 'what is new in a directory that a peer moved is made at its old place',
    file: `${FOLDER}/moved-directories.ts`,
    code: '    return checkPath(moved) === undefined ? moved : path\n',
    broken: '    return checkPath(moved) === undefined ? path : path\n',
    tests: ['test/sim/folder-moves.test.ts'],
    rule: 'SYNC43'
  },
  {
    name: 'what was deleted in a directory that a peer moved goes along',
    file: `${FOLDER}/moved-directories.ts`,
    code: '  return context.workspace.tree.get(row.node)?.node === entry.parent && entry.name === nameOf(path)\n',
    broken: '  return context.workspace.tree.get(row.node)?.node === entry.parent && entry.name !== nameOf(path)\n',
    tests: ['test/sim/folder-moves.test.ts'],
    rule: 'SYNC43'
  },
  {
    name: 'a directory that is being moved is made anew for a file of a peer',
    file: `${FOLDER}/moved-directories.ts`,
    code: '  context.dirty.add(directory)\n  return true\n',
    broken: '  context.dirty.add(directory)\n  return false\n',
    tests: ['test/sim/folder-moves.test.ts'],
    rule: 'SYNC44'
  },
  {
    name: 'a text that a crash may have put on the disk is taken for an edit',
    file: `${FOLDER}/ingest.ts`,
    code: 'const sinceWriteMs = this.#isInDoubt(path) ? 0 : ',
    broken: 'const sinceWriteMs = this.#isInDoubt(path) ? Infinity : ',
    tests: [`${FOLDER}/folder-sync.test.ts`],
    rule: 'BASE7'
  },
  {
    name: 'a save is compared with the text of now, not with the one that its editor had',
    file: `${FOLDER}/ingest.ts`,
    code: '    const best = await this.#best(content.text, {',
    broken: '    const best = await this.#best(content.text, (await this.#context.workspace.readText(base.doc).then(({ text, version }) => ({ doc: base.doc, agreed: { version, hash: hashText(text) }, ring: [] }))) ?? {',
    tests: [`${FOLDER}/regressions.test.ts`],
    rule: 'REG5'
  },
  {
    name: 'a newline stays when its line is replaced',
    file: `${CORE}/base/whole-lines.ts`,
    code: '    if (isRewritten(from, change)) replaced',
    broken: '    if (isRewritten(from, change) && from === change.edits.join()) replaced',
    tests: [`${CORE}/doc/whole-lines.test.ts`],
    rule: 'DIFF13'
  },
  {
    name: 'a line of which a word is left is replaced whole',
    file: `${CORE}/base/whole-lines.ts`,
    code: '  return hasNewline && !CONTENT.test(',
    broken: '  return hasNewline || CONTENT.test(',
    tests: [`${CORE}/doc/whole-lines.test.ts`],
    rule: 'DIFF14'
  },
  {
    name: 'what was saved just before the end is left for the next start',
    file: `${CLI}/last-state.ts`,
    code: '    if (sync !== undefined) await orAborted(sync.settled(), signal)\n',
    broken: '    if (sync === undefined) await orAborted(Promise.resolve(), signal)\n',
    tests: [`${CLI}/last-word.test.ts`],
    rule: 'CLI98'
  }
]
