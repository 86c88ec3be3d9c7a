import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { concat, uint32 } from '../base/bytes.js'
import type { Clock } from '../base/clock.js'
import { CollabError, MalformedError } from '../base/errors.js'
import { FRAME_STALL_MS, READ_HIGH_BYTES, WRITE_BATCH_BYTES, WRITE_HIGH_BYTES } from './net-limits.js'

export interface FrameStreamInit {
  readonly clock: Clock
  /** A longer frame is refused from its header, before anything is allocated for it. */
  readonly maxFrameBytes: number
  /**
   * Bytes read ahead of the reader before the stream is paused: each pause holds the sender's window back.
   *
   * @default 256 KiB
   */
  readonly readAheadBytes?: number
  /**
   * Longest silence in the middle of a frame.
   *
   * @default 60 s
   */
  readonly stallMs?: number
}

/** The stream ended, was reset, or its peer is gone. */
export class StreamGoneError extends CollabError {
  constructor(message: string, options?: ErrorOptions) {
    super('StreamGoneError', message, options)
  }
}

/** Parts that are handed on as a list: one frame in two parts behind its length. */
const MAX_LISTED = 3

type Body = Stream & { readonly writeStatus?: string }

/**
 * Frames of bytes, each behind its length as uint32, over a libp2p stream, with backpressure both ways: a reader that
 * waits stops the sender, a sender that awaits `write` buffers at most `WRITE_HIGH_BYTES` and its own frame.
 *
 * The stream's own iterator and `onDrain` are not used: the first buffers without bound, the second works once.
 */
export class FrameStream {
  readonly #stream: Body
  readonly #clock: Clock
  readonly #maxFrameBytes: number
  readonly #stallMs: number
  readonly #readAheadBytes: number
  readonly #inbox = new Uint8ArrayList()
  readonly #waiting: { resolve: () => void; reject: (error: Error) => void }[] = []
  #outbox: Uint8Array[] = []
  #outboxBytes = 0
  #wanted = 0
  #wakeReader: (() => void) | undefined
  #ended = false
  #paused = false
  #resuming = false
  #flushing = false
  #cancelFlush: (() => void) | undefined
  #error: Error | undefined

