import { TARGET_BODY_BYTES } from '../base/limits.js'
import type { Change } from '../log/change.js'

/** Most changes of one own entry: what a receiver applies in one go without holding up its event loop. */
const TARGET_CHANGES = 1000

/** Cuts units into runs that stay near the target size of one entry. */
export function* groupUnits(units: readonly (readonly Change[])[]): Generator<readonly Change[]> {
  let group: Change[] = []
  let bytes = 0
  for (const unit of units) {
    const size = unit.reduce((sum, change) => sum + sizeOf(change), 0)
    if (group.length > 0 && (bytes + size > TARGET_BODY_BYTES || group.length + unit.length > TARGET_CHANGES)) {
      yield group
      group = []
      bytes = 0
    }
    group.push(...unit)
    bytes += size
  }
  if (group.length > 0) yield group
}

/** About what a change takes in a body. */
function sizeOf(change: Change): number {
  if (change.kind === 'seed') return change.text.length + 40
  return 'update' in change ? change.update.length + 60 : 200
}
