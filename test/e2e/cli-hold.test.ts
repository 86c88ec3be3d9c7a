import { randomBytes } from 'node:crypto'
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LOCAL, TestArea, treeOf, untilSame } from '../harness/cli-process.js'
import { eventually } from '../harness/eventually.js'

interface Links {
  readonly write: string
  readonly read: string
  readonly blind: string
}

async function newLinks(area: TestArea): Promise<Links> {
  return JSON.parse((await area.run(['new', '--json'], { home: area.path('home-new') })).stdout) as Links
}

describe('collab hold', () => {
  it('[CLI40] restores a wiped member, and its store holds no name and no word', async () => {
    await using area = new TestArea()
    const links = await newLinks(area)
    area.folder('a')
    writeFileSync(area.path('a', 'salamander.md'), 'the quick axolotl\n')
    const member = await area.join(links.write, 'a', ['--name', 'Leocadia'])
    // A write link is reduced to a blind one.
    const holder = area.start(['hold', links.write, ...LOCAL, '--json', '--peer', member.address], { home: area.path('home-h') })
    await holder.event('listening')
    await holder.event('synced')
    await member.event('synced')
    await member.stop()
    rmSync(area.path('a'), { recursive: true })
    rmSync(area.path('home-a'), { recursive: true })
    const back = area.start(['join', links.write, area.path('a'), ...LOCAL, '--once', '--json', '--peer', holder.address], { home: area.path('home-a') })
    expect((await back.ended).code).toBe(0)
    expect(treeOf(area.path('a'))).toEqual({ 'salamander.md': 'the quick axolotl\n' })
    expect((await holder.stop()).code).toBe(0)
    const files = readdirSync(area.path('home-h'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const kept = files.map((entry) => readFileSync(`${entry.parentPath}/${entry.name}`, 'latin1')).join('\n')
    expect(kept.length).toBeGreaterThan(1000)
    for (const word of ['salamander', 'axolotl', 'Leocadia', links.write.slice(8, 50), links.read.slice(8, 50)]) expect(kept).not.toContain(word)
  })

  it('[CLI41] passes on to a late peer what an absent one wrote', async () => {
    await using area = new TestArea()
    const links = await newLinks(area)
    const holder = area.start(['hold', links.blind, ...LOCAL, '--json'], { home: area.path('home-h') })
    await holder.event('listening')
    area.folder('a')
    writeFileSync(area.path('a', 'one.md'), 'one\n')
    const early = ['join', links.write, area.path('a'), ...LOCAL, '--once', '--json', '--peer', holder.address]
    expect((await area.run(early, { home: area.path('home-a') })).code).toBe(0)
    await area.join(links.read, 'b', ['--peer', holder.address])
    await untilSame([area.path('a'), area.path('b')])
  })

  it('[CLI47] holds no more pictures than it was told, says so, and texts all the same', async () => {
    await using area = new TestArea()
    const links = await newLinks(area)
    area.folder('a')
    for (const name of ['one.png', 'two.png', 'three.png']) writeFileSync(area.path('a', name), randomBytes(60_000))
    writeFileSync(area.path('a', 'notes.md'), 'words\n')
    const member = await area.join(links.write, 'a')
    const holder = area.start(['hold', links.blind, ...LOCAL, '--json', '--max-size', '130k', '--peer', member.address], { home: area.path('home-h') })
    await holder.event('warning', ({ code }) => code === 'hold-full')
    await holder.event('synced')
    const chunks = (): readonly number[] => readdirSync(area.path('home-h'), { recursive: true, withFileTypes: true }).filter(({ name }) => name.length === 64).map(({ parentPath, name }) => statSync(`${parentPath}/${name}`).size)
    await eventually('two of them are there', () => chunks().length === 2)
    expect((await holder.stop()).code).toBe(0)
    expect(chunks().reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(130 * 1024)
  })
})

describe('questions to a running process', () => {
  it('[CLI42] status, peers, log and link answer from it, and from the store when none runs', async () => {
    await using area = new TestArea()
    const links = await newLinks(area)
    const home = area.path('home-a')
    area.folder('a')
    writeFileSync(area.path('a', 'one.md'), 'one\n')
    const first = await area.join(links.write, 'a', ['--name', 'ann'])
    const second = await area.join(links.write, 'b', ['--peer', first.address])
    await untilSame([area.path('a'), area.path('b')], (tree) => 'one.md' in tree)
    await second.event('synced')
    const peers = JSON.parse((await area.run(['peers', '--json'], { home })).stdout) as unknown[]
    expect(peers).toMatchObject([{ folder: area.path('a'), direction: 'inbound' }])
    const withAddresses = (await area.run(['link', area.path('a'), '--addresses'], { home })).stdout.trim()
    // The link alone is enough: no --peer.
    const third = ['join', withAddresses, area.path('c'), ...LOCAL, '--once', '--json']
    expect((await area.run(third, { home: area.path('home-c') })).code).toBe(0)
    expect(treeOf(area.path('c'))).toEqual({ 'one.md': 'one\n' })
    const log = async () => (await area.run(['log', area.path('a', 'one.md'), '--json'], { home })).stdout
    const running = await log()
    expect(JSON.parse(running)).toMatchObject({ what: 'created', path: 'one.md', name: 'ann' })
    expect((await area.run(['stop', area.path('a')], { home })).code).toBe(0)
    expect((await first.ended).code).toBe(0)
    expect(await log()).toBe(running)
    expect((await area.run(['link', area.path('a'), '--read-only'], { home })).stdout.trim()).toBe(links.read)
    const again = await area.join(links.write, 'a')
    expect((await again.event('started'))['store']).toBe((await first.event('started'))['store'])
  })

  it('[CLI43] works in a home so deep that no socket fits beside the store', async () => {
    await using area = new TestArea()
    const links = await newLinks(area)
    const home = area.path('deep'.repeat(30), 'er'.repeat(40))
    const running = area.start(['join', links.write, area.path('a'), ...LOCAL, '--json'], { home })
    await running.event('listening')
    expect(JSON.parse((await area.run(['status', '--json'], { home })).stdout)).toMatchObject([{ running: true }])
    expect(running.events.filter(({ type }) => type === 'warning')).toEqual([])
  })
})
