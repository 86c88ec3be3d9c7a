import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A wire between two peers that keeps what goes over it. */
export class TcpTap implements AsyncDisposable {
  readonly #server: Server
  readonly #parts: Buffer[] = []
  readonly #sockets = new Set<Socket>()

  private constructor(target: number) {
    this.#server = createServer((inbound) => this.#join(inbound, connect(target, '127.0.0.1')))
  }

  static async to(port: number): Promise<TcpTap> {
    const tap = new TcpTap(port)
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve))
    return tap
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Both directions, in the order of arrival. */
  get bytes(): Buffer {
    return Buffer.concat(this.#parts)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #join(a: Socket, b: Socket): void {
    for (const [from, to] of [
      [a, b],
      [b, a]
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (part) => this.#parts.push(part))
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  }
}
