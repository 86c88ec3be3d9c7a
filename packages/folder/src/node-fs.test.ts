import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger, systemClock } from '@collab/core'
import { describe, expect, it } from 'vitest'
import { confirmAbsent } from './absence.js'
import type { HeldChange } from './folder-fs.js'
import { createIgnoreRules } from './ignore.js'
import { openFolder } from './node-fs.js'
import type { Signature } from './signature.js'
import { eventually, path, readStable, signatureAt, testFolder } from './testing/disk-harness.js'

const isAdministrator = process.getuid?.() === 0
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const old = (file: string): void => utimesSync(file, 1, 1)

describe('looking at the disk', () => {
  it('[DISK11] says what is at a path and follows no symlink', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    mkdirSync(at('d/e'), { recursive: true })
    writeFileSync(at('d/f.md'), 'text', { mode: 0o755 })
    symlinkSync(tmpdir(), at('link'))
    execFileSync('mkfifo', [at('pipe')])
    expect(fs.fact(path('d'))).toEqual({ kind: 'directory' })
    expect(fs.fact(path('d/f.md'))).toMatchObject({ kind: 'file', executable: true, links: 1, signature: { size: 4n } })
    expect(fs.fact(path('link'))).toEqual({ kind: 'other', what: 'symlink' })
    expect(fs.fact(path('link/x'))).toEqual({ kind: 'other', what: 'symlink' })
    expect(fs.fact(path('pipe'))).toEqual({ kind: 'other', what: 'fifo' })
    expect([fs.fact(path('no')), fs.fact(path('no/x')), fs.fact(path('d/f.md/x'))]).toEqual([{ kind: 'absent' }, { kind: 'absent' }, { kind: 'absent' }])
  })

  it('[DISK64] a file from the future that came to rest is at rest for the next reader too, until it changes', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    const ahead = Date.now() / 1000 + 86_400
    writeFileSync(at('a.md'), 'text\n')
    utimesSync(at('a.md'), ahead, ahead)
    expect((await readStable(fs, 'a.md')).kind).toBe('stable')
    expect((await fs.read(path('a.md'))).kind).toBe('stable')
    writeFileSync(at('a.md'), 'another text\n')
    utimesSync(at('a.md'), ahead + 1, ahead + 1)
    expect((await fs.read(path('a.md'))).kind).toBe('unstable')
  })

  it('[DISK12] lists the whole tree but what is ignored, and says what it skipped', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    mkdirSync(at('a/b'), { recursive: true })
    mkdirSync(at('node_modules/x'), { recursive: true })
    mkdirSync(at('.git'))
    for (const file of ['a/b/one.md', 'a/two.md', 'node_modules/x/y.js', 'three.md', 'three.md~', 'back\\slash']) writeFileSync(at(file), file)
    writeFileSync(Buffer.concat([Buffer.from(`${folder.root}/bad-`), Buffer.from([0xff])]), '')
    writeFileSync(at('real-\u{fffd}.md'), '')
    symlinkSync('three.md', at('link'))
    const listing = await fs.scan(createIgnoreRules())
    expect([...listing.entries.keys()].sort()).toEqual(['a', 'a/b', 'a/b/one.md', 'a/two.md', 'link', 'real-\u{fffd}.md', 'three.md'])
    expect(listing.skipped.map((each) => each.path).sort()).toEqual(['back\\slash', 'bad-\u{fffd}', 'link'])
    expect([...(fs.list(path('a'))?.entries.keys() ?? [])].sort()).toEqual(['a/b', 'a/two.md'])
    expect([fs.list(path('none')), fs.list(path('link')), fs.list(path('three.md'))]).toEqual([undefined, undefined, undefined])
  })

  it('[DISK13] gives a decomposed name its composed path, and of two spellings only one', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    mkdirSync(at('e\u0301'))
    writeFileSync(at('e\u0301/o\u0308.md'), 'apart')
    writeFileSync(at('u\u0308.md'), 'apart')
    writeFileSync(at('\u00fc.md'), 'together')
    const listing = await fs.scan(createIgnoreRules())
    expect([...listing.entries.keys()].sort()).toEqual(['\u00e9', '\u00e9/\u00f6.md', '\u00fc.md'])
    expect(listing.skipped).toHaveLength(1)
    expect(await readStable(fs, '\u00e9/\u00f6.md')).toMatchObject({ kind: 'stable', bytes: bytes('apart') })
    expect(await readStable(fs, '\u00fc.md')).toMatchObject({ kind: 'stable', bytes: bytes('together') })
    const written = await fs.replace(path('\u00e9/\u00f6.md'), bytes('new'), { expect: signatureAt(fs, '\u00e9/\u00f6.md'), executable: false })
    expect([written.kind, readdirSync(at('e\u0301')), readdirSync(folder.root).includes('\u00e9')]).toEqual(['written', ['o\u0308.md'], false])
  })

  it('[DISK14] a missing folder is an error, never an empty one', async () => {
    await using folder = await testFolder()
    renameSync(folder.root, `${folder.root}-away`)
    try {
      await expect(folder.fs.scan(createIgnoreRules())).rejects.toMatchObject({ name: 'FolderMissingError' })
      expect(await folder.fs.replace(path('x'), bytes('x'), { expect: 'absent', executable: false })).toMatchObject({ kind: 'blocked' })
      expect(existsSync(folder.root)).toBe(false)
    } finally {
      renameSync(`${folder.root}-away`, folder.root)
    }
  })

  it.skipIf(isAdministrator)('[DISK15] a file or directory that may not be read is unreadable, not absent', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    mkdirSync(at('shut'))
    writeFileSync(at('shut/x'), '')
    writeFileSync(at('mute'), 'x')
    chmodSync(at('mute'), 0)
    chmodSync(at('shut'), 0)
    try {
      const listing = await fs.scan(createIgnoreRules())
      expect(listing.entries.get(path('shut'))).toMatchObject({ kind: 'unreadable' })
      expect(fs.fact(path('shut/x'))).toMatchObject({ kind: 'unreadable' })
      expect(await fs.read(path('mute'))).toMatchObject({ kind: 'unreadable' })
    } finally {
      chmodSync(at('shut'), 0o700)
    }
  })

  it('[DISK16] reads neither a FIFO nor through a symlink, and comes back at once', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    execFileSync('mkfifo', [at('pipe')])
    symlinkSync('/etc', at('etc'))
    symlinkSync('/etc/hostname', at('host'))
    expect(await fs.read(path('pipe'))).toEqual({ kind: 'other', what: 'fifo' })
    expect(await fs.read(path('host'))).toEqual({ kind: 'other', what: 'symlink' })
    expect(await fs.read(path('etc/hostname'))).toEqual({ kind: 'other', what: 'symlink' })
    expect(await fs.read(path('none'))).toEqual({ kind: 'absent' })
  })

  it('[DISK17] does not read what is too large', async () => {
    await using folder = await testFolder()
    writeFileSync(folder.at('big.md'), '12345')
    expect(await folder.fs.read(path('big.md'), { maxBytes: 4 })).toMatchObject({ kind: 'too-large', size: 5, executable: false })
  })

  it('[DISK18] absence counts after a while and a second look', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    const asked = confirmAbsent(fs, [path('gone.md'), path('saved.md')], systemClock)
    writeFileSync(at('saved.md'), 'back')
    expect(await asked).toEqual(['gone.md'])
  })
})

