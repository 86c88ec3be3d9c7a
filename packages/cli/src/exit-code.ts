/** What scripts read. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** `--once` reached no peer, or something waits for confirmation. */
  undelivered: 3,
  /** A second Ctrl-C: ended at once. */
  interrupted: 130
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
