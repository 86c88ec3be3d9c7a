import { describe, expect, it } from 'vitest'
import { describeCommands, parseArgs } from './args.js'
import { completionScript } from './completion.js'

const parse = (...argv: readonly string[]) => parseArgs(argv, '1.2.3')

describe('parseArgs', () => {
  it('[CLI60] reads every flag of join', () => {
    const flags = ['--peer', '/a', '--peer', '/b', '--listen', '/c', '--no-mdns', '--read-only', '--name', 'Ann', '--dry-run', '--once', '--json', '--trash-days', '7', '--trash-size', '200M', '--prune-after', '90', '--no-blobs', '--max-blob', '1k', '--limit-up', '2', '--limit-down', '3']
    expect(parse('join', 'topic', './notes', ...flags)).toEqual({
      command: 'join',
      topic: 'topic',
      folder: './notes',
      peer: ['/a', '/b'],
      listen: ['/c'],
      mdns: false,
      readOnly: true,
      name: 'Ann',
      dryRun: true,
      blobs: false,
      maxBlob: 1024,
      limitUp: 2,
      limitDown: 3,
      once: true,
      trashDays: 7,
      pruneAfter: 90,
      trashSize: 200 * 1024 ** 2,
      json: true
    })
  })

  it('[CLI47] takes a limit for what is held, and the days within which nothing goes', () => {
    expect(parse('hold', 'x', '--max-size', '50G', '--keep-days', '7')).toMatchObject({ command: 'hold', link: 'x', maxSize: 50 * 1024 ** 3, keepDays: 7 })
  })

  it('[CLI61] has defaults: mdns, no peers, everything else off; one call leaves nothing for the next', () => {
    parse('join', 'x', 'y', '--peer', '/a')
    expect(parse('join', '-', 'y')).toEqual({
      command: 'join',
      topic: '-',
      folder: 'y',
      peer: [],
      listen: [],
      blobs: true,
      mdns: true,
      readOnly: false,
      dryRun: false,
      once: false,
      json: false
    })
  })

  it('[CLI62] every command answers --help and --version', () => {
    for (const { name } of describeCommands()) {
      expect(parse(name, '--version')).toEqual({ command: 'text', text: '1.2.3\n' })
      expect(parse(name, '--help')).toMatchObject({ command: 'text', text: expect.stringContaining(`Usage: collab ${name}`) })
    }
    expect(parse()).toMatchObject({ command: 'text', text: expect.stringContaining('Usage: collab') })
  })

  it('[CLI63] tells wrong usage in one line with the page that helps', () => {
    const message = (...argv: readonly string[]) => {
      try {
        return JSON.stringify(parse(...argv))
      } catch (error) {
        return (error as Error).message
      }
    }
    expect(message('join', 'x')).toBe("missing required argument 'folder'; see collab join --help")
    expect(message('joim')).toMatch(/^unknown command 'joim' \(Did you mean join\?\); see collab --help$/)
    expect(message('join', 'x', 'y', '--pear')).toMatch(/^unknown option '--pear'.*; see collab join --help$/)
    expect(message('join', 'x', 'y', '--max-blob', '3Q')).toBe("--max-blob '3Q': give a size such as 500k, 20M or 1.5G; see collab join --help")
    for (const argv of [['join'], ['nope'], ['log', '--limit', 'many']]) expect(message(...argv)).not.toContain('\n')
  })

  it('[CLI64] completion scripts name every command and flag', () => {
    for (const shell of ['bash', 'zsh', 'fish'] as const) {
      const script = completionScript(shell)
      for (const { name, flags } of describeCommands()) {
        expect(script).toContain(name)
        for (const flag of flags) expect(script).toContain(shell === 'fish' ? `-l ${flag.slice(2)}` : flag)
      }
    }
  })
})
