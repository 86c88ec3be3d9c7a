import { appendFileSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LOCAL, TestArea, treeOf, until, untilSame } from '../harness/cli-process.js'

async function newLink(area: TestArea): Promise<string> {
  const { stdout } = await area.run(['new', '--json'], { home: area.path('home-new') })
  return (JSON.parse(stdout) as { write: string }).write
}

const lines = (stdout: string): readonly Record<string, unknown>[] =>
  stdout.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Record<string, unknown>]))

describe('collab restore', () => {
  it('[RST15] brings a deleted file back on every machine, with a running process and without', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    area.folder('a')
    const plan = area.path('a', 'plan.md')
    writeFileSync(plan, 'one\n')
    const first = await area.join(link, 'a')
    const second = await area.join(link, 'b', ['--peer', first.address])
    const both = [area.path('a'), area.path('b')]
    await untilSame(both, (tree) => tree['plan.md'] === 'one\n')
    appendFileSync(plan, 'two\n')
    await untilSame(both, (tree) => tree['plan.md'] === 'one\ntwo\n')
    rmSync(plan)
    await untilSame(both, (tree) => !('plan.md' in tree))
    const onB = { home: area.path('home-b') }
    const listed = lines((await area.run(['restore', area.path('b', 'plan.md'), '--list', '--json'], onB)).stdout).filter(({ what }) => what !== undefined)
    expect(listed.map(({ what }) => what)).toEqual(['deleted', 'edited', 'created'])
    const early = String(listed[2]?.['entry']).slice(0, 10)
    expect(await area.run(['restore', area.path('b', 'plan.md'), '--at', early, '--print'], onB)).toMatchObject({ code: 0, stdout: 'one\n' })
    expect(await area.run(['restore', area.path('b', 'plan.md'), '--dry-run'], onB)).toMatchObject({ code: 0, stdout: 'bring back  plan.md\n1 to do; nothing was changed\n' })
    expect(treeOf(area.path('b'))).toEqual({})
    expect(await area.run(['restore', area.path('b', 'plan.md')], onB)).toMatchObject({ code: 0, stdout: expect.stringContaining('brought back  plan.md\n') })
    await untilSame(both, (tree) => tree['plan.md'] === 'one\ntwo\n')

    await second.stop()
    expect(await area.run(['restore', area.path('b', 'plan.md'), '--at', early], onB)).toMatchObject({ code: 0, stderr: '' })
    expect(treeOf(area.path('b'))).toEqual({ 'plan.md': 'one\n' })
    const missing = await area.run(['restore', area.path('b', 'none.md')], onB)
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^collab: nothing is known of none\.md; .*\n$/) })
    await area.join(link, 'b', ['--peer', first.address])
    await untilSame(both, (tree) => tree['plan.md'] === 'one\n')
  })

  it('[RST16] [RST18] shows and empties the trash; its names are escaped', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    const name = 'gone\u202edm.txt'
    area.folder('a')
    writeFileSync(area.path('a', name), 'kept aside\n')
    const first = await area.join(link, 'a')
    const second = await area.join(link, 'b', ['--peer', first.address])
    const both = [area.path('a'), area.path('b')]
    await untilSame(both, (tree) => name in tree)
    rmSync(area.path('a', name))
    await untilSame(both, (tree) => !(name in tree))
    const onB = { home: area.path('home-b'), cwd: area.path('b') }
    const items = lines((await area.run(['trash', '--json'], onB)).stdout)
    expect(items).toMatchObject([{ path: name, why: 'removed', size: 11 }])
    expect((await area.run(['status', area.path('b')], onB)).stdout).toContain('1 file in the trash, 11 B')
    expect((await area.run(['trash'], onB)).stdout).toContain('gone\\u{202e}dm.txt')
    const out = await area.run(['restore', name, '--at', String(items[0]?.['id'])], onB)
    expect(out).toMatchObject({ code: 0, stdout: expect.stringContaining('from the trash') })
    await untilSame(both, (tree) => tree[name] === 'kept aside\n')
    rmSync(area.path('a', name))
    await until(() => treeOf(area.path('b'))[name] === undefined, 'the deletion')
    const early = await area.run(['trash', '--empty'], onB)
    expect(early).toMatchObject({ code: 0, stdout: '0 files deleted for good; 1 that a program may still have open stays for a minute\n' })
    await second.stop()
    expect(await area.run(['trash', '--empty'], onB)).toMatchObject({ code: 0, stdout: '1 file deleted for good\n' })
    expect(await area.run(['trash'], onB)).toMatchObject({ code: 0, stdout: 'the trash is empty\n' })
  })
})

