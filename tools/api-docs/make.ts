import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application, LogLevel, Logger } from 'typedoc'

const core = resolve(fileURLToPath(import.meta.url), '../../../../packages/core')
const DOORS = ['src/index.ts', 'src/browser/index.ts', 'src/browser/webrtc.ts', 'src/node/conformance.ts']

/** Keeps what TypeDoc has to say. */
class Listener extends Logger {
  readonly said: string[] = []

  override log(message: string, level: LogLevel): void {
    if (level >= LogLevel.Warn) this.said.push(message)
  }
}

/**
 * Writes the API of core's doors as Markdown, made of the docstrings, into `folder`.
 *
 * @returns what is wrong with them: links that lead nowhere, tags that nobody knows, exports without a word.
 */
export async function makeApiDocs(folder: string): Promise<readonly string[]> {
  const listener = new Listener()
  const app = await Application.bootstrapWithPlugins({
    entryPoints: DOORS.map((door) => join(core, door)),
    tsconfig: join(core, 'tsconfig.json'),
    plugin: ['typedoc-plugin-markdown'],
    readme: 'none',
    name: '@collab/core',
    // The compiler of this repository checks the types; the one that TypeDoc needs only reads them.
    skipErrorChecking: true,
    excludePrivate: true,
    excludeInternal: true,
    disableSources: true,
    // Brands of ids, types of libp2p under names of ours, and what an app hands on without a look inside.
    intentionallyNotExported: ['Id', 'Services', 'Node', 'NetPlatform', 'Shared', 'DirectInit', 'DirectLink'],
    outputs: [{ name: 'markdown', path: folder }],
    logLevel: LogLevel.Warn
  })
  app.logger = listener
  const project = await app.convert()
  if (project === undefined) return [...listener.said, 'the sources could not be read']
  app.validate(project)
  await app.generateOutputs(project)
  return listener.said
}
