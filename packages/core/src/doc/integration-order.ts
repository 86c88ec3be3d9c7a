import type { Struct, UnitId } from './update-codec.js'

interface Queue {
  readonly structs: Struct[]
  next: number
  /** End of what is there of the client. */
  clock: number
}

/**
 * `structs` in an order in which each finds its neighbours among those before it, or in what `clockOf` says is there:
 * the walk that Yjs does, so a circle or a gap shows here and not as an update that waits for ever. Undefined when
 * there is none. Looks at each struct twice at most.
 */
export function integrationOrder(structs: readonly Struct[], clockOf: (client: number) => number): readonly Struct[] | undefined {
  const queues = new Map<number, Queue>()
  for (const struct of structs) {
    const queue = queues.get(struct.client)
    if (queue === undefined) queues.set(struct.client, { structs: [struct], next: 0, clock: clockOf(struct.client) })
    else queue.structs.push(struct)
  }
  const missing = (struct: Struct) => missingClient(struct, (client) => queues.get(client)?.clock ?? clockOf(client))
  const ordered: Struct[] = []
  for (const start of queues.values()) {
    const waiting: Struct[] = []
    for (;;) {
      const struct = waiting.pop() ?? start.structs[start.next++]
      if (struct === undefined) break
      const needed = missing(struct)
      if (needed === undefined) {
        const queue = queues.get(struct.client)
        if (queue !== undefined) queue.clock = Math.max(queue.clock, struct.clock + struct.length)
        ordered.push(struct)
        continue
      }
      const source = queues.get(needed)
      const before = source?.structs[source.next]
      if (source === undefined || before === undefined) return undefined
      source.next++
      waiting.push(struct, before)
    }
  }
  return ordered
}

/** The client of a neighbour or parent that is not there yet; of its own client, a struct may only name earlier units. */
function missingClient(struct: Struct, clockOf: (client: number) => number): number | undefined {
  const isMissing = (unit: UnitId | undefined): unit is UnitId =>
    unit !== undefined && unit.clock >= (unit.client === struct.client ? struct.clock : clockOf(unit.client))
  if (isMissing(struct.origin)) return struct.origin.client
  if (isMissing(struct.rightOrigin)) return struct.rightOrigin.client
  return typeof struct.parent === 'object' && isMissing(struct.parent) ? struct.parent.client : undefined
}
