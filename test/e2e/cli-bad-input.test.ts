import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { LOCAL, TestArea } from '../harness/cli-process.js'
import type { CliResult } from '../harness/cli-process.js'

const TOPIC = 'a topic of these tests only, 7261'

function refused({ code, stdout, stderr }: CliResult, exit: number, says: RegExp): void {
  expect(stderr).toMatch(/^collab: [^\n]+\n$/)
  expect(stderr).toMatch(says)
  expect(stderr).not.toMatch(/\n\s+at /)
  expect(code).toBe(exit)
  expect(stdout).toBe('')
}

describe('bad input', () => {
  it.each([
    { args: [] },
    { args: ['--help'] },
    { args: ['join', '--help'] },
    { args: ['hold', '--version'] }
  ])('[CLI20] answers $args with help or version', async ({ args }) => {
    await using area = new TestArea()
    const result = await area.run(args, { home: area.path('home') })
    expect(result).toMatchObject({ code: 0, stderr: '' })
    expect(result.stdout).toMatch(/Usage: collab|^\d+\.\d+\.\d+\n$/)
  })

  it.each([
    { args: ['joyn'], says: /unknown command 'joyn'.*collab --help/ },
    { args: ['join'], says: /missing required argument 'topic'; see collab join --help/ },
    { args: ['join', 'topic'], says: /missing required argument 'folder'/ },
    { args: ['join', '', 'x'], says: /topic.*empty/ },
    { args: ['join', '   ', 'x'], says: /topic.*empty/ },
    { args: ['join', 'a', 'b', 'c'], says: /too many arguments/ },
    { args: ['join', 'a', 'b', '--nope'], says: /unknown option '--nope'/ },
    { args: ['join', 'a', 'b', '--peer', '/ip4/x'], says: /--peer: \/ip4\/x is not a multiaddr/ },
    { args: ['join', 'a', 'b', '--listen', 'tcp:80'], says: /--listen: .*should look like/ },
    { args: ['join', 'a', 'b', '--name', 'x'.repeat(65)], says: /at most 64/ },
    { args: ['join', '-', 'b'], says: /standard input/ },
    { args: ['join', 'collab1wabcdefghijk', 'b'], says: /link/ },
    { args: ['join', 'collab9wabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz', 'b'], says: /newer version/ },
    { args: ['hold', 'collab1'], says: /cut short/ },
    { args: ['new', '--read-only', '--blind'], says: /not both/ },
    { args: ['log', '--limit', '0'], says: /whole number/ },
    { args: ['completion', 'tcsh'], says: /bash, zsh, fish/ }
  ])('[CLI21] refuses $args with 2 and one line', async ({ args, says }) => {
    await using area = new TestArea()
    refused(await area.run(args, { home: area.path('home'), cwd: area.directory }), 2, says)
  })

  it('[CLI22] says of a cut link that it is cut, and of a mistyped one that it is mistyped', async () => {
    await using area = new TestArea()
    const home = area.path('home')
    const link = (await area.run(['new'], { home })).stdout.trim()
    refused(await area.run(['join', link.slice(0, -5), area.path('x')], { home }), 2, /cut short/)
    const at = link.length - 20
    const other = link[at] === 'a' ? 'b' : 'a'
    refused(await area.run(['join', link.slice(0, at) + other + link.slice(at + 1), area.path('x')], { home }), 2, /mistyped/)
  })

  it('[CLI23] refuses what is not a folder, cannot be made, or cannot be written', async () => {
    await using area = new TestArea()
    const home = area.path('home')
    writeFileSync(area.path('file'), 'kept')
    refused(await area.run(['join', TOPIC, area.path('file'), ...LOCAL], { home }), 1, /is a file, not a folder/)
    refused(await area.run(['join', TOPIC, area.path('file', 'x'), ...LOCAL], { home }), 1, /a part of that path is a file/)
    expect(readFileSync(area.path('file'), 'utf8')).toBe('kept')
    if (process.platform !== 'linux') return
    refused(await area.run(['join', TOPIC, '/proc/none', ...LOCAL], { home }), 1, /cannot use the folder/)
    refused(await area.run(['join', TOPIC, area.path('x'), ...LOCAL], { home: '/proc/none' }), 1, /set COLLAB_HOME/)
  })

  it('[CLI24] refuses a folder of another topic, and one inside or around a joined one', async () => {
    await using area = new TestArea()
    const running = await area.join(TOPIC, 'a')
    const home = area.path('home-a')
    mkdirSync(area.path('a', 'inner'))
    refused(await area.run(['join', `${TOPIC} other`, area.path('a'), ...LOCAL], { home }), 1, /already joined to another topic/)
    refused(await area.run(['join', TOPIC, area.path('a', 'inner'), ...LOCAL], { home }), 1, /lies inside .*\/a, which is already joined/)
    refused(await area.run(['join', TOPIC, area.directory, ...LOCAL], { home }), 1, /contains .*\/a, which is already joined/)
    expect((await running.stop()).code).toBe(0)
  })

  it('[CLI25] says which port is taken', async () => {
    await using area = new TestArea()
    const running = await area.join(TOPIC, 'a')
    const listen = running.address.replace(/\/p2p\/.*$/, '')
    const args = ['join', TOPIC, area.path('b'), '--no-mdns', '--json', '--listen', listen]
    const { code, stderr } = await area.run(args, { home: area.path('home-b') })
    expect(code).toBe(1)
    expect(stderr).toMatch(/^collab: cannot listen on .*another program uses this port[^\n]*\n$/)
  })

  it('[CLI26] refuses to put a blind link into a folder', async () => {
    await using area = new TestArea()
    const home = area.path('home')
    const { blind } = JSON.parse((await area.run(['new', '--json'], { home })).stdout) as { blind: string }
    refused(await area.run(['join', blind, area.path('x'), ...LOCAL], { home }), 1, /use collab hold/)
  })

  it('[CLI27] questions about what is not joined or not running get one line and 1', async () => {
    await using area = new TestArea()
    const options = { home: area.path('home'), cwd: area.directory }
    for (const command of ['confirm', 'stop', 'link', 'log']) refused(await area.run([command], options), 1, /is not in a joined folder/)
    expect(await area.run(['status'], options)).toMatchObject({ code: 0, stderr: '' })
  })

  it('[CLI28] [REG28] shows names with escape codes escaped', async () => {
    await using area = new TestArea()
    area.folder('a')
    writeFileSync(area.path('a', 'evil\u001b[2J\u202e.md'), 'x\n')
    const running = area.start(['join', TOPIC, area.path('a'), ...LOCAL], { home: area.path('home-a') })
    await running.ready((text) => text.includes('evil'))
    expect(running.stdout).toContain('evil\\u{1b}[2J\\u{202e}.md')
    for (const char of ['\u001b', '\u202e']) expect(running.stdout).not.toContain(char)
  })

  it('[CLI29] ends cleanly when the reader of its output goes away', async () => {
    await using area = new TestArea()
    const running = await area.join(TOPIC, 'a')
    running.closeOutput()
    writeFileSync(area.path('a', 'x.md'), 'x\n')
    const { code, stderr } = await running.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})
