import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { makeTrace } from '../trace.js'
import type { Answer, Order } from './orders.js'
import { rivals } from './rivals.js'
import type { SharedText } from './shared-text.js'

/** Edits that a program makes before others get their turn. */
const EDITS_AT_ONCE = 100

const rival = await rivals[process.argv[2] ?? '']?.()
let text: SharedText | undefined

process.on('message', (order: Order) => void carryOut(order))
process.on('disconnect', () => process.exit())

async function carryOut(order: Order): Promise<void> {
  switch (order.do) {
    case 'serve':
      return answer({ ready: await rival?.serve?.() })
    case 'open':
      text = await rival?.open(order.address)
      return answer({ ready: text?.address })
    case 'fill':
      opened().edit(0, 0, 'x'.repeat(order.count))
      return answer({ ready: undefined })
    case 'type':
      return answer({ times: await type(order.count, order.pauseMs) })
    case 'replay':
      return answer({ times: await replay(order) })
    case 'watch':
      return watch(order.length)
    case 'close':
      return await close()
  }
}

async function type(count: number, pauseMs: number): Promise<readonly number[]> {
  const times: number[] = []
  const middle = Math.floor(opened().length() / 2)
  for (let i = 0; i < count; i++) {
    await delay(pauseMs)
    times.push(monotonicMs())
    opened().edit(middle + i, 0, 'y')
  }
  return times
}

/** When it began, when the last edit was made, and when all were durable. */
async function replay({ share, each, tail }: Extract<Order, { do: 'replay' }>): Promise<readonly number[]> {
  const edits = makeTrace(share)
  const shared = opened()
  const start = monotonicMs()
  for (const [index, { at, remove, insert }] of edits.entries()) {
    shared.edit(at, remove, insert)
    if (each) await shared.flush?.()
    else if (index % EDITS_AT_ONCE === 0) await turn()
  }
  shared.edit(shared.length(), 0, '.'.repeat(tail))
  const made = monotonicMs()
  await shared.flush?.()
  return [start, made, monotonicMs()]
}

function watch(length: number): void {
  const times: number[] = []
  const before = opened().length()
  let isDone = false
  const look = (): void => {
    if (isDone) return
    const now = monotonicMs()
    for (let seen = before + times.length; seen < opened().length(); seen++) times.push(now)
    if (opened().length() !== length) return
    isDone = true
    answer({ times })
  }
  opened().onChange(look)
  answer({ ready: undefined })
  look()
}

async function close(): Promise<void> {
  const { rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const entries = text?.stored?.().entries ?? 0
  await text?.close?.()
  answer({ figures: { rss, cpuMs: (user + system) / 1000, storeBytes: text?.stored?.().bytes ?? 0, entries } })
}

function opened(): SharedText {
  if (text === undefined) throw new Error('nothing is open')
  return text
}

/** The same clock in all processes of a machine. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function answer(message: Answer): void {
  process.send?.(message)
}
