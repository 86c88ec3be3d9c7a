import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Names this machine, so that a home that was copied to another one is noticed. Never leaves the store. */
export function machineId(home: string): string {
  return `${systemId() ?? ownId(home)}/${hostname()}`
}

function systemId(): string | undefined {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const id = readOr(path)
    if (id !== undefined && /^[0-9a-f]{32}$/.test(id)) return id
  }
  return undefined
}

/** Where the system has no id: a random one, kept in the home. */
function ownId(home: string): string {
  const path = join(home, 'machine-id')
  const known = readOr(path)
  if (known !== undefined && known !== '') return known
  const id = randomBytes(16).toString('hex')
  writeFileSync(path, `${id}\n`, { mode: 0o600 })
  return id
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}
