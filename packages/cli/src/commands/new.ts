import { randomBytes } from 'node:crypto'
import { keysFromWriteKey, nodeCrypto } from '@collab/core'
import type { Request } from '../args.js'
import { EXIT } from '../exit-code.js'
import type { ExitCode } from '../exit-code.js'
import { printLinks } from '../links.js'
import type { System } from '../system.js'

/** Makes a workspace: nothing but a random key, which lives in its links. */
export async function makeNew(request: Extract<Request, { command: 'new' }>, { io }: System): Promise<ExitCode> {
  await printLinks(io, keysFromWriteKey(nodeCrypto, randomBytes(32)), request)
  if (!request.json) io.error('next: collab join <link> <folder>')
  return EXIT.ok
}
