import { mkdtempSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { askRunning } from './control-client.js'
import { controlPath } from './control-path.js'
import { parseRequest, parseResponse } from './control-protocol.js'
import { ControlServer } from './control-server.js'

describe('the control socket', () => {
  let directory = ''
  beforeEach(() => {
    directory = realpathSync(mkdtempSync(join(tmpdir(), 'collab-control-')))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  it('[CLI100] answers its own user, and nobody else can open it', async () => {
    const server = new ControlServer(directory, async ({ ask }) => (ask === 'addresses' ? ['/ip4/127.0.0.1/tcp/1'] : { confirmed: false }))
    await server.start()
    expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600)
    expect(await askRunning(directory, { ask: 'addresses' })).toEqual(['/ip4/127.0.0.1/tcp/1'])
    expect(await askRunning(directory, { ask: 'confirm' })).toEqual({ confirmed: false })
    await server.stop()
    expect(await askRunning(directory, { ask: 'addresses' })).toBeUndefined()
  })

  it('[CLI101] takes over what a crash left, and a client takes that for nobody', async () => {
    writeFileSync(join(directory, 'control.sock'), '')
    expect(await askRunning(directory, { ask: 'addresses' })).toBeUndefined()
    const server = new ControlServer(directory, async () => [])
    await server.start()
    expect(await askRunning(directory, { ask: 'addresses' })).toEqual([])
    await server.stop()
  })

  it('[CLI102] a failure comes back as one sentence, garbage as a refusal', async () => {
    const server = new ControlServer(directory, async () => {
      throw new Error('a blind link cannot read the workspace')
    })
    await server.start()
    await expect(askRunning(directory, { ask: 'log', limit: 1 })).rejects.toThrow('a blind link cannot read the workspace')
    const answer = await new Promise<string>((resolve) => {
      const socket = createConnection(join(directory, 'control.sock'))
      socket.on('data', (data) => resolve(String(data)))
      socket.end('{"ask":"everything"}\n')
    })
    expect(parseResponse(answer)).toMatchObject({ ok: false })
    await server.stop()
  })

  it('[CLI103] reads requests strictly', () => {
    expect(parseRequest('{"ask":"log","limit":5,"path":"a"}')).toEqual({ ask: 'log', limit: 5, path: 'a' })
    for (const line of ['', '{', 'null', '{"ask":"log"}', '{"ask":"log","limit":-1}', '{"ask":"rm"}']) expect(parseRequest(line)).toBeUndefined()
  })

  it('[CLI104] a path fits a socket address, however deep the home', () => {
    const deep = join('/home', 'x'.repeat(200), 'stores', 'abc')
    expect(Buffer.byteLength(controlPath(deep))).toBeLessThanOrEqual(103)
    expect(controlPath(deep)).not.toBe(controlPath(`${deep}d`))
    expect(controlPath('/home/a/stores/b')).toBe('/home/a/stores/b/control.sock')
  })
})
