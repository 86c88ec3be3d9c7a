import type { JoinOptions } from './node-join-workspace.js'
import { joinWorkspace } from './node-join-workspace.js'
import type { Workspace } from './workspace-types.js'

/** A joined workspace, for as long as somebody uses it. */
export interface SharedWorkspace {
  readonly workspace: Workspace
  /** The last one to release it stops it. */
  release(): Promise<void>
}

const shared = new Map<string, { readonly joining: Promise<Workspace>; users: number }>()

/** Joins a topic, once for all in this process who name the same topic and file: one peer serves many documents. */
export async function shareWorkspace(topic: string, options: JoinOptions): Promise<SharedWorkspace> {
  const key = JSON.stringify([topic, options.file ?? null])
  const entry = shared.get(key) ?? { joining: joinWorkspace(topic, options), users: 0 }
  shared.set(key, entry)
  entry.users++
  const release = async (): Promise<void> => {
    if (--entry.users > 0) return
    if (shared.get(key) === entry) shared.delete(key)
    await (await entry.joining).stop()
  }
  try {
    return { workspace: await entry.joining, release }
  } catch (error) {
    if (shared.get(key) === entry) shared.delete(key)
    throw error
  }
}
