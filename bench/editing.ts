import { RivalWorker } from './rivals/rival-worker.js'
import { milliseconds } from './table.js'
import type { Row } from './table.js'
import { makeTrace } from './trace.js'
import * as Y from 'yjs'

/** The part of the trace of which each edit becomes an entry of its own. */
const SHARE_APART = 0.02
/** Added at the end: no length before comes near the one with it. */
const TAIL = 20_000

/** A long editing session through the whole stack: a live document, its log, a second peer, a newcomer; beside Yjs alone. */
export async function measureEditing(): Promise<readonly Row[]> {
  return [...yjsAlone(), ...(await through('trace as fast as it goes', 1, false)), ...(await through('trace, an entry for each edit', SHARE_APART, true))]
}

function yjsAlone(): readonly Row[] {
  const edits = makeTrace()
  const [from, to] = [new Y.Doc(), new Y.Doc()]
  let bytes = 0
  from.on('update', (update: Uint8Array) => {
    bytes += update.length
    Y.applyUpdate(to, update)
  })
  const text = from.getText('text')
  const start = performance.now()
  for (const { at, remove, insert } of edits) {
    if (remove > 0) text.delete(at, remove)
    else text.insert(at, insert)
  }
  const took = performance.now() - start
  const state = Y.encodeStateAsUpdate(from)
  return [
    { what: `trace, Yjs alone, two documents in one process: ${edits.length} edits`, value: milliseconds(took), beside: `updates ${megabytes(bytes)}, merged ${megabytes(state.length)}` }
  ]
}

async function through(what: string, share: number, each: boolean): Promise<readonly Row[]> {
  const workers = [0, 1, 2].map(() => new RivalWorker('collab'))
  try {
    const [writer, reader, newcomer] = workers as [RivalWorker, RivalWorker, RivalWorker]
    const edits = makeTrace(share)
    const length = TAIL + edits.reduce((sum, { remove, insert }) => sum + insert.length - remove, 0)
    const address = await writer.ready({ do: 'open', address: undefined })
    await reader.ready({ do: 'open', address })
    await reader.ready({ do: 'watch', length })
    const [[start = 0, made = 0, durable = 0], there] = await Promise.all([writer.times({ do: 'replay', share, each, tail: TAIL }), reader.nextTimes()])
    const joining = performance.now()
    await newcomer.ready({ do: 'open', address })
    await newcomer.ready({ do: 'watch', length })
    await newcomer.nextTimes()
    const joined = performance.now() - joining
    const late = await newcomer.close()
    const second = await reader.close()
    const first = await writer.close()
    return [
      { what: `${what}: ${edits.length} edits made, durable`, value: milliseconds(made - start), beside: milliseconds(durable - start) },
      { what: `${what}: all at the second peer`, value: milliseconds((there.at(-1) ?? NaN) - start), beside: `CPU of writer and second ${milliseconds(first.cpuMs)}, ${milliseconds(second.cpuMs)}` },
      { what: `${what}: store`, value: megabytes(first.storeBytes), beside: `${first.entries} entries` },
      { what: `${what}: memory of writer, second peer, newcomer`, value: [first, second, late].map(({ rss }) => megabytes(rss)).join(', ') },
      { what: `${what}: start, join and have it as a newcomer`, value: milliseconds(joined), beside: `CPU ${milliseconds(late.cpuMs)}` }
    ]
  } finally {
    for (const worker of workers) worker.end()
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
