import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { readConfig } from '@changesets/config'
import { makeApiDocs } from '@collab/api-docs'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, describe, expect, it } from 'vitest'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const core = join(root, 'packages/core')
const temporary = mkdtempSync(join(tmpdir(), 'collab-test-'))

afterAll(() => rmSync(temporary, { recursive: true }))

interface Door {
  readonly [condition: string]: string | Door
}

interface Manifest {
  readonly sideEffects: boolean
  readonly exports: Readonly<Record<string, Door>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}

function filesOf(door: Door): readonly string[] {
  return Object.values(door).flatMap((target) => (typeof target === 'string' ? [target] : filesOf(target)))
}

const manifest = JSON.parse(readFileSync(join(core, 'package.json'), 'utf8')) as Manifest

describe('the package of core', () => {
  it('[EMB60] is one that publint has nothing to say about', async () => {
    const { messages, pkg } = await publint({ pkgDir: core, level: 'suggestion', strict: true, pack: false })
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([])
  })

  it('[EMB61] publishes its doors, types and sources, and no test', () => {
    const packed = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: core, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as readonly { files: readonly { path: string }[] }[]
    const files = new Set(packed[0]?.files.map(({ path }) => path))
    expect([...files].filter((path) => /\.test\.|\/test-|tsbuildinfo/.test(path))).toEqual([])
    for (const door of Object.values(manifest.exports)) {
      for (const path of filesOf(door)) expect([path, files.has(path.slice(2)), existsSync(join(core, path))]).toEqual([path, true, true])
    }
    const maps = [...files].filter((path) => path.endsWith('.js.map'))
    expect(maps.length).toBeGreaterThan(100)
    expect(maps.filter((path) => !files.has(path.replace(/^dist/, 'src').replace(/\.js\.map$/, '.ts')))).toEqual([])
  })

  it('[EMB62] leaves Yjs to the app, whose copy must be the only one', () => {
    expect([Object.keys(manifest.peerDependencies), 'yjs' in manifest.dependencies, manifest.sideEffects]).toEqual([['yjs'], false, false])
  })

  it('[EMB63] has types that an ES module and a bundler find, each as its code is', { timeout: 60_000 }, async () => {
    const [packed] = JSON.parse(execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary], { cwd: core, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })) as readonly { filename: string }[]
    const checked = await checkPackage(createPackageFromTarballData(readFileSync(join(temporary, packed?.filename ?? ''))))
    if (!('problems' in checked)) throw new Error('the package has no types')
    // CommonJS, and the resolution of Node 10 that knows no doors, are not supported.
    const problems = checked.problems.filter((problem) => !('resolutionKind' in problem) || !['node10', 'node16-cjs'].includes(problem.resolutionKind))
    expect(problems).toEqual([])
    const found = Object.entries(checked.entrypoints).map(([door, { resolutions }]) => [door, resolutions['node16-esm'].resolution !== undefined, resolutions.bundler.resolution !== undefined])
    expect(found).toEqual(Object.keys(manifest.exports).map((door) => [door, true, true]))
  })

  it('[EMB64] has an API whose every type is in its documentation, made of the docstrings', { timeout: 60_000 }, async () => {
    const folder = join(temporary, 'api')
    expect(await makeApiDocs(folder)).toEqual([])
    const pages = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    expect(pages).toEqual(expect.arrayContaining(['index/functions/joinWorkspace.md', 'index/classes/CollabProvider.md', 'browser/functions/joinWorkspace.md', 'browser/webrtc/functions/webRtc.md', 'node/conformance/functions/registerProviderConformance.md']))
    expect(readFileSync(join(folder, 'index/interfaces/OpenDocument.md'), 'utf8')).toContain('durable here')
  })

  it('[EMB65] gets its versions from changesets, one for all packages, and is published with provenance', async () => {
    const { config, errors, warnings } = await readConfig(root)
    expect([errors, warnings]).toEqual([undefined, []])
    expect(config?.fixed).toEqual([['@collab/cli', '@collab/core', '@collab/folder']])
    const manifests = ['core', 'folder', 'cli'].map((name) => JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as Record<string, unknown>)
    expect(manifests.map(({ publishConfig }) => publishConfig)).toEqual(manifests.map(() => ({ access: 'public', provenance: true })))
    expect(new Set(manifests.map(({ version }) => version)).size).toBe(1)
  })
})
