import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const root = resolve(fileURLToPath(import.meta.url), '../../../..')

export interface Bundle {
  readonly code: string
  /** Everything that was read. */
  readonly modules: readonly string[]
  /** Bytes in the bundle, of the modules that left something in it. */
  readonly kept: ReadonlyMap<string, number>
  /** What is wanted from outside. */
  readonly imports: readonly string[]
  /** What the bundler had to say, such as that a module was not found. */
  readonly complaints: readonly string[]
}

/** An ES module for browsers of what `source` says, as if it stood in the folder `from`. */
export async function bundle(source: string, from = 'test'): Promise<Bundle> {
  const entry = `${root}/${from}/entry-of-bundle.ts`
  const complaints: string[] = []
  const read: string[] = []
  const built = await build({
    input: entry,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === entry ? id : undefined),
        load: (id) => (id === entry ? source : undefined),
        moduleParsed: ({ id }) => void read.push(id)
      }
    ],
    platform: 'browser',
    write: false,
    output: { format: 'esm', minify: true, codeSplitting: false },
    onLog: (level, log) => void complaints.push(`${level} ${log.message}`)
  })
  const [{ code, imports, modules }] = built.output
  const kept = new Map(Object.entries(modules).flatMap(([id, { renderedLength }]) => (renderedLength > 0 ? [[id, renderedLength]] : [])))
  return { code, imports, complaints, modules: read, kept }
}
