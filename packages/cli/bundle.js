import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Puts the program into one folder of few files: to read 720 modules one by one takes eight times as long as to read
 * what a command needs of them at once (decision 0044). Does nothing when that was done already.
 */
const here = import.meta.dirname
const output = join(here, 'bundle')
const built = ['core', 'folder', 'cli'].map((name) => join(here, '..', name, 'dist'))
const inputs = [...built.map((folder) => join(folder, '../tsconfig.tsbuildinfo')), join(here, '../../pnpm-lock.yaml'), import.meta.filename]

if (changedAt(join(output, 'bin.js')) < Math.max(...inputs.map(changedAt))) {
  const { build } = await import('rolldown')
  await build({
    input: { bin: join(here, 'dist/bin.js'), ...threads() },
    platform: 'node',
    logLevel: 'warn',
    plugins: [plainHttp()],
    output: { dir: output, format: 'esm', cleanDir: true, chunkFileNames: '[name]-[hash].js' }
  })
}

/** An `import` of `node:http` asks for all that it has, and so loads a second HTTP client, at 60 ms for each start. */
function plainHttp() {
  return {
    name: 'plain-http',
    resolveId: (name) => (name === 'node:http' ? '\0plain-http' : undefined),
    load: (id) => (id === '\0plain-http' ? "export default process.getBuiltinModule('node:http')" : undefined)
  }
}

/** Milliseconds; 0 when it is not there. */
function changedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** A thread is started by the name of a file beside the one that starts it. */
function threads() {
  const files = built.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
  return Object.fromEntries(files.filter((file) => file.endsWith('-worker.js')).map((file) => [basename(file, '.js'), file]))
}
