import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { datedConflicts, listLocalEdits } from '@collab/folder'
import type { ConflictItem } from '@collab/folder'
import type { Request } from '../args.js'
import { askOrRun } from '../ask-or-run.js'
import { FailureError, UsageError } from '../cli-error.js'
import { askRunning } from '../control-client.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import type { Found } from '../find-store.js'
import { count, dateTime, table } from '../format.js'
import { show } from '../show.js'
import type { System } from '../system.js'

type ConflictsRequest = Extract<Request, { command: 'conflicts' }>

/** Lists the files that are kept beside another, or ends one conflict. */
export async function conflicts(request: ConflictsRequest, system: System): Promise<ExitCode> {
  const found = findStore(request.path, system)
  const { record, inside } = found
  const { keep, json } = request
  if (keep === undefined) return await list(found, json, system)
  if (inside === '') throw new UsageError('say which conflict copy; collab conflicts lists them')
  if (keep === 'merge') return await mergeInEditor(found, system)
  const { path } = await askOrRun({ ask: 'resolve', path: inside, keep }, record, system)
  const done = path === undefined ? `${show(inside)} is deleted; collab restore brings it back` : `the copy is now ${show(path)}`
  system.io.line(json ? JSON.stringify({ path: inside, keep, ...(path !== undefined && { to: path }) }) : done)
  return EXIT.ok
}

async function list({ record, inside }: Found, json: boolean, system: System): Promise<ExitCode> {
  const { io } = system
  const all = (await askRunning(system.home.storeDirectory(record.id), { ask: 'conflicts' })) ?? (await fromStore())
  const here = (path: string): boolean => inside === '' || path === inside || path.startsWith(`${inside}/`)
  const items = all.filter(({ path, original }) => here(path) || here(original))
  const local = record.folder === undefined ? [] : listLocalEdits(record.folder).filter(here)
  if (json) {
    for (const item of items) io.line(JSON.stringify({ type: 'conflict', ...item }))
    for (const path of local) io.line(JSON.stringify({ type: 'local-edit', path }))
    return EXIT.ok
  }
  if (items.length + local.length === 0) io.line('no conflicts')
  for (const line of table([...items.map(row), ...local.map((path) => ['yours, not sent', '', show(path), 'the link only lets you read'])])) io.line(line)
  if (items.length > 0) io.line(`${count(items.length, 'conflict')}; collab conflicts <copy> --keep original|copy|both|merge ends one`)
  return EXIT.ok

  async function fromStore(): Promise<readonly ConflictItem[]> {
    const { readStore } = await import('../read-store.js')
    return await readStore(record, system, datedConflicts)
  }
}

function row({ who, path, original, kind, at }: ConflictItem): readonly string[] {
  const beside = kind === 'free' ? `${show(original)} is free again` : `beside ${kind === 'directory' ? 'the folder ' : ''}${show(original)}`
  return [`${show(who)}'s`, at === undefined ? '' : dateTime(at), show(path), beside]
}

/** Every line of both in an editor; what is saved there becomes the text of the original, and the copy goes. */
async function mergeInEditor({ record, inside }: Found, system: System): Promise<ExitCode> {
  const texts = await askOrRun({ ask: 'conflict-texts', path: inside }, record, system)
  const directory = mkdtempSync(join(tmpdir(), 'collab-merge-'))
  try {
    const file = join(directory, basename(inside))
    writeFileSync(file, texts.merged, { mode: 0o600 })
    edit(file, system)
    await askOrRun({ ask: 'merge', path: inside, base: texts.base, text: readFileSync(file, 'utf8') }, record, system)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  system.io.line(`merged; ${show(inside)} is deleted, collab restore brings it back`)
  return EXIT.ok
}

/** The variable may hold arguments too, so a shell reads it; the path goes beside it, never into it. */
function edit(file: string, { env }: System): void {
  const editor = [env['VISUAL'], env['EDITOR']].find((editor) => editor !== undefined && editor !== '')
  if (editor === undefined) throw new FailureError('no editor is set; set EDITOR, or use --keep original, copy or both')
  const { status, error } = spawnSync('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit' })
  if (status !== 0) throw new FailureError('the editor did not end well; nothing was changed', { cause: error })
}