describe('collab conflicts', () => {
  it('[CONF7] lists conflicts and ends them, merging in $EDITOR, with a running process and without', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    for (const name of ['a', 'b']) {
      area.folder(name)
      for (const file of ['one.md', 'two.md']) writeFileSync(area.path(name, file), `${name} wrote ${file}\nand nothing alike ${name}\n`)
    }
    const first = await area.join(link, 'a', ['--name', 'Ann'])
    await first.event('change', ({ path }) => path === 'two.md')
    const second = await area.join(link, 'b', ['--peer', first.address, '--name', 'Ben'])
    const both = [area.path('a'), area.path('b')]
    await untilSame(both, (tree) => Object.keys(tree).length === 4)
    const onB = { home: area.path('home-b'), cwd: area.path('b') }
    const items = lines((await area.run(['conflicts', '--json'], onB)).stdout)
    expect(items.map(({ original, kind }) => [original, kind])).toEqual([['one.md', 'text'], ['two.md', 'text']])
    const copies = items.map(({ path }) => String(path))
    expect((await area.run(['conflicts'], onB)).stdout).toMatch(/^(?:Ann|Ben)'s +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +one \(conflict, /)
    const merged = await area.run(['conflicts', copies[0] ?? '', '--keep', 'merge'], { ...onB, env: { EDITOR: '', VISUAL: '' } })
    expect(merged).toMatchObject({ code: 1, stderr: expect.stringContaining('no editor is set') })
    const editor = { ...onB, env: { VISUAL: '', EDITOR: 'sed -i s/nothing/everything/' } }
    expect(await area.run(['conflicts', copies[0] ?? '', '--keep', 'merge'], editor)).toMatchObject({ code: 0, stderr: '' })
    await untilSame(both, (tree) => Object.keys(tree).length === 3 && tree['one.md']?.split('everything alike').length === 3)
    await second.stop()
    expect(await area.run(['conflicts', copies[1] ?? '', '--keep', 'both'], onB)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^the copy is now two \((?:Ann|Ben)\)\.md\n$/) })
    expect(await area.run(['conflicts'], onB)).toMatchObject({ code: 0, stdout: 'no conflicts\n' })
    expect(await area.run(['conflicts', 'one.md', '--keep', 'copy'], onB)).toMatchObject({ code: 1, stderr: 'collab: one.md is no conflict copy; collab conflicts lists them\n' })
    expect((await area.run(['conflicts', 'one.md', '--keep', 'mine'], onB)).code).toBe(2)
  })
})

describe('the guards of a folder', () => {
  it('[GUARD12] a process with another COLLAB_HOME is refused on a folder that is being synced, and let in after kill -9', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    const first = await area.join(link, 'a')
    const other = ['join', link, area.path('a'), ...LOCAL]
    const refused = await area.run(other, { home: area.path('home-other') })
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^collab: another process syncs .*\/a, with private state in another place \(COLLAB_HOME\); stop it first\n$/) })
    first.kill('SIGKILL')
    await first.ended
    const again = area.start([...other, '--json'], { home: area.path('home-other') })
    await again.event('listening')
    expect((await again.stop()).code).toBe(0)
  })

  it('[GUARD13] restore undoes what waits for confirmation, here and on the peers', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    area.folder('a')
    for (let n = 0; n < 30; n++) writeFileSync(area.path('a', `n${n}.md`), `note ${n} as it was written\n`)
    const first = await area.join(link, 'a')
    await area.join(link, 'b', ['--peer', first.address])
    const both = [area.path('a'), area.path('b')]
    await untilSame(both, (tree) => Object.keys(tree).length === 30)
    const before = treeOf(area.path('a'))
    for (let n = 0; n < 30; n++) rmSync(area.path('a', `n${n}.md`))
    await first.event('guard')
    const undone = await area.run(['restore', area.path('a')], { home: area.path('home-a') })
    expect(undone).toMatchObject({ code: 0, stdout: expect.stringContaining('brought back  n0.md') })
    expect(treeOf(area.path('a'))).toEqual(before)
    expect(treeOf(area.path('b'))).toEqual(before)
  })
})

