import type { ComponentLogger, Logger, PeerDiscovery, PeerInfo } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { errorMessage } from '../base/errors.js'
import type { Discovery, DiscoveryInit } from './net-platform.js'

/**
 * Finds peers on the LAN by multicast DNS. It is started here and not by libp2p, which would keep a record of every
 * peer id that anyone on the LAN makes up.
 */
export class LanDiscovery implements Discovery {
  readonly #init: DiscoveryInit
  #service: (PeerDiscovery & { start?: () => unknown; stop?: () => unknown }) | undefined
  #told = false

  constructor(init: DiscoveryInit) {
    this.#init = init
  }

  async start(): Promise<void> {
    const logger = reportingLogger(this.#init.components.logger, cause => this.#failed(cause))
    try {
      this.#service = mdns({ serviceTag: `_${this.#init.tag}._udp.local` })({ ...this.#init.components, logger })
      this.#service.addEventListener('peer', event => this.#found(event.detail))
      await this.#service.start?.()
    } catch (error) {
      this.#failed(errorMessage(error))
    }
  }

  async stop(): Promise<void> {
    await this.#service?.stop?.()
    this.#service = undefined
  }

  #found({ id, multiaddrs }: PeerInfo): void {
    this.#init.discovered(id.toString(), multiaddrs.map(String))
  }

  #failed(cause: string): void {
    if (this.#told) return
    this.#told = true
    this.#init.failed(cause)
  }
}

/** The multicast service only logs that its socket failed; this hears it. Answers that cannot be read are not failures. */
function reportingLogger(inner: ComponentLogger, report: (cause: string) => void): ComponentLogger {
  const wrap = (log: Logger): Logger => {
    const error = (format: string, ...args: unknown[]): void => {
      log.error(format, ...args)
      const cause = args.find(arg => arg instanceof Error)
      if (cause !== undefined && /^mdns (warning|error)/.test(format) && 'syscall' in cause) report(cause.message)
    }
    const plain = (format: string, ...args: unknown[]): void => log(format, ...args)
    const trace = (format: string, ...args: unknown[]): void => log.trace(format, ...args)
    return Object.assign(plain, { error, trace, enabled: log.enabled, newScope: (name: string) => wrap(log.newScope(name)) })
  }
  return { forComponent: name => wrap(inner.forComponent(name)) }
}
