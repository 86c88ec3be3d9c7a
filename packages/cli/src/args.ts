import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { addRescue } from './args-rescue.js'
import type { RescueRequest } from './args-rescue.js'
import { UsageError } from './cli-error.js'

/** What `join` and `hold` share. */
export interface RunOptions {
  readonly peer: readonly string[]
  readonly listen: readonly string[]
  readonly mdns: boolean
  readonly name?: string
  readonly once: boolean
  readonly json: boolean
  /** Bytes per second. */
  readonly limitUp?: number
  readonly limitDown?: number
}

/** What is synced of files that are not text. */
export interface BlobOptions {
  readonly blobs: boolean
  /** Bytes. */
  readonly maxBlob?: number
}

/** How long and how much of what was replaced or removed here is kept. */
export interface TrashOptions {
  readonly trashDays?: number
  /** Bytes. */
  readonly trashSize?: number
}

/** How much is held of pictures and other large files. */
export interface HoldOptions {
  /** Bytes. */
  readonly maxSize?: number
  readonly keepDays?: number
}

/** How much of the past is kept here. */
export interface PastOptions {
  readonly pruneAfter?: number
}

export interface LinkOptions {
  readonly readOnly: boolean
  readonly blind: boolean
  readonly qr: boolean
  readonly json: boolean
}

export type Request =
  | ({ readonly command: 'join'; readonly topic: string; readonly folder: string; readonly readOnly: boolean; readonly dryRun: boolean } & RunOptions & BlobOptions & TrashOptions & PastOptions)
  | ({ readonly command: 'hold'; readonly link: string } & RunOptions & HoldOptions)
  | ({ readonly command: 'new' } & LinkOptions)
  | ({ readonly command: 'link'; readonly folder?: string; readonly addresses: boolean } & LinkOptions)
  | { readonly command: 'status'; readonly folder?: string; readonly json: boolean }
  | { readonly command: 'peers'; readonly folder?: string; readonly json: boolean }
  | { readonly command: 'log'; readonly path?: string; readonly limit: number; readonly json: boolean }
  | { readonly command: 'confirm'; readonly folder?: string }
  | { readonly command: 'stop'; readonly folder?: string }
  | RescueRequest
  | { readonly command: 'completion'; readonly shell: Shell }
  /** Help or version: printed as it is. */
  | { readonly command: 'text'; readonly text: string }

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const EXAMPLES = `
Examples:
  collab new                              make a workspace: prints its links
  collab join <link> ./notes              join it, and keep ./notes in sync until Ctrl-C
  collab join "our notes" ./notes         join by a plain name, handy on a local network
  collab join - ./notes < link.txt        read the link from standard input
  collab hold <link>                      store and serve a workspace without reading it

Private state is kept in COLLAB_HOME. NO_COLOR is respected; COLLAB_DEBUG=1 prints stack traces.`

/**
 * Reads a command line.
 *
 * @throws {UsageError} with one line of advice.
 */
export function parseArgs(argv: readonly string[], version: string): Request {
  const { program, taken } = buildProgram(version)
  let text = ''
  configureAll(program, version, (output) => (text += output))
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0 || error.code === 'commander.help') return { command: 'text', text }
    throw new UsageError(adviceFor(error, program, argv), { cause: error })
  }
  return taken() ?? { command: 'text', text: program.helpInformation() }
}

/** The words and flags of every command, for completion scripts. */
export function describeCommands(): readonly { readonly name: string; readonly about: string; readonly flags: readonly string[] }[] {
  return buildProgram('').program.commands.map((command) => ({
    name: command.name(),
    about: command.description(),
    flags: [...command.options.map((option) => option.long ?? ''), '--help'].filter((flag) => flag !== '')
  }))
}

