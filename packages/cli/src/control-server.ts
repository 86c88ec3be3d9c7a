import { chmodSync, rmSync } from 'node:fs'
import { platform } from 'node:os'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { describeError } from './cli-error.js'
import { controlPath, prepareControlPath } from './control-path.js'
import { CONTROL_TIMEOUT_MS, MAX_REQUEST_CHARS, parseRequest, timeoutOf } from './control-protocol.js'
import type { ControlAnswers, ControlRequest, ControlResponse } from './control-protocol.js'
import { readLine } from './read-line.js'

export type ControlHandler = (request: ControlRequest) => Promise<ControlAnswers[ControlRequest['ask']]>

/** Answers the other commands of this user about the running process. */
export class ControlServer {
  readonly #path: string
  readonly #storeDirectory: string
  readonly #handle: ControlHandler
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(storeDirectory: string, handle: ControlHandler) {
    this.#storeDirectory = storeDirectory
    this.#path = controlPath(storeDirectory)
    this.#handle = handle
  }

  /** Only the process that holds the store's lock calls this: a socket that is there already was left by a crash. */
  async start(): Promise<void> {
    prepareControlPath(this.#path, this.#storeDirectory)
    rmSync(this.#path, { force: true })
    const server = createServer((socket) => void this.#serve(socket))
    this.#server = server
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#path, () => resolve())
    })
    server.on('error', () => undefined)
    if (platform() !== 'win32') chmodSync(this.#path, 0o600)
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroySoon()
    await closed
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.setTimeout(CONTROL_TIMEOUT_MS, () => socket.destroy())
    const line = await readLine(socket, MAX_REQUEST_CHARS)
    if (line === undefined) return void socket.destroy()
    const request = parseRequest(line)
    if (request !== undefined) socket.setTimeout(timeoutOf(request))
    socket.end(`${JSON.stringify(await this.#answer(request))}\n`)
  }

  async #answer(request: ControlRequest | undefined): Promise<ControlResponse> {
    if (request === undefined) return { ok: false, message: 'the running process does not know this question; it may be another version' }
    try {
      return { ok: true, value: await this.#handle(request) }
    } catch (error) {
      return { ok: false, message: describeError(error) }
    }
  }
}
