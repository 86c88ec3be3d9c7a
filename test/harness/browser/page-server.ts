import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', html: 'text/html' }

/** Gives out `files` by name on the loopback interface, where pages count as secure. */
export async function servePages(files: Readonly<Record<string, string>>): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer(({ url = '/' }, response) => {
    const name = new URL(url, 'http://localhost').pathname.slice(1)
    const body = files[name]
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': `${TYPES[name.split('.').at(-1) ?? ''] ?? 'text/plain'}; charset=utf-8` })
    response.end(body)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => void server.close(resolve))
  }
  return { url: `http://localhost:${port}`, close }
}

/** A page that runs a module. */
export function pageWith(script: string): string {
  return `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="module" src="${script}"></script>`
}
