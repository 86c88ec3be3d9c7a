import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A wire to a port of this machine that can be cut and mended, and that keeps what goes over it when asked to. */
export class TcpWire implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #parts: Buffer[] = []
  readonly #keeps: boolean
  #isCut = false

  private constructor(target: number, keeps: boolean) {
    this.#keeps = keeps
    this.#server = createServer((inbound) => (this.#isCut ? inbound.destroy() : this.#join(inbound, connect(target, '127.0.0.1'))))
  }

  static async to(port: number, { keeps = false } = {}): Promise<TcpWire> {
    const wire = new TcpWire(port, keeps)
    await new Promise<void>((resolve) => wire.#server.listen(0, '127.0.0.1', resolve))
    return wire
  }

  /** Dialable by any peer. */
  get address(): string {
    return `/ip4/127.0.0.1/tcp/${(this.#server.address() as AddressInfo).port}`
  }

  /** What was kept of both directions, in the order of arrival. */
  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #join(a: Socket, b: Socket): void {
    for (const [from, to] of [
      [a, b],
      [b, a]
    ] as const) {
      this.#sockets.add(from)
      if (this.#keeps) from.on('data', (part) => this.#parts.push(part))
      from.on('error', () => to.destroy())
      from.once('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.pipe(to)
    }
  }
}
