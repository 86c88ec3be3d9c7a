import { lookAtFolder } from '../folder-facts.js'
import { count, fileSize } from '../format.js'
import type { StoreRecord } from '../store-record.js'
import type { System } from '../system.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

const LARGE_TRASH = 512 * 1024 ** 2

/** Whether the folder is there and is the one that was joined, and what lies in its trash. */
export async function examineFolder({ id, folder = '', workspace }: StoreRecord, { cwd, home }: System): Promise<readonly Finding[]> {
  const { kind, marker } = lookAtFolder(folder, cwd, home.records())
  if (kind !== 'directory') return [fail('folder', `${folder} is ${kind === 'missing' ? 'missing' : 'not a folder'}`, 'mount the disk or put it back; if it moved, join it at its new place')]
  if (marker === undefined) return [fail('marker', 'the folder has no sound .collab/marker.json', 'if this is the right folder, start collab join and collab confirm: nothing is deleted by that')]
  if (marker.workspace !== workspace) return [fail('marker', 'the folder was joined to another topic', 'use the folder that was joined, or another COLLAB_HOME')]
  if (marker.store !== id) return [fail('marker', 'another store has the folder', 'join it again from here, or use the COLLAB_HOME that has it')]
  const { readTrash } = await import('@collab/folder')
  const items = readTrash(folder)
  const bytes = items.reduce((sum, { size }) => sum + size, 0)
  const trash = `${count(items.length, 'file')}, ${fileSize(bytes)}`
  return [ok('folder', folder), ok('marker', 'ours'), bytes > LARGE_TRASH ? warn('trash', trash, 'collab trash --empty deletes it for good') : ok('trash', trash)]
}
