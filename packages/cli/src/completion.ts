import { describeCommands } from './args.js'
import { KEEP_OPTIONS } from './args-rescue.js'
import type { Shell } from './args.js'
import { SHELLS } from './args.js'

/** A script that the shell evaluates: it offers commands, flags, folders and shells. */
export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash()
    case 'zsh':
      return zsh()
    case 'fish':
      return fish()
  }
}

function bash(): string {
  const commands = describeCommands()
  const cases = commands.map(({ name, flags }) => `    ${name}) words="${[...flags, ...wordsOf(name)].join(' ')}" ;;`)
  return `# bash completion for collab: eval "$(collab completion bash)"
_collab() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$current" in -*) ;; *) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -F _collab collab
`
}

function zsh(): string {
  const commands = describeCommands()
  const list = commands.map(({ name, about }) => `    '${name}:${quote(about)}'`)
  const cases = commands.map(({ name, flags }) => `    ${name}) compadd -- ${[...flags, ...wordsOf(name)].join(' ')} ;;`)
  return `#compdef collab
# zsh completion for collab: eval "$(collab completion zsh)"
_collab() {
  local -a commands
  commands=(
${list.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  case "$words[2]" in
${cases.join('\n')}
  esac
  _files
}
compdef _collab collab
`
}

function fish(): string {
  const commands = describeCommands()
  const names = commands.map(({ name }) => name).join(' ')
  const lines = commands.flatMap(({ name, about, flags }) => [
    `complete -c collab -n 'not __fish_seen_subcommand_from ${names}' -f -a ${name} -d '${quote(about)}'`,
    ...flags.map((flag) => `complete -c collab -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`),
    ...wordsOf(name).map((word) => `complete -c collab -n '__fish_seen_subcommand_from ${name}' -f -a ${word}`)
  ])
  return `# fish completion for collab: collab completion fish | source\n${lines.join('\n')}\n`
}

function wordsOf(command: string): readonly string[] {
  if (command === 'conflicts') return KEEP_OPTIONS
  return command === 'completion' ? SHELLS : []
}

function quote(text: string): string {
  return text.replaceAll("'", '').replaceAll(':', ' -').replaceAll('"', '').replaceAll('$', '')
}