function buildProgram(version: string): { program: Command; taken: () => Request | undefined } {
  let request: Request | undefined
  const take = (next: Request) => (request = next)
  const program = new Command('collab')
    .description('Keeps a folder the same on every peer, without a server. Use any editor, online or offline.')
    .version(version)
    .addHelpText('after', EXAMPLES)
  addRunning(program, take)
  addLinks(program, take)
  addQuestions(program, take)
  addRescue(program, take, positive)
  return { program, taken: () => request }
}

function addRunning(program: Command, take: (request: Request) => void): void {
  const join = program
    .command('join')
    .description('join a topic and keep a folder in sync until stopped')
    .argument('<topic>', 'a link, a plain name, or - to read it from standard input', notEmpty)
    .argument('<folder>', 'the folder to sync; made when missing', notEmpty)
  runOptions(join)
    .option('--read-only', 'take edits, make none', false)
    .option('--dry-run', 'print the plan, change nothing', false)
    .option('--trash-days <days>', 'keep what was replaced or removed here so long (default 30)', positive)
    .option('--trash-size <size>', 'and at most so much, 200M say (default 1G, and never more than half of what is free)', size)
    .option('--prune-after <days>', 'leave edits older than this to connected peers that keep everything (default: keep everything)', positive)
    .option('--no-blobs', 'leave out what is not text: pictures, archives, large files')
    .option('--max-blob <size>', 'leave out what is not text and larger than this (20M, 1.5G)', size)
    .action((topic: string, folder: string, options: RunOptions & BlobOptions & { readOnly: boolean; dryRun: boolean }) => {
      take({ command: 'join', topic, folder, ...options })
    })
  const hold = program
    .command('hold')
    .description('store and serve a workspace without a folder and without reading it')
    .argument('<link>', 'any link of the workspace, or - to read it from standard input; taken as a blind one', notEmpty)
  runOptions(hold)
    .option('--max-size <size>', 'hold so much of pictures and large files (50G), the oldest go first, also those that are still in use (default: all)', size)
    .option('--keep-days <days>', 'but none that came in so many days (default 30)', positive)
    .action((link: string, options: RunOptions & HoldOptions) => {
      take({ command: 'hold', link, ...options })
    })
}

function runOptions(command: Command): Command {
  return command
    .option('--peer <multiaddr>', 'dial this peer, and keep dialling (repeatable)', collect, [])
    .option('--listen <multiaddr>', 'listen here instead of on all interfaces at a free port (repeatable)', collect, [])
    .option('--no-mdns', 'do not look for peers on the local network')
    .option('--name <text>', 'what others see as your name', displayName)
    .option('--limit-up <rate>', 'send pictures and large files no faster than this a second (500k, 2M)', size)
    .option('--limit-down <rate>', 'take them no faster than this a second', size)
    .option('--once', 'sync with the peers that can be reached, then exit', false)
    .option('--json', 'one JSON object per line on standard output', false)
}

function addLinks(program: Command, take: (request: Request) => void): void {
  linkOptions(program.command('new').description('make a workspace: prints its links')).action((options: LinkOptions) => {
    take({ command: 'new', ...oneRight(options) })
  })
  linkOptions(program.command('link').description('print the links of a joined folder again').argument('[folder]', 'default: here'))
    .option('--addresses', 'put the addresses of the running process into the links', false)
    .action((folder: string | undefined, options: LinkOptions & { addresses: boolean }) => {
      take({ command: 'link', ...(folder !== undefined && { folder }), ...oneRight(options) })
    })
}

function linkOptions(command: Command): Command {
  return command
    .option('--read-only', 'the link that lets read, not write', false)
    .option('--blind', 'the link that lets store and serve, not read', false)
    .option('--qr', 'draw the link as a QR code', false)
    .option('--json', 'all links as one JSON object', false)
}

function oneRight<T extends LinkOptions>(options: T): T {
  if (options.readOnly && options.blind) throw new InvalidArgumentError('give --read-only or --blind, not both')
  return options
}

