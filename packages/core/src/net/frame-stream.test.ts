import { createHash, randomBytes } from 'node:crypto'
import { array, assert, asyncProperty, boolean, integer, oneof } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, uint32, utf8 } from '../base/bytes.js'
import { systemClock } from '../base/clock.js'
import { FrameStream, StreamGoneError } from './frame-stream.js'
import { MAX_STREAM_WINDOW_BYTES, READ_HIGH_BYTES, WRITE_HIGH_BYTES } from './net-limits.js'
import { TestNet } from './test-peers.js'

const MiB = 1 << 20
const init = { clock: systemClock, maxFrameBytes: 4 * MiB }

async function framed(net: TestNet): Promise<readonly [FrameStream, FrameStream]> {
  const [a, b] = await net.streams()
  return [new FrameStream(a, init), new FrameStream(b, init)]
}

const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function readAll(frames: FrameStream): Promise<Uint8Array[]> {
  const out: Uint8Array[] = []
  for (let frame = await frames.read(); frame !== undefined; frame = await frames.read()) out.push(frame)
  return out
}

describe('FrameStream', () => {
  it('[FRAME1] any frames written arrive the same, in order, then the end', async () => {
    await using net = new TestNet()
    const [a, b] = await net.streams()
    const connection = { writer: new FrameStream(a, init), reader: new FrameStream(b, init) }
    const sizes = array(oneof(integer({ min: 1, max: 300 }), integer({ min: 1, max: 600_000 })), { maxLength: 30 })
    await assert(
      asyncProperty(sizes, boolean(), async (sizes, together) => {
        const sent = sizes.map(size => randomBytes(size))
        const writing = together
          ? Promise.all(sent.map(frame => connection.writer.write(frame)))
          : sent.reduce((before, frame) => before.then(() => connection.writer.write(frame)), Promise.resolve())
        for (const frame of sent) expect(hash((await connection.reader.read()) ?? utf8(''))).toBe(hash(frame))
        await writing
      }),
      { numRuns: 30 }
    )
    await connection.writer.close(1000)
    expect(await connection.reader.read()).toBeUndefined()
  })

  it('[FRAME2] frames are found however their bytes are cut', async () => {
    await using net = new TestNet()
    const [raw, b] = await net.streams()
    const reader = new FrameStream(b, init)
    const bytes = concat(uint32(5), utf8('hello'), uint32(1), utf8('!'), uint32(6), utf8('world.'))
    for (const byte of bytes) {
      raw.send(Uint8Array.of(byte))
      await new Promise(setImmediate)
    }
    await raw.close()
    expect((await readAll(reader)).map(frame => new TextDecoder().decode(frame))).toEqual(['hello', '!', 'world.'])
  })

  for (const [what, length] of [['oversized', 4 * MiB + 1], ['huge', 0xffffffff], ['empty', 0]] as const) {
    it(`[FRAME3] an ${what} frame is refused from its header and the stream is reset`, async () => {
      await using net = new TestNet()
      const [raw, b] = await net.streams()
      const reader = new FrameStream(b, init)
      raw.send(uint32(length))
      await expect(reader.read()).rejects.toMatchObject({ name: 'MalformedError' })
      expect(b.status).toBe('aborted')
    })
  }

  it('[FRAME4] a truncated frame is an error, not an end', async () => {
    await using net = new TestNet()
    const [raw, b] = await net.streams()
    const reader = new FrameStream(b, init)
    raw.send(concat(uint32(10), utf8('half')))
    await raw.close()
    await expect(reader.read()).rejects.toMatchObject({ name: 'MalformedError' })
  })

  it('[FRAME9] a frame that was cut off because the stream was given up here is nobody\'s fault', async () => {
    await using net = new TestNet()
    const [raw, b] = await net.streams()
    const reader = new FrameStream(b, init)
    raw.send(concat(uint32(10), utf8('half')))
    await expect.poll(() => reader.unreadBytes).toBe(8)
    const read = reader.read()
    reader.abort(new StreamGoneError('a newer stream took over'))
    await expect(read).rejects.toMatchObject({ name: 'StreamGoneError' })
  })

  it('[FRAME5] a frame that stops in the middle is given up; silence between frames is not', async () => {
    await using net = new TestNet()
    const [raw, b] = await net.streams()
    const timers: (() => void)[] = []
    const clock = { ...systemClock, after: (_ms: number, run: () => void) => (timers.push(run), () => undefined) }
    const reader = new FrameStream(b, { ...init, clock })
    const first = reader.read()
    expect(timers).toEqual([])
    raw.send(concat(uint32(2), utf8('ok')))
    expect(await first).toEqual(utf8('ok'))
    const second = reader.read()
    const outcome = second.catch((error: unknown) => error)
    raw.send(concat(uint32(2), utf8('o')))
    const fire = setInterval(() => timers.at(-1)?.(), 5)
    expect(await outcome).toMatchObject({ name: 'MalformedError', message: 'a frame stopped in the middle' })
    clearInterval(fire)
  })

  it('[FRAME6] a reader that waits holds the writer back, with bounded bytes on both sides', async () => {
    await using net = new TestNet()
    const [writer, reader] = await framed(net)
    const frame = new Uint8Array(64 * 1024)
    let accepted = 0
    let held: Promise<void> | undefined
    // Quiet for 200 turns of the loop: what can be taken has been taken.
    for (let quiet = 0; quiet < 200; ) {
      let done = false
      held ??= writer.write(frame).then(() => ((accepted += frame.length), (done = true), (held = undefined)) as unknown as void)
      await new Promise(setImmediate)
      quiet = done ? 0 : quiet + 1
      expect(writer.bufferedBytes).toBeLessThanOrEqual(WRITE_HIGH_BYTES + frame.length + 4)
      expect(reader.unreadBytes).toBeLessThanOrEqual(READ_HIGH_BYTES + MAX_STREAM_WINDOW_BYTES + frame.length)
    }
    expect(accepted).toBeGreaterThan(0)
    expect(accepted).toBeLessThan(8 * MiB)
    const total = accepted
    for (let read = 0; read < total; ) read += (await reader.read())?.length ?? NaN
    await held
    expect(accepted).toBeGreaterThan(total)
  })

  it('[FRAME7] 100 MB pass a reader that stalls at random, intact by hash', async () => {
    await using net = new TestNet()
    const [writer, reader] = await framed(net)
    const [sent, received] = [createHash('sha256'), createHash('sha256')]
    const sizes = [100, 4 * MiB, 70_000, 1, 256 * 1024, 1 * MiB]
    const source = randomBytes(4 * MiB)
    const write = async (): Promise<void> => {
      for (let total = 0, i = 0; total < 100e6; i++) {
        const frame = source.subarray(0, sizes[i % sizes.length])
        sent.update(frame)
        await writer.write(frame)
        total += frame.length
      }
      await writer.close(10_000)
    }
    const read = async (): Promise<void> => {
      for (let frame = await reader.read(), i = 0; frame !== undefined; frame = await reader.read(), i++) {
        received.update(frame)
        if (i % 7 === 0) await new Promise(setImmediate)
        if (i % 31 === 0) await new Promise(resolve => void setTimeout(resolve, 20))
        expect(reader.unreadBytes).toBeLessThan(4 * MiB + READ_HIGH_BYTES + MAX_STREAM_WINDOW_BYTES)
      }
    }
    await Promise.all([write(), read()])
    expect(received.digest('hex')).toBe(sent.digest('hex'))
  })

  it('[FRAME8] a reset rejects the writers that wait and ends the reader', async () => {
    await using net = new TestNet()
    const [writer, reader] = await framed(net)
    const held = Promise.allSettled(Array.from({ length: 10 }, () => writer.write(new Uint8Array(MiB))))
    await reader.read()
    reader.abort(new Error('enough'))
    const outcomes = await held
    expect(outcomes.some(outcome => outcome.status === 'rejected')).toBe(true)
    await expect(writer.write(utf8('x'))).rejects.toThrow()
    await expect(writer.read()).rejects.toThrow()
  })
})
