import type { FolderFs } from '@collab/folder'
import type { VirtualClock } from '../virtual-clock.js'
import type { SeededRandom } from '../random.js'
import type { MemoryDisk } from './memory-disk.js'

type RelPath = Parameters<FolderFs['fact']>[0]

export interface WatcherFaults {
  /** Part of the events that never come. */
  readonly loss: number
  /** Part of the events that come twice. */
  readonly duplication: number
  /** Longest delay of an event in virtual milliseconds: more than 0 shuffles them. */
  readonly delayMs: number
}

/** Watches a disk in memory, as badly as `faults` says. */
export function badWatcher(disk: MemoryDisk, clock: VirtualClock, random: SeededRandom, faults: WatcherFaults): Pick<FolderFs, 'watch' | 'caughtUp'> {
  const caughtUp = (): Promise<void> => new Promise((resolve) => void clock.after(faults.delayMs, resolve))
  const watch: FolderFs['watch'] = async (onHint, rules) => {
    let stopped = false
    const tell = (path: RelPath): void => {
      clock.after(random.int(faults.delayMs + 1), () => (stopped ? undefined : onHint({ paths: [path] })))
    }
    const stop = disk.onChange((diskPath) => {
      const path = diskPath.normalize('NFC') as RelPath
      if (path === '' || path.startsWith('.collab') || rules.ignores(path, false) || random.chance(faults.loss)) return
      tell(path)
      if (random.chance(faults.duplication)) tell(path)
    })
    await Promise.resolve()
    return async () => {
      stopped = true
      stop()
      await Promise.resolve()
    }
  }
  return { watch, caughtUp }
}
