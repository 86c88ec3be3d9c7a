/** One measured figure. */
export interface Row {
  readonly what: string
  readonly value: string
  /** Something of the same run to hold it against. */
  readonly beside?: string
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** @throws {RangeError} when there are no values. */
export function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.floor(at * sorted.length))]
  if (value === undefined) throw new RangeError('no values')
  return value
}

export function milliseconds(value: number): string {
  return value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(value < 10 ? 1 : 0)} ms`
}

export function printTable(rows: readonly Row[], write: (line: string) => void): void {
  const width = Math.max(...rows.map(({ what }) => what.length))
  const middle = Math.max(...rows.map(({ value }) => value.length))
  for (const { what, value, beside } of rows) write(`${what.padEnd(width)}  ${value.padStart(middle)}${beside === undefined ? '' : `  (${beside})`}`)
}