  /** Takes the stream over at once: data that nobody listens for would be lost or reset. */
  constructor(stream: Stream, init: FrameStreamInit) {
    this.#stream = stream
    this.#clock = init.clock
    this.#maxFrameBytes = init.maxFrameBytes
    this.#stallMs = init.stallMs ?? FRAME_STALL_MS
    this.#readAheadBytes = init.readAheadBytes ?? READ_HIGH_BYTES
    stream.addEventListener('message', event => this.#received(event.data))
    stream.addEventListener('end', () => this.#end())
    stream.addEventListener('close', event => this.#end(event.error ?? new StreamGoneError('the stream was closed')))
    stream.addEventListener('drain', () => this.#flush())
    stream.addEventListener('idle', () => this.#flush())
    if (stream.readableEnded || stream.status !== 'open') this.#ended = true
  }

  /** Bytes accepted by `write` and not yet handed to the connection. */
  get bufferedBytes(): number {
    return this.#outboxBytes + this.#stream.writeBufferLength
  }

  /** Bytes received and not yet read: what a peer makes us hold. */
  get unreadBytes(): number {
    return this.#inbox.byteLength + this.#stream.readBufferLength
  }

  /**
   * The next frame, or undefined when the peer has closed its side between two frames. One call at a time.
   *
   * @throws {MalformedError} for an empty, oversized or truncated frame, or one that stalls; the stream is then reset.
   * @throws the stream's error when it was reset.
   */
  async read(): Promise<Uint8Array | undefined> {
    if (!(await this.#need(4, this.#inbox.byteLength > 0))) return undefined
    const length = this.#inbox.getUint32(0)
    if (length === 0 || length > this.#maxFrameBytes) throw this.#malformed(`a frame of ${length} bytes was announced`)
    await this.#need(4 + length, true)
    // A copy of our own, and one only: on Node the pieces may be views of a pool.
    const frame = concat(...this.#inbox.sublist(4, 4 + length))
    this.#inbox.consume(4 + length)
    return frame
  }

  /**
   * Queues one frame, given whole or in parts, in the order of the calls; resolves when the stream can take more.
   *
   * @throws {RangeError} for a frame that the other side would refuse.
   * @throws {StreamGoneError} when the stream has ended.
   */
  async write(...parts: readonly Uint8Array[]): Promise<void> {
    const length = parts.reduce((sum, part) => sum + part.length, 0)
    if (length === 0 || length > this.#maxFrameBytes) throw new RangeError(`a frame of ${length} bytes`)
    this.#checkWritable()
    this.#outbox.push(uint32(length), ...parts)
    this.#outboxBytes += 4 + length
    this.#flushSoon()
    if (this.bufferedBytes <= WRITE_HIGH_BYTES) return
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  /** Sends what is queued, then closes the writing side. Resolves when done or after `withinMs`. */
  async close(withinMs: number): Promise<void> {
    this.#cancelFlush?.()
    this.#cancelFlush = undefined
    if (this.#stream.status !== 'open') return
    const signal = AbortSignal.timeout(withinMs)
    this.#flush()
    await this.#allSent(signal)
    await this.#stream.close({ signal }).catch((error: unknown) => this.abort(asError(error)))
  }

  abort(error: Error): void {
    this.#stream.abort(error)
    this.#end(error)
  }

  #received(data: Uint8Array | Uint8ArrayList): void {
    this.#inbox.append(data)
    // A pause inside of `resume` is lost: the stream delivers its buffer first and re-opens the window afterwards.
    if (!this.#resuming) this.#pauseWhenFull()
    this.#wake()
  }

  #pauseWhenFull(): void {
    if (this.#paused || this.#ended || this.#inbox.byteLength <= Math.max(this.#readAheadBytes, this.#wanted)) return
    this.#paused = true
    this.#attempt(() => this.#stream.pause())
  }

  #resume(): void {
    this.#paused = false
    this.#resuming = true
    this.#attempt(() => this.#stream.resume())
    this.#resuming = false
  }

  /** Pausing and resuming throw once the stream is closing, which its events report anyway. */
  #attempt(step: () => void): void {
    try {
      step()
    } catch {
      this.#ended ||= this.#stream.status !== 'open'
    }
  }

  /** Waits for `bytes` in the inbox; false when the stream ended before the first of them. */
  async #need(bytes: number, inFrame: boolean): Promise<boolean> {
    this.#wanted = bytes
    while (this.#inbox.byteLength < bytes) {
      if (this.#paused) this.#resume()
      else if (this.#ended) return this.#endedEarly()
      else await this.#more(inFrame || this.#inbox.byteLength > 0)
    }
    this.#pauseWhenFull()
    return true
  }

  #endedEarly(): false {
    const isCutOff = this.#inbox.byteLength > 0
    // What was given up here, or went with its connection, may end anywhere.
    if (this.#error !== undefined && (isCutOff || !(this.#error instanceof StreamGoneError))) throw this.#error
    if (isCutOff) throw this.#malformed('the stream ended in the middle of a frame')
    return false
  }

  async #more(inFrame: boolean): Promise<void> {
    let stalled = false
    await new Promise<void>(resolve => {
      const stop = inFrame ? this.#clock.after(this.#stallMs, () => ((stalled = true), resolve())) : undefined
      this.#wakeReader = () => (stop?.(), resolve())
    })
    this.#wakeReader = undefined
    if (stalled) throw this.#malformed('a frame stopped in the middle')
  }

  #malformed(message: string): MalformedError {
    const error = new MalformedError(message)
    this.abort(error)
    return error
  }

  /** The first write of a burst goes out at once, those that follow within the same turn go together. */
  #flushSoon(): void {
    if (this.#cancelFlush !== undefined && this.#outboxBytes < WRITE_BATCH_BYTES) return
    this.#flush()
    this.#cancelFlush ??= this.#clock.after(0, () => {
      this.#cancelFlush = undefined
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#flushing) return
    this.#flushing = true
    try {
      while (this.#outboxBytes > 0 && !this.#stream.writableNeedsDrain && this.#isWritable()) this.#stream.send(this.#batch())
    } catch (error) {
      this.#end(asError(error))
    } finally {
      this.#flushing = false
    }
    if (this.bufferedBytes <= WRITE_HIGH_BYTES) for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  /** Takes from the outbox. Several frames are copied together: a list of many small pieces is slow in muxer and cipher. */
  #batch(): Uint8Array | Uint8ArrayList {
    let count = 0
    let bytes = 0
    while (count < this.#outbox.length && bytes < WRITE_BATCH_BYTES) bytes += this.#outbox[count++]?.length ?? 0
    const parts = this.#outbox.slice(0, count)
    this.#outbox = this.#outbox.slice(count)
    this.#outboxBytes -= bytes
    return count > MAX_LISTED ? concat(...parts) : new Uint8ArrayList(...parts)
  }

  async #allSent(signal: AbortSignal): Promise<void> {
    if (this.#outboxBytes === 0) return
    await new Promise<void>(resolve => {
      const done = (): void => {
        if (this.#outboxBytes === 0 || this.#ended || signal.aborted) resolve()
      }
      for (const event of ['drain', 'idle', 'close'] as const) this.#stream.addEventListener(event, done)
      signal.addEventListener('abort', done)
      done()
    })
  }

  #isWritable(): boolean {
    return this.#stream.status === 'open' && (this.#stream.writeStatus ?? 'writable') === 'writable'
  }

  #checkWritable(): void {
    if (!this.#isWritable()) throw this.#error ?? new StreamGoneError('the stream is closed for writing')
  }

  #end(error?: Error): void {
    this.#ended = true
    if (error !== undefined) {
      this.#error ??= error
      this.#outbox = []
      this.#outboxBytes = 0
      this.#cancelFlush?.()
      this.#cancelFlush = undefined
      for (const { reject } of this.#waiting.splice(0)) reject(this.#error)
    }
    this.#wake()
  }

  #wake(): void {
    this.#wakeReader?.()
  }
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
