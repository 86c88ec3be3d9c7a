import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { systemClock } from '@collab/core'
import { Slices } from './slices.js'

/** Work whose slices end when `now` is moved on. */
function work() {
  const time = { now: 0 }
  const slices = new Slices({ ...systemClock, monotonic: () => time.now })
  return { time, slices }
}

describe('long work', () => {
  it('[SLICE1] lets everything else have its turn when a slice is over', async () => {
    const { time, slices } = work()
    expect(slices.isOver).toBe(false)
    time.now += 1000
    expect(slices.isOver).toBe(true)
    let heard = 0
    setImmediate(() => heard++)
    await slices.next()
    expect(heard).toBe(1)
    expect(slices.isOver).toBe(false)
  })

  it('[SLICE1] goes on at once when all others had theirs while it waited', async () => {
    const { time, slices } = work()
    await turn()
    time.now += 1000
    let heard = 0
    setImmediate(() => heard++)
    await slices.next()
    expect(heard).toBe(0)
    expect(slices.isOver).toBe(false)
  })
})
