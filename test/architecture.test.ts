import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

/** Floors inside core: a file imports its own folder and the ones before it. */
const CORE_FLOORS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  keys: ['base'],
  store: ['base'],
  log: ['base', 'keys'],
  doc: ['base', 'keys', 'log'],
  sync: ['base', 'keys', 'log'],
  blob: ['base', 'keys'],
  net: ['base', 'keys', 'log', 'sync'],
  node: ['base', 'keys', 'store', 'log', 'doc', 'sync', 'blob', 'net'],
  browser: ['base', 'keys', 'store', 'log', 'doc', 'sync', 'blob', 'net', 'node'],
  'index.ts': ['base', 'keys', 'store', 'log', 'doc', 'sync', 'blob', 'net', 'node']
}

/** What a package may import of the other packages. */
const PACKAGE_EDGES: Readonly<Record<string, readonly string[]>> = { core: [], folder: ['@collab/core'], cli: ['@collab/core', '@collab/folder'] }

/** Where core touches Node: everything else of it runs in a browser too. */
const CORE_NODE_ADAPTERS = [/^store\/sqlite-/, /^node\/node-/, /^net\/(?:node-|discovery\.)/]
/** Where core touches a browser: everything else of it, the door for browsers aside, runs in Node too. */
const CORE_BROWSER_ADAPTERS = [/^store\/indexeddb-/, /^net\/browser-/, /^browser\//]
const NODE_ONLY = /^(?:node:|@libp2p\/(?:tcp|mdns)$)/
const NODE_GLOBAL = /\b(?:Buffer\.|process\.|setImmediate\(|NodeJS\.|\.unref\(\))/
const BROWSER_GLOBAL = /\b(?:navigator|indexedDB|IDB\w+|BroadcastChannel|localStorage|sessionStorage)\b[.(]/

interface Import {
  readonly file: string
  readonly target: string
  readonly typeOnly: boolean
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name))
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/^(?:import|export)\s+(type\s)?[^'"]*?from\s+'([^']+)'/gms)].map((match) => ({
    file,
    target: match[2] ?? '',
    typeOnly: match[1] !== undefined
  }))
}

const packageImports = new Map(Object.keys(PACKAGE_EDGES).map((name) => [name, sources(join(root, 'packages', name, 'src')).flatMap(importsOf)]))
const source = (name: string) => join(root, 'packages', name, 'src')

/** Files of core that speak of a global outside of where they may; tests aside. */
function filesWith(global: RegExp, adapters: readonly RegExp[]): readonly string[] {
  const names = sources(source('core')).map((file) => relative(source('core'), file))
  const others = names.filter((name) => !adapters.some((adapter) => adapter.test(name)) && !/\/test-/.test(name))
  return others.filter((name) => global.test(readFileSync(join(source('core'), name), 'utf8').replaceAll(/\/\*\*?[^]*?\*\/|\/\/.*/g, '')))
}

describe('architecture', () => {
  it('[ARC1] finds the imports it is about to judge', () => {
    for (const [name, imports] of packageImports) expect(imports.length, name).toBeGreaterThan(5)
  })

  it('[ARC2] no file of core imports upward or from a sibling floor', () => {
    const wrong = (packageImports.get('core') ?? []).filter(({ file, target }) => {
      if (!target.startsWith('.')) return false
      const from = relative(source('core'), file).split('/')[0] ?? ''
      const to = relative(source('core'), resolve(dirname(file), target)).split('/')[0] ?? ''
      return from !== to && !(CORE_FLOORS[from] ?? []).includes(to)
    })
    expect(wrong.map(({ file, target }) => `${relative(root, file)} -> ${target}`)).toEqual([])
  })

  it('[ARC3] packages import each other through their doors and downward only', () => {
    const wrong = [...packageImports].flatMap(([name, imports]) =>
      imports.filter(({ target }) => target.startsWith('@collab/') && !(PACKAGE_EDGES[name] ?? []).includes(target))
    )
    expect(wrong.map(({ file, target }) => `${relative(root, file)} -> ${target}`)).toEqual([])
  })

  it('[ARC4] the root of a source folder holds its door only where the package has floors', () => {
    const stray = readdirSync(source('core'), { withFileTypes: true }).filter((entry) => entry.isFile() && entry.name !== 'index.ts')
    expect(stray.map(({ name }) => name)).toEqual([])
  })

  it('[ARC5] core touches Node in its adapters only', () => {
    const wrong = (packageImports.get('core') ?? []).filter(({ file, target, typeOnly }) => {
      const at = relative(source('core'), file)
      return !typeOnly && NODE_ONLY.test(target) && !/\/test-/.test(at) && !CORE_NODE_ADAPTERS.some((adapter) => adapter.test(at))
    })
    expect(wrong.map(({ file, target }) => `${relative(root, file)} -> ${target}`)).toEqual([])
    expect(filesWith(NODE_GLOBAL, CORE_NODE_ADAPTERS)).toEqual([])
  })

  it('[ARC7] core touches a browser in its adapters only, and they never meet those of Node', () => {
    expect(filesWith(BROWSER_GLOBAL, CORE_BROWSER_ADAPTERS)).toEqual([])
    const wrong = (packageImports.get('core') ?? []).filter(({ file, target, typeOnly }) => {
      if (!target.startsWith('.') || typeOnly) return false
      const [from, to] = [file, resolve(dirname(file), target)].map((path) => relative(source('core'), path)) as [string, string]
      return CORE_BROWSER_ADAPTERS.some((adapter) => adapter.test(from)) && CORE_NODE_ADAPTERS.some((adapter) => adapter.test(to))
    })
    expect(wrong.map(({ file, target }) => `${relative(root, file)} -> ${target}`)).toEqual([])
  })

  it('[ARC6] no import cycle between files', () => {
    const edges = new Map<string, string[]>()
    for (const { file, target, typeOnly } of [...packageImports.values()].flat()) {
      if (typeOnly || !target.startsWith('.')) continue
      const to = resolve(dirname(file), target).replace(/\.js$/, '.ts')
      edges.set(file, [...(edges.get(file) ?? []), to])
    }
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): string | undefined => {
      if (path.includes(file)) return [...path.slice(path.indexOf(file)), file].map((name) => relative(root, name)).join(' -> ')
      if (done.has(file)) return undefined
      for (const next of edges.get(file) ?? []) {
        const cycle = visit(next, [...path, file])
        if (cycle !== undefined) return cycle
      }
      done.add(file)
      return undefined
    }
    expect([...edges.keys()].map((file) => visit(file, [])).filter((cycle) => cycle !== undefined)).toEqual([])
  })
})