describe('writing to the disk', () => {
  it('[DISK20] replaces a file, keeps its permissions and holds the old one', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a.md'), 'old')
    chmodSync(at('a.md'), 0o640)
    const result = await fs.replace(path('a.md'), bytes('new'), { expect: signatureAt(fs, 'a.md'), executable: false })
    expect(result).toMatchObject({ kind: 'written', signature: signatureAt(fs, 'a.md') })
    expect([readFileSync(at('a.md'), 'utf8'), lstatSync(at('a.md')).mode & 0o777, lstatSync(at('a.md')).nlink]).toEqual(['new', 0o640, 1])
    const held = result.kind === 'written' ? result.held : undefined
    expect(readFileSync(at(`.collab/trash/${held}`), 'utf8')).toBe('old')
    expect([readdirSync(at('.collab/temp')), lstatSync(at('.collab')).mode & 0o777]).toEqual([[], 0o700])
  })

  it('[DISK20] lets no new content run as the owner of the file', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('tool'), 'old')
    chmodSync(at('tool'), 0o6755)
    expect(lstatSync(at('tool')).mode & 0o7777).toBe(0o6755)
    expect(await fs.replace(path('tool'), bytes('new'), { expect: signatureAt(fs, 'tool'), executable: true })).toMatchObject({ kind: 'written' })
    expect([readFileSync(at('tool'), 'utf8'), lstatSync(at('tool')).mode & 0o7777]).toEqual(['new', 0o755])
  })

  it('[DISK21] does not touch a file that is not the expected one', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a.md'), 'seen')
    const expected = signatureAt(fs, 'a.md')
    writeFileSync(at('a.md'), 'edited')
    const options = { expect: expected, executable: false }
    expect(await fs.replace(path('a.md'), bytes('remote'), options)).toEqual({ kind: 'changed' })
    expect(await fs.remove(path('a.md'), options)).toEqual({ kind: 'changed' })
    expect(await fs.move(path('a.md'), path('b.md'), options)).toEqual({ kind: 'changed' })
    expect(await fs.setExecutable(path('a.md'), true, options)).toEqual({ kind: 'changed' })
    rmSync(at('a.md'))
    mkdirSync(at('a.md'))
    expect(await fs.replace(path('a.md'), bytes('remote'), options)).toEqual({ kind: 'changed' })
    expect([readdirSync(at('.collab/temp')), readdirSync(at('.collab/trash')), existsSync(at('b.md'))]).toEqual([[], [], false])
  })

  it('[DISK34] looks again at a file whose directory is moved away while it is replaced, removed or moved', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    for (const [name, act] of Object.entries({
      replaced: (expect) => fs.replace(path('d/a.md'), bytes('remote'), { expect, executable: false }),
      removed: (expect) => fs.remove(path('d/a.md'), { expect }),
      moved: (expect) => fs.move(path('d/a.md'), path('b.md'), { expect })
    } satisfies Record<string, (expect: Signature) => Promise<{ readonly kind: string }>>)) {
      mkdirSync(at('d'))
      writeFileSync(at('d/a.md'), 'text')
      const result = act(signatureAt(fs, 'd/a.md'))
      renameSync(at('d'), at(name))
      expect((await result).kind).toBe(name === 'moved' ? 'absent' : 'changed')
      expect(readFileSync(at(`${name}/a.md`), 'utf8')).toBe('text')
    }
    expect([readdirSync(at('.collab/temp')), readdirSync(at('.collab/trash')), existsSync(at('b.md'))]).toEqual([[], [], false])
  })

  it('[DISK34] writes into the directory that is at the path, not into the one that was', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    mkdirSync(at('d'))
    writeFileSync(at('d/a.md'), 'text')
    expect(fs.fact(path('d/a.md')).kind).toBe('file')
    renameSync(at('d'), at('moved'))
    mkdirSync(at('d'))
    expect(fs.fact(path('d/a.md')).kind).toBe('absent')
    expect(await fs.replace(path('d/b.md'), bytes('new'), { expect: 'absent', executable: false })).toMatchObject({ kind: 'written' })
    expect([readdirSync(at('d')), readdirSync(at('moved'))]).toEqual([['b.md'], ['a.md']])
  })

  it('[DISK22] a new file never takes the place of another; missing parents are made', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    const place = (name: string, executable = false) => fs.replace(path(name), bytes('new'), { expect: 'absent', executable })
    expect(await place('x/y/z.sh', true)).toMatchObject({ kind: 'written', signature: signatureAt(fs, 'x/y/z.sh') })
    expect(lstatSync(at('x/y/z.sh')).mode & 0o100).toBe(0o100)
    writeFileSync(at('mine'), 'mine')
    expect(await place('mine')).toEqual({ kind: 'exists' })
    expect(await place('mine/below')).toMatchObject({ kind: 'blocked', reason: expect.stringContaining('directory') as string })
    expect(await place('x')).toEqual({ kind: 'exists' })
    expect(readFileSync(at('mine'), 'utf8')).toBe('mine')
  })

  it('[DISK23] nothing is written through a symlinked parent', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    const outside = mkdtempSync(join(tmpdir(), 'outside-'))
    try {
      writeFileSync(join(outside, 'a.md'), 'theirs')
      mkdirSync(at('d'))
      writeFileSync(at('d/a.md'), 'theirs')
      const options = { expect: signatureAt(fs, 'd/a.md'), executable: false }
      renameSync(at('d'), at('real'))
      symlinkSync(outside, at('d'))
      const results = [
        await fs.replace(path('d/a.md'), bytes('ours'), options),
        await fs.replace(path('d/new.md'), bytes('ours'), { expect: 'absent', executable: false }),
        await fs.remove(path('d/a.md'), options),
        await fs.move(path('real/a.md'), path('d/b.md'), { expect: signatureAt(fs, 'real/a.md') }),
        await fs.makeDirectory(path('d/sub')),
        await fs.removeDirectory(path('d')),
        (await fs.placeMany([{ path: path('d/many.md'), text: 'ours', executable: false }]))[0]
      ]
      expect(results.map((result) => result?.kind)).toEqual(['blocked', 'blocked', 'blocked', 'blocked', 'blocked', 'blocked', 'blocked'])
      expect([readdirSync(outside), readFileSync(join(outside, 'a.md'), 'utf8')]).toEqual([['a.md'], 'theirs'])
    } finally {
      rmSync(outside, { recursive: true })
    }
  })

  it('[DISK24] a removed file goes into the trash', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a.md'), 'keep me')
    const result = await fs.remove(path('a.md'), { expect: signatureAt(fs, 'a.md') })
    expect([result.kind, existsSync(at('a.md'))]).toEqual(['removed', false])
    expect(await fs.trash()).toMatchObject([{ path: 'a.md', why: 'removed', size: 7 }])
    expect(await fs.remove(path('a.md'), { expect: { ino: 1n, size: 1n, mtimeNs: 1n, ctimeNs: 1n } })).toEqual({ kind: 'absent' })
  })

  it('[DISK25] moves a file without a moment in which something could be overwritten', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a.md'), 'text')
    writeFileSync(at('taken.md'), 'other')
    const { ino } = lstatSync(at('a.md'))
    expect(await fs.move(path('a.md'), path('taken.md'), { expect: signatureAt(fs, 'a.md') })).toEqual({ kind: 'exists' })
    const moved = await fs.move(path('a.md'), path('n/b.md'), { expect: signatureAt(fs, 'a.md') })
    expect(moved).toMatchObject({ kind: 'moved', signature: signatureAt(fs, 'n/b.md') })
    expect([lstatSync(at('n/b.md')).ino, lstatSync(at('n/b.md')).nlink, existsSync(at('a.md')), readdirSync(at('.collab/trash'))]).toEqual([ino, 1, false, []])
    expect(readFileSync(at('taken.md'), 'utf8')).toBe('other')
  })

  it('[DISK26] directories are made, moved when the place is free, and removed only when empty', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    expect([await fs.makeDirectory(path('a/b')), await fs.makeDirectory(path('a/b'))]).toEqual([{ kind: 'made' }, { kind: 'exists' }])
    writeFileSync(at('a/b/x'), '')
    writeFileSync(at('c'), '')
    expect(await fs.removeDirectory(path('a/b'))).toEqual({ kind: 'not-empty' })
    expect(await fs.moveDirectory(path('a'), path('c'))).toEqual({ kind: 'exists' })
    expect(await fs.moveDirectory(path('a'), path('d'))).toEqual({ kind: 'moved' })
    rmSync(at('d/b/x'))
    expect([await fs.removeDirectory(path('d/b')), await fs.removeDirectory(path('d/b'))]).toEqual([{ kind: 'removed' }, { kind: 'absent' }])
    expect(await fs.makeDirectory(path('c'))).toMatchObject({ kind: 'blocked' })
  })

  it('[DISK27] sets the executable bit for those who may read', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a'), '')
    chmodSync(at('a'), 0o640)
    expect(await fs.setExecutable(path('a'), true, { expect: signatureAt(fs, 'a') })).toMatchObject({ kind: 'set', signature: signatureAt(fs, 'a') })
    expect(lstatSync(at('a')).mode & 0o777).toBe(0o750)
    await fs.setExecutable(path('a'), false, { expect: signatureAt(fs, 'a') })
    expect(lstatSync(at('a')).mode & 0o777).toBe(0o640)
  })

  it('[DISK28] places many files at once, each in its own right', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('7.md'), 'mine')
    const items = Array.from({ length: 300 }, (_, i) => ({ path: path(i === 7 ? '7.md' : `d${i % 10}/${i}.md`), text: `${i}`, executable: false }))
    const results = await fs.placeMany(items)
    expect(results.filter((result) => result.kind === 'written')).toHaveLength(299)
    expect(results[7]).toEqual({ kind: 'exists' })
    expect([readFileSync(at('d3/123.md'), 'utf8'), readFileSync(at('7.md'), 'utf8'), readdirSync(at('.collab/temp'))]).toEqual(['123', 'mine', []])
  })

  it('[DISK29] a full disk is said in a sentence and leaves everything as it was', async ({ skip }) => {
    const mount = mkdtempSync(join(tmpdir(), 'full-'))
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' })
    } catch {
      rmSync(mount, { recursive: true })
      skip('a tmpfs cannot be mounted here')
    }
    try {
      await using folder = await testFolder(mount)
      writeFileSync(folder.at('a.md'), 'old')
      const result = await folder.fs.replace(path('a.md'), new Uint8Array(400_000), { expect: signatureAt(folder.fs, 'a.md'), executable: false })
      expect(result).toEqual({ kind: 'blocked', isFull: true, reason: expect.stringContaining('disk is full') as string })
      expect([readFileSync(folder.at('a.md'), 'utf8'), readdirSync(folder.at('.collab/temp')), readdirSync(folder.at('.collab/trash'))]).toEqual(['old', [], []])
    } finally {
      execFileSync('umount', [mount])
      rmSync(mount, { recursive: true })
    }
  })
})

