/**
 * A failure with a name to match on and a sentence for a person: what is wrong, then what to do.
 * Callers compare `error.name`, which survives two copies of a package.
 */
export class CollabError extends Error {
  constructor(name: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = name
  }
}

/** What was typed or pasted as a topic or link cannot be used. */
export class InvalidTopicError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('InvalidTopicError', message, options)
  }
}

/** Bytes from a peer or a store do not follow the format. */
export class MalformedError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('MalformedError', message, options)
  }
}

/** The store on disk is damaged and was set aside or must be. */
export class StoreDamagedError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('StoreDamagedError', message, options)
  }
}

/** The store was written by a newer version of the program; nothing was changed. */
export class StoreTooNewError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('StoreTooNewError', message, options)
  }
}

/** Another process holds the store or the folder. */
export class AlreadyRunningError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('AlreadyRunningError', message, options)
  }
}

/** The link's rights do not cover what was asked. */
export class NotPermittedError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('NotPermittedError', message, options)
  }
}

/** What was written in a live document is something that peers would not take. */
export class RefusedChangeError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('RefusedChangeError', message, options)
  }
}

/** A listen address is malformed, in use or not permitted. */
export class ListenError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('ListenError', message, options)
  }
}

/** Makes a switch over a closed union complete at compile time. */
export function assertNever(value: never): never {
  throw new TypeError(`unexpected case: ${JSON.stringify(value)}`)
}

/** The message of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
