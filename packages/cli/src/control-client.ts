import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { FailureError } from './cli-error.js'
import { controlPath, isTrusted } from './control-path.js'
import { MAX_RESPONSE_CHARS, parseResponse, timeoutOf } from './control-protocol.js'
import type { ControlAnswers, ControlRequest } from './control-protocol.js'
import { readLine } from './read-line.js'

/**
 * Asks the process that has this store open; undefined when none runs (a socket left by a crash included).
 *
 * @throws {FailureError} when it refuses or does not answer.
 */
export async function askRunning<Ask extends ControlRequest>(storeDirectory: string, request: Ask): Promise<ControlAnswers[Ask['ask']] | undefined> {
  const path = controlPath(storeDirectory)
  if (!isTrusted(path, storeDirectory)) return undefined
  const socket = await connected(path)
  if (socket === undefined) return undefined
  try {
    socket.setTimeout(timeoutOf(request), () => socket.destroy())
    socket.on('error', () => undefined)
    socket.write(`${JSON.stringify(request)}\n`)
    const response = parseResponse((await readLine(socket, MAX_RESPONSE_CHARS)) ?? '')
    if (response === undefined) throw new FailureError('the running process did not answer; try again, or stop it and start it anew')
    if (!response.ok) throw new FailureError(response.message)
    return response.value as ControlAnswers[Ask['ask']]
  } finally {
    socket.destroy()
  }
}

async function connected(path: string): Promise<Socket | undefined> {
  return await new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', () => resolve(undefined))
  })
}