describe('what is kept', () => {
  it('[DISK30] what a program writes into the file it still has open is handed over', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    const changes: HeldChange[] = []
    const taken: Promise<void>[] = []
    fs.onHeldChange((change) => {
      changes.push(change)
      taken.push(change.taken())
    })
    writeFileSync(at('log.md'), 'one\n')
    const fd = openSync(at('log.md'), 'a')
    const result = await fs.replace(path('log.md'), bytes('zero\none\n'), { expect: signatureAt(fs, 'log.md'), executable: false })
    writeSync(fd, 'two\n')
    closeSync(fd)
    await eventually('the late write', () => changes.length > 0)
    expect(changes[0]).toMatchObject({ path: 'log.md', id: result.kind === 'written' ? result.held : '', bytes: bytes('one\ntwo\n'), reason: 'late-write' })
    await Promise.all(taken)
  })

  it('[DISK31] a late write is found after a restart too, once it was taken no more', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    writeFileSync(at('a.md'), 'old')
    const result = await fs.replace(path('a.md'), bytes('new'), { expect: signatureAt(fs, 'a.md'), executable: false })
    await fs.close()
    const file = at(`.collab/trash/${result.kind === 'written' ? result.held : ''}`)
    appendFileSync(file, ' and late')
    old(file)
    for (const { expected, isTaken } of [{ expected: ['old and late'], isTaken: false }, { expected: ['old and late'], isTaken: true }, { expected: [], isTaken: true }]) {
      const again = await openFolder({ root: folder.root, logger: silentLogger, clock: systemClock })
      const texts: string[] = []
      const taken: Promise<void>[] = []
      again.onHeldChange((change) => {
        texts.push(Buffer.from(change.bytes).toString())
        if (isTaken) taken.push(change.taken())
      })
      expect(await again.recover()).toMatchObject({ recovered: expected.length, restored: [] })
      expect(texts).toEqual(expected)
      await Promise.all(taken)
      await again.close()
    }
  })

  it('[DISK32] the trash is emptied by age and by size, oldest first', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(at(name), '12345')
      await fs.remove(path(name), { expect: signatureAt(fs, name) })
    }
    await fs.close()
    expect(await fs.purge({ maxBytes: 10 })).toEqual({ removed: 1, keptBytes: 10 })
    expect((await fs.trash()).map((item) => item.path)).toEqual(['b', 'c'])
    expect(await fs.purge({ maxAgeMs: -1 })).toEqual({ removed: 2, keptBytes: 0 })
    expect(readdirSync(at('.collab/trash'))).toEqual([])
  })

  it('[DISK33] the marker is read as it was written, or refused', async () => {
    await using folder = await testFolder()
    const { fs, at } = folder
    expect(fs.readMarker()).toBeUndefined()
    const marker = { version: 1, workspace: 'w', store: 's', session: 3 } as const
    await fs.writeMarker(marker)
    await fs.writeMarker({ ...marker, session: 4 })
    expect([fs.readMarker(), readdirSync(at('.collab')).sort()]).toEqual([{ ...marker, session: 4 }, ['marker.json', 'temp', 'trash']])
    for (const text of ['', '{}', '{"version":2}', '[]', 'null', '{"version":1,"workspace":"w","store":"s","session":-1}']) {
      writeFileSync(at('.collab/marker.json'), text)
      expect(() => fs.readMarker()).toThrow(expect.objectContaining({ name: 'MarkerDamagedError' }))
    }
  })
})
