import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { describe, expect, it } from 'vitest'

const core = resolve(fileURLToPath(import.meta.url), '../../packages/core')

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
})
