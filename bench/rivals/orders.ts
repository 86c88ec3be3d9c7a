/** What the bench tells the process of a rival, and what it answers. */
export type Order =
  | { readonly do: 'serve' }
  | { readonly do: 'open'; readonly address: string | undefined }
  /** Inserts so many characters at once. */
  | { readonly do: 'fill'; readonly count: number }
  /** Inserts one character after the other in the middle of the text; answers with the time of each. */
  | { readonly do: 'type'; readonly count: number; readonly pauseMs: number }
  /**
   * Makes this share of the editing trace's edits, each a transaction of its own; with `each`, each is durable before
   * the next. Then it adds `tail` characters, so that the length says that all is there.
   */
  | { readonly do: 'replay'; readonly share: number; readonly each: boolean; readonly tail: number }
  /** Answers at once; when the text has `length` characters, answers again with the time at which each further one was there. */
  | { readonly do: 'watch'; readonly length: number }
  /** Stops, and says what that left. */
  | { readonly do: 'close' }

export interface Figures {
  readonly rss: number
  readonly cpuMs: number
  readonly storeBytes: number
  readonly entries: number
}

export type Answer = { readonly ready: string | undefined } | { readonly times: readonly number[] } | { readonly figures: Figures }
