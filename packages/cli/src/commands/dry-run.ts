import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTransport, nodeCrypto, openStoreOrSetAside, openWorkspace, shareAs, silentLogger, systemClock } from '@collab/core'
import type { Workspace, WorkspaceKeys } from '@collab/core'
import { FolderSync, openFolder } from '@collab/folder'
import type { PlanLine } from '@collab/folder'
import { chooseReporter } from '../choose-reporter.js'
import { copyStore } from '../copy-store.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { lookAtFolder } from '../folder-facts.js'
import { peerIdOf } from '../network-options.js'
import { syncOnce } from '../once.js'
import { choosePlace } from '../place.js'
import { defaultName, networkOf } from '../run-session.js'
import type { System } from '../system.js'
import type { ResolvedTopic } from '../topic.js'
import type { JoinRequest } from './join.js'

export interface DryRunInit {
  readonly request: JoinRequest
  readonly system: System
  readonly topic: ResolvedTopic
  readonly keys: WorkspaceKeys
}

/**
 * Shows what a join would do: syncs into a copy of the store with read rights only, so that neither this machine nor
 * a peer is changed, and compares with the folder.
 */
export async function dryRun(init: DryRunInit): Promise<ExitCode> {
  const { request, system, topic } = init
  const records = system.home.records()
  const facts = lookAtFolder(request.folder, system.cwd, records)
  const { store } = choosePlace(facts, topic.keys.id, records)
  const temporary = mkdtempSync(join(tmpdir(), 'collab-dry-'))
  try {
    if (store !== undefined) await copyStore(system.home.storeDirectory(store.id), temporary, facts.folder)
    const isMissing = facts.kind === 'missing'
    const folder = isMissing ? join(temporary, 'folder') : facts.folder
    if (isMissing) mkdirSync(folder)
    const plan = await withoutTraces(folder, () => rehearse(init, temporary, folder))
    report(system, request.json, plan)
    return EXIT.ok
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

async function rehearse({ request, system, topic, keys }: DryRunInit, temporary: string, folder: string): Promise<readonly PlanLine[]> {
  const { store } = openStoreOrSetAside({ path: join(temporary, 'store.sqlite') })
  const network = networkOf(request, topic.addresses)
  const workspace = await openWorkspace({
    keys: shareAs(keys, 'read'),
    store,
    name: defaultName(),
    // Not the machine of the real store, and so not its keys either.
    machine: 'dry run',
    transport: (privateKey, handlers) =>
      createTransport({ ...network, privateKey, handlers, crypto: nodeCrypto, discoveryKey: keys.discoveryKey })
  })
  try {
    const fs = await openFolder({ root: folder, logger: silentLogger, clock: systemClock })
    try {
      await workspace.start()
      const peers = request.peer.map((address) => ({ address, peer: peerIdOf(address) }))
      const { code } = await syncOnce({ workspace, sync: undefined, peers, stop: system.stop })
      if (code !== EXIT.ok) system.io.error('collab: no peer could be reached; this is the plan without what peers have')
      return await new FolderSync({ workspace: withRights(workspace, keys.rights), fs }).dryRun()
    } finally {
      await fs.close()
    }
  } finally {
    await workspace.stop()
  }
}

/** The plan depends on the rights that the real run would have. */
function withRights(workspace: Workspace, rights: WorkspaceKeys['rights']): Workspace {
  return {
    id: workspace.id,
    rights,
    session: workspace.session,
    get tree() {
      return workspace.tree
    },
    rows: workspace.rows,
    blobs: workspace.blobs,
    on: (name, listener) => workspace.on(name, listener),
    start: () => workspace.start(),
    stop: () => workspace.stop(),
    dial: (addresses) => workspace.dial(addresses),
    [Symbol.asyncDispose]: () => workspace.stop(),
    openDoc: (name, options) => workspace.openDoc(name, options),
    openText: (path, options) => workspace.openText(path, options),
    documents: () => workspace.documents(),
    readText: (doc) => workspace.readText(doc),
    countChanges: (docs) => workspace.countChanges(docs),
    readTextAt: (doc, version) => workspace.readTextAt(doc, version),
    edit: (changes, rows) => workspace.edit(changes, rows),
    status: () => workspace.status(),
    history: (options) => workspace.history(options),
    past: (point) => workspace.past(point),
    deleted: () => workspace.deleted(),
    voids: () => workspace.voids(),
    prune: () => Promise.resolve(0),
    pin: (source) => workspace.pin(source),
    releaseMemory: () => workspace.releaseMemory(),
    whenSynced: (options) => workspace.whenSynced(options)
  }
}

/** Opening a folder makes its control directory; what was not there before and is empty goes again. */
async function withoutTraces<T>(folder: string, job: () => Promise<T>): Promise<T> {
  const control = join(folder, '.collab')
  const hadControl = existsSync(control)
  try {
    return await job()
  } finally {
    if (!hadControl && existsSync(control)) {
      for (const name of readdirSync(control)) rmdirSync(join(control, name))
      rmdirSync(control)
    }
  }
}

function report({ io }: System, json: boolean, plan: readonly PlanLine[]): void {
  const reporter = chooseReporter(io, json)
  const changes = plan.filter(({ action }) => action !== 'same')
  for (const line of json ? plan : changes) reporter.tell({ type: 'plan', ...line })
  const same = plan.length - changes.length
  if (!json) io.line(`${changes.length} to do, ${same} already the same; nothing was changed`)
  reporter.tell({ type: 'stopped', code: EXIT.ok })
  reporter.end()
}
