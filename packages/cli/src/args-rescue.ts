import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { KEEPS } from './control-protocol.js'
import { WHEN_HELP, parseWhen } from './when.js'

export interface RestoreOptions {
  readonly at?: string
  readonly list: boolean
  readonly all: boolean
  readonly print: boolean
  readonly dryRun: boolean
  readonly limit: number
  readonly json: boolean
}

export const KEEP_OPTIONS = [...KEEPS, 'merge'] as const
export type KeepOption = (typeof KEEP_OPTIONS)[number]

/** Commands for what went wrong. */
export type RescueRequest =
  | ({ readonly command: 'restore'; readonly path?: string } & RestoreOptions)
  | { readonly command: 'conflicts'; readonly path?: string; readonly keep?: KeepOption; readonly json: boolean }
  | { readonly command: 'doctor'; readonly folder?: string; readonly json: boolean }
  | { readonly command: 'trash'; readonly folder?: string; readonly empty: boolean; readonly json: boolean }

export function addRescue(program: Command, take: (request: RescueRequest) => void, positive: (value: string) => number): void {
  program
    .command('restore')
    .description('bring back what was deleted or replaced, as an edit like any other')
    .argument('[path]', 'a file or folder in a joined folder; default: what waits for confirmation here, else what was deleted last')
    .option('--at <when>', WHEN_HELP, when)
    .option('--list', 'list the versions of a file, or what was deleted below a folder', false)
    .option('--all', 'the whole folder, as it was --at a time', false)
    .option('--print', 'write the text to standard output, change nothing', false)
    .option('--dry-run', 'print the plan, change nothing', false)
    .option('--limit <count>', 'with --list at most this many lines', positive, 50)
    .option('--json', 'one JSON object per line', false)
    .action((path: string | undefined, options: RestoreOptions) => {
      if (options.all && options.at === undefined) throw new InvalidArgumentError('--all needs --at <when>: how should the folder be again?')
      take({ command: 'restore', ...(path !== undefined && { path }), ...options })
    })
  addConflicts(program, take)
  program
    .command('doctor')
    .description('look at everything that a folder needs, and say what is wrong and what to do')
    .argument('[folder]', 'default: here')
    .option('--json', 'one JSON object per line', false)
    .action((folder: string | undefined, { json }: { json: boolean }) => {
      take({ command: 'doctor', ...(folder !== undefined && { folder }), json })
    })
  program
    .command('trash')
    .description('what was replaced or removed here and is kept aside for a while')
    .argument('[folder]', 'default: here')
    .option('--empty', 'delete all of it for good', false)
    .option('--json', 'one JSON object per line', false)
    .action((folder: string | undefined, options: { empty: boolean; json: boolean }) => {
      take({ command: 'trash', ...(folder !== undefined && { folder }), ...options })
    })
}

function addConflicts(program: Command, take: (request: RescueRequest) => void): void {
  program
    .command('conflicts')
    .description('files that are kept beside another because both claimed its name; --keep ends one')
    .argument('[path]', 'a joined folder, or a conflict copy in one; default: here')
    .option('--keep <which>', `${KEEP_OPTIONS.join(', ')} (in $EDITOR)`, known)
    .option('--json', 'one JSON object per line', false)
    .action((path: string | undefined, options: { keep?: KeepOption; json: boolean }) => {
      take({ command: 'conflicts', ...(path !== undefined && { path }), ...options })
    })
}

function known(value: string): KeepOption {
  const keep = KEEP_OPTIONS.find((keep) => keep === value)
  if (keep === undefined) throw new InvalidArgumentError(`known are ${KEEP_OPTIONS.join(', ')}`)
  return keep
}

/** Kept as it was typed: what it means depends on the moment at which it is carried out. */
function when(value: string): string {
  if (parseWhen(value, 0) === undefined) throw new InvalidArgumentError(`give ${WHEN_HELP}`)
  return value
}
