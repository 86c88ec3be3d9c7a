import { readFileSync, readdirSync, statSync, statfsSync } from 'node:fs'
import { platform } from 'node:os'
import { count, fileSize } from '../format.js'
import { fail, ok, warn } from './finding.js'
import type { Finding } from './finding.js'

/** Below this much free space a large save or a first sync may fail. */
const LITTLE_SPACE = 256 * 1024 ** 2
/** Below this much nothing can be relied on. */
const NO_SPACE = 16 * 1024 ** 2
const MAX_WATCHES = '/proc/sys/fs/inotify/max_user_watches'
/** NFS, SMB (two), 9p, FUSE: changes made elsewhere give no events here. */
const EVENTLESS_TYPES = new Set([0x6969, 0xff534d42, 0xfe534d42, 0x01021997, 0x65735546])

export function examineHome(home: string): readonly Finding[] {
  const isOpen = platform() !== 'win32' && (statSync(home).mode & 0o077) !== 0
  return [isOpen ? warn('home', `others on this machine can read ${home}`, `run chmod 700 ${home}`) : ok('home', `${home} is private`)]
}

export function examineSpace(places: readonly string[]): readonly Finding[] {
  return places.map((place) => {
    const { bavail, bsize } = statfsSync(place)
    const free = bavail * bsize
    const message = `${fileSize(free)} free for ${place}`
    if (free < NO_SPACE) return fail('space', message, 'free some: nothing more can be saved')
    return free < LITTLE_SPACE ? warn('space', message, 'free some, or run collab trash --empty') : ok('space', message)
  })
}

/** Whether every directory of the folder can be watched. */
export function examineWatches(folder: string): readonly Finding[] {
  if (EVENTLESS_TYPES.has(statfsSync(folder).type)) return [warn('watches', 'this file system tells nothing of changes made on other machines', 'they are found by listing, every 15 seconds')]
  if (platform() !== 'linux') return [ok('watches', 'no limit is known on this system')]
  const limit = Number(readFileSync(MAX_WATCHES, 'utf8'))
  const directories = 1 + readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory()).length
  const message = `${count(directories, 'directory', 'directories')}, ${limit.toLocaleString('en-US')} watches for all programs of this user`
  if (directories * 2 <= limit) return [ok('watches', message)]
  return [warn('watches', message, 'raise the limit: sudo sysctl fs.inotify.max_user_watches=1048576 (and put it into /etc/sysctl.d to keep it)')]
}
