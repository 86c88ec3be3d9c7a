/** One thing that was looked at. Texts may come from strangers: escape them before showing them. */
export interface Finding {
  /** What was looked at: a stable word. */
  readonly check: string
  readonly state: 'ok' | 'warn' | 'fail'
  readonly message: string
  readonly advice?: string
}

export function ok(check: string, message: string): Finding {
  return { check, state: 'ok', message }
}

export function warn(check: string, message: string, advice: string): Finding {
  return { check, state: 'warn', message, advice }
}

export function fail(check: string, message: string, advice: string): Finding {
  return { check, state: 'fail', message, advice }
}
