import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PLACES = ['/usr/bin/firefox-esr', '/Applications/Firefox.app/Contents/MacOS/firefox']

/** The browser of this machine; `FIREFOX` names another one. */
const firefoxPath = [process.env['FIREFOX'] ?? '', ...PLACES].find((path) => path !== '' && existsSync(path))

/** For `describe.skipIf`, and the name of what is skipped. */
export const noFirefox = firefoxPath === undefined
export const inFirefox = noFirefox ? 'skipped: no Firefox here (apt-get install firefox-esr)' : 'in Firefox'
if (noFirefox) process.stderr.write('Tests in Firefox are skipped: none here (apt-get install firefox-esr, or name one by FIREFOX).\n')

/** It asks nobody outside, and WebRTC is as on a machine in a local network, whatever network this one has. */
const SETTINGS: Readonly<Record<string, boolean>> = {
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'app.update.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false
}

interface Answer {
  readonly id?: number
  readonly type: string
  readonly result?: Readonly<Record<string, unknown>>
  readonly message?: string
}

type Result = Readonly<Record<string, unknown>>

/** Firefox over WebDriver BiDi, which it speaks by itself. */
export class Firefox implements AsyncDisposable {
  readonly #process: ChildProcess
  readonly #directory: string
  readonly #waiting = new Map<number, { resolve: (result: Result) => void; reject: (error: Error) => void }>()
  #socket: WebSocket | undefined
  #calls = 0

  private constructor(child: ChildProcess, directory: string) {
    this.#process = child
    this.#directory = directory
  }

  static async start(): Promise<Firefox> {
    const directory = mkdtempSync(join(tmpdir(), 'collab-firefox-'))
    writeFileSync(join(directory, 'user.js'), Object.entries(SETTINGS).map(([name, value]) => `user_pref("${name}", ${value});\n`).join(''))
    const child = spawn(firefoxPath ?? '', ['--headless', '--no-remote', '--remote-debugging-port', '0', '--profile', directory], { env: { ...process.env, HOME: directory } })
    const firefox = new Firefox(child, directory)
    await firefox.#connect()
    await firefox.call('session.new', { capabilities: {} })
    return firefox
  }

  /** A tab of a profile of its own. */
  async open(url: string): Promise<FirefoxTab> {
    const { userContext } = await this.call('browser.createUserContext', {})
    const { context } = await this.call('browsingContext.create', { type: 'tab', userContext })
    const tab = new FirefoxTab(this, String(context))
    await tab.goto(url)
    return tab
  }

  async call(method: string, params: Result): Promise<Result> {
    const id = ++this.#calls
    return await new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#socket?.send(JSON.stringify({ id, method, params }))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.close()
    const ended = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.kill('SIGKILL')
    await ended
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 10 })
  }

  async #connect(): Promise<void> {
    const address = await new Promise<string>((resolve, reject) => {
      let said = ''
      this.#process.stderr?.on('data', (part: Buffer) => {
        said += part.toString()
        const address = /WebDriver BiDi listening on (ws:\S+)/.exec(said)?.[1]
        if (address !== undefined) resolve(address)
      })
      this.#process.once('exit', () => reject(new Error(`Firefox ended: ${said}`)))
    })
    const socket = new WebSocket(`${address}/session`)
    this.#socket = socket
    socket.addEventListener('message', ({ data }) => this.#answered(JSON.parse(String(data)) as Answer))
    await new Promise((resolve) => socket.addEventListener('open', resolve))
  }

  #answered({ id, type, result, message }: Answer): void {
    const waiting = this.#waiting.get(id ?? 0)
    this.#waiting.delete(id ?? 0)
    if (type === 'success') waiting?.resolve(result ?? {})
    else waiting?.reject(new Error(message))
  }
}

export class FirefoxTab {
  readonly #firefox: Firefox
  readonly #context: string

  constructor(firefox: Firefox, context: string) {
    this.#firefox = firefox
    this.#context = context
  }

  async goto(url: string): Promise<void> {
    await this.#firefox.call('browsingContext.navigate', { context: this.#context, url, wait: 'complete' })
  }

  async reload(): Promise<void> {
    await this.#firefox.call('browsingContext.reload', { context: this.#context, wait: 'complete' })
  }

  /** What an expression comes to there, as JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const asText = `(async () => JSON.stringify((await (${expression})) ?? null))()`
    const answer = await this.#firefox.call('script.evaluate', { expression: asText, target: { context: this.#context }, awaitPromise: true })
    const { type, result, exceptionDetails } = answer as { type: string; result?: { value: string }; exceptionDetails?: { text: string } }
    if (type !== 'success') throw new Error(exceptionDetails?.text)
    return JSON.parse(result?.value ?? 'null')
  }
}
