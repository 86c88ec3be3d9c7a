import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openStoreOrSetAside } from '@collab/core'
import type { KvStore } from '@collab/core'
import { copyStore } from '../copy-store.js'
import { count } from '../format.js'
import { fail, ok } from './finding.js'
import type { Finding } from './finding.js'

/** The tables that cannot be made anew from others. */
const TABLES = ['header', 'body', 'chain', 'heads', 'segment', 'place', 'meta', 'tree', 'doc', 'step', 'page', 'member', 'folder_base'] as const
/** Rows in memory at once. */
const PAGE = 512

/** Reads a copy of the store whole: SQLite's own check, then the checksum of every row. */
export async function examineStore(directory: string): Promise<readonly Finding[]> {
  if (!existsSync(join(directory, 'store.sqlite'))) return [fail('store', 'there is none', 'join the folder again: it is built anew from the folder and the peers')]
  const temporary = mkdtempSync(join(tmpdir(), 'collab-doctor-'))
  try {
    await copyStore(directory, temporary, undefined)
    const { store, setAside } = openStoreOrSetAside({ path: join(temporary, 'store.sqlite') })
    try {
      if (setAside !== undefined) return [damaged('its file is not a sound database')]
      let rows = 0
      for (const table of TABLES) rows += await readAll(store, table)
      return [ok('store', `sound, ${count(rows, 'row')}`)]
    } catch (error) {
      return [damaged(error instanceof Error ? error.message : String(error))]
    } finally {
      await store.close()
    }
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function damaged(why: string): Finding {
  return fail('store', `damaged: ${why}`, 'start collab join: it is set aside and built anew from the folder and the peers')
}

async function readAll(store: KvStore, table: string): Promise<number> {
  let rows = 0
  for (let from = ''; ; ) {
    const page = await store.scan(table, { from, limit: PAGE })
    rows += page.length
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return rows
    from = `${last[0]}\u0000`
  }
}
