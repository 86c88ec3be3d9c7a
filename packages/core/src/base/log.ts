/** Diagnostics for developers. What a user must know goes out as an event, never only here. */
export interface Logger {
  debug(message: string, details?: Readonly<Record<string, unknown>>): void
  warn(message: string, details?: Readonly<Record<string, unknown>>): void
  scope(name: string): Logger
}

export const silentLogger: Logger = {
  debug: () => undefined,
  warn: () => undefined,
  scope: () => silentLogger
}
