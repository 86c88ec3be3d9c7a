import type { LastState } from './json-events.js'
import { orAborted } from './once.js'
import type { Session } from './session.js'

/** What was saved just before the end was asked for is read and sent within this time; nobody waits longer for it. */
const LAST_LOOK_MS = 2_000

type Looked = Pick<Session, 'workspace' | 'sync'>

/** Takes up what just changed in the folder, and lets the peers have it, as far as that is quickly done. */
export async function lastLook({ workspace, sync }: Looked, withinMs = LAST_LOOK_MS): Promise<void> {
  const signal = AbortSignal.timeout(withinMs)
  try {
    if (sync !== undefined) await orAborted(sync.settled(), signal)
    if (workspace.status().peers.length > 0) await workspace.whenSynced({ signal })
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** How things stand as a session ends. */
export function lastState({ workspace, sync }: Looked): LastState {
  const { peers } = workspace.status()
  const transfers = workspace.blobs.status()
  const folder = sync?.status()
  return {
    peers: peers.length,
    complete: peers.filter(({ synced }) => synced).length,
    waiting: folder?.dirty ?? 0,
    fetching: folder?.fetching ?? transfers.active.length + transfers.waiting,
    serving: transfers.serving,
    confirm: folder?.guard !== undefined
  }
}