describe('collab doctor', () => {
  const stateOf = (stdout: string): Readonly<Record<string, unknown>> => Object.fromEntries(lines(stdout).map(({ check, state }) => [String(check), state]))

  it('[DOCT1] of a sound folder every check is ok or a hint, with a running process and without', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    area.folder('a')
    writeFileSync(area.path('a', 'note.md'), 'note\n')
    const home = area.path('home-a')
    const first = await area.join(link, 'a')
    await first.event('change', ({ path }) => path === 'note.md')
    const running = await area.run(['doctor', area.path('a'), '--json'], { home })
    expect(running).toMatchObject({ code: 0, stderr: '' })
    expect(stateOf(running.stdout)).toMatchObject({ process: 'ok', store: 'ok', folder: 'ok', marker: 'ok', network: 'warn', peers: 'warn', skipped: 'ok', changes: 'ok', clock: 'ok', home: 'ok' })
    await first.stop()
    const idle = await area.run(['doctor', area.path('a')], { home })
    expect(idle).toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok +store +sound, \d+ rows$/m) })
  })

  it('[DOCT2] tells a damaged store, a missing folder and a foreign marker with advice, and exits 1', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    const home = area.path('home-a')
    const first = await area.join(link, 'a')
    const { store } = await first.event('started')
    await first.stop()
    const path = area.path('home-a', 'stores', String(store), 'store.sqlite')
    const sound = readFileSync(path)
    writeFileSync(path, 'no database at all\n'.repeat(500))
    const damaged = await area.run(['doctor', area.path('a'), '--json'], { home })
    expect(damaged.code).toBe(1)
    expect(lines(damaged.stdout)).toContainEqual(expect.objectContaining({ check: 'store', state: 'fail', advice: expect.stringContaining('collab join') }))
    writeFileSync(path, sound)
    const marker = area.path('a', '.collab', 'marker.json')
    writeFileSync(marker, readFileSync(marker, 'utf8').replace(String(store), 'another'))
    expect(stateOf((await area.run(['doctor', area.path('a'), '--json'], { home })).stdout)).toMatchObject({ marker: 'fail' })
    rmSync(area.path('a'), { recursive: true })
    const missing = await area.run(['doctor', area.path('a')], { home })
    expect(missing).toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAIL +folder +.* is missing; /m) })
  })

  it('[DOCT3] names what is not synced with its reason, escaped; what waits for confirmation fails', async () => {
    await using area = new TestArea()
    const link = await newLink(area)
    area.folder('a')
    for (let n = 0; n < 30; n++) writeFileSync(area.path('a', `n${n}.md`), `note ${n} as it was written\n`)
    const home = area.path('home-a')
    const first = await area.join(link, 'a')
    await first.event('change', ({ path }) => path === 'n29.md')
    symlinkSync('n1.md', area.path('a', 'li\u202enk.md'))
    await first.event('skipped')
    for (let n = 0; n < 30; n++) rmSync(area.path('a', `n${n}.md`))
    await first.event('guard')
    const { code, stdout } = await area.run(['doctor', area.path('a')], { home })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^warn +skipped +li\\u\{202e\}nk\.md; a symlink$/m)
    expect(stdout).toMatch(/^FAIL +guard +all 30 files are gone from this folder/m)
  })
})
