/** One text in one process, shared with other processes. */
export interface SharedText {
  /** What another process needs to open it; none when a server's address is enough. */
  readonly address?: string
  length(): number
  edit(at: number, remove: number, insert: string): void
  /** Calls `listener` after each change, whoever made it. */
  onChange(listener: () => void): void
  /** Everything is durable here, where something is stored at all. */
  flush?(): Promise<void>
  /** Bytes of the store's files, and entries in it. */
  stored?(): { readonly bytes: number; readonly entries: number }
  /** Lets go of it, so that its files are all there. */
  close?(): Promise<void>
}

/** A way to share a text between processes on one machine. */
export interface Rival {
  /** Starts a server in this process, and gives its address; absent where none is needed. */
  readonly serve?: () => Promise<string>
  /** Opens the text of a server or another process, or begins it. Resolves when it is ready to be typed in. */
  readonly open: (address: string | undefined) => Promise<SharedText>
}