function addQuestions(program: Command, take: (request: Request) => void): void {
  for (const [name, about] of [
    ['status', 'what is joined here, and how it is doing'],
    ['peers', 'who is connected']
  ] as const) {
    const command = program.command(name).description(about).argument('[folder]', 'default: all that are joined')
    command.option('--json', 'one JSON object', false).action((folder: string | undefined, { json }: { json: boolean }) => {
      take({ command: name, ...(folder !== undefined && { folder }), json })
    })
  }
  program
    .command('log')
    .description('who changed what, and when; newest first')
    .argument('[path]', 'a joined folder or a file in one; default: here')
    .option('--limit <count>', 'at most this many lines', positive, 50)
    .option('--json', 'one JSON object per line', false)
    .action((path: string | undefined, options: { limit: number; json: boolean }) => {
      take({ command: 'log', ...(path !== undefined && { path }), ...options })
    })
  for (const [name, about] of [
    ['confirm', 'let go on what waits for confirmation (a deletion of many files, say)'],
    ['stop', 'stop the process that syncs a folder, as Ctrl-C would']
  ] as const) {
    const command = program.command(name).description(about).argument('[folder]', 'default: here')
    command.action((folder: string | undefined) => take({ command: name, ...(folder !== undefined && { folder }) }))
  }
  program
    .command('completion')
    .description('print a completion script: eval "$(collab completion bash)"')
    .argument('<shell>', SHELLS.join(', '), knownShell)
    .action((shell: Shell) => take({ command: 'completion', shell }))
}

/** Errors are told by `adviceFor`; of what goes to `write` only help and version are shown. */
function configureAll(program: Command, version: string, write: (text: string) => void): void {
  for (const command of [program, ...program.commands]) {
    if (command !== program) command.version(version, '-V, --version', 'print the version')
    command.exitOverride().configureOutput({ writeOut: write, writeErr: write })
    command.showSuggestionAfterError()
    command.configureHelp({ optionDescription: (option) => option.description })
  }
}

function adviceFor(error: CommanderError, program: Command, argv: readonly string[]): string {
  const known = program.commands.find((command) => command.name() === argv[0])
  const what = error.message
    .replace(/^error: /, '')
    .replace(/^command-argument value '(.*)' is invalid for argument '(.*)'\. /s, "$2 '$1': ")
    .replace(/^option '(?:-\w, )?(--[\w-]+)[^']*' argument '(.*)' is invalid\. /s, "$1 '$2': ")
  const line = what.replace(/\s+/g, ' ').replace(/\.$/, '').trim()
  return `${line}; see collab ${known === undefined ? '' : `${known.name()} `}--help`
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, notEmpty(value)]
}

function notEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('it is empty')
  return value
}

/** What a member record can carry. */
const MAX_NAME_CHARS = 64

function displayName(value: string): string {
  if (notEmpty(value).length > MAX_NAME_CHARS) throw new InvalidArgumentError(`a name has at most ${MAX_NAME_CHARS} characters`)
  return value
}

function positive(value: string): number {
  const count = Number(value)
  if (!Number.isSafeInteger(count) || count < 1) throw new InvalidArgumentError('give a whole number from 1 on')
  return count
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Bytes, with k, M or G for the larger ones. */
function size(value: string): number {
  const match = /^(\d+(?:\.\d+)?)([kmg]?)$/i.exec(value.trim())
  const bytes = Math.round(Number(match?.[1] ?? 0) * (UNITS[(match?.[2] ?? '').toLowerCase()] ?? 0))
  if (!Number.isSafeInteger(bytes) || bytes < 1) throw new InvalidArgumentError('give a size such as 500k, 20M or 1.5G')
  return bytes
}

function knownShell(value: string): Shell {
  const shell = SHELLS.find((shell) => shell === value)
  if (shell === undefined) throw new InvalidArgumentError(`known are ${SHELLS.join(', ')}`)
  return shell
}
