import { readTrash } from '@collab/folder'
import type { Request } from '../args.js'
import { askOrRun } from '../ask-or-run.js'
import { FailureError } from '../cli-error.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { findStore } from '../find-store.js'
import { count, dateTime, fileSize, table } from '../format.js'
import { show } from '../show.js'
import type { System } from '../system.js'

/** What lies in `.collab/trash`, newest first; or deletes it for good. */
export async function trash(request: Extract<Request, { command: 'trash' }>, system: System): Promise<ExitCode> {
  const { record } = findStore(request.folder, system)
  if (record.folder === undefined) throw new FailureError('this workspace is held without a folder: it has no trash')
  const { io } = system
  if (request.empty) {
    const result = await askOrRun({ ask: 'empty-trash' }, record, system)
    const left = readTrash(record.folder).length
    const rest = left === 0 ? '' : `; ${left} that a program may still have open ${left === 1 ? 'stays' : 'stay'} for a minute`
    io.line(request.json ? JSON.stringify({ removed: result.removed, left }) : `${count(result.removed, 'file')} deleted for good${rest}`)
    return EXIT.ok
  }
  const items = readTrash(record.folder).toReversed()
  if (request.json) for (const item of items) io.line(JSON.stringify(item))
  else if (items.length === 0) io.line('the trash is empty')
  else {
    for (const line of table(items.map(({ at, why, size, path, id }) => [dateTime(at), why, fileSize(size), id, show(path)]))) io.line(line)
    const bytes = items.reduce((sum, { size }) => sum + size, 0)
    io.line(`${count(items.length, 'file')}, ${fileSize(bytes)}; collab restore <path> --at <id> takes one out`)
  }
  return EXIT.ok
}
