import { assert, boolean, constantFrom, option, property, record } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPut, isTake, plan } from './plan.js'
import type { BaseFact, DiskFact, DocumentFact, Step } from './plan.js'
import { isLocalEditName, localEditName, readOnlyStep } from './read-only.js'

const FILE: BaseFact = { type: 'file', executable: false }
const DIRECTORY: BaseFact = { type: 'directory' }

const disks: Record<string, DiskFact> = {
  absent: { type: 'absent' },
  same: { type: 'file', content: 'base', executable: false },
  'same, x': { type: 'file', content: 'base', executable: true },
  'as document': { type: 'file', content: 'document', executable: false },
  changed: { type: 'file', content: 'other', executable: false },
  contained: { type: 'file', content: 'contained', executable: false },
  extends: { type: 'file', content: 'extends', executable: false },
  directory: { type: 'directory' },
  foreign: { type: 'foreign' }
}

const file = (part: Partial<Extract<DocumentFact, { type: 'file' }>>): DocumentFact => ({ type: 'file', moved: false, content: 'base', executable: false, ...part })
const directory = (part: Partial<Extract<DocumentFact, { type: 'directory' }>>): DocumentFact => ({ type: 'directory', moved: false, occupied: false, ...part })

const documents: Record<string, DocumentFact> = {
  absent: { type: 'absent' },
  same: file({}),
  'same, x': file({ executable: true }),
  changed: file({ content: 'changed' }),
  moved: file({ moved: true }),
  'moved, changed': file({ moved: true, content: 'changed' }),
  directory: directory({}),
  'directory, news below': directory({ occupied: true }),
  'directory, moved': directory({ moved: true }),
  foreign: { type: 'foreign' }
}

/** Rows: disk; columns: document. */
function table(base: BaseFact, columns: readonly string[], rows: Record<string, string>): void {
  for (const [disk, steps] of Object.entries(rows)) {
    for (const [at, step] of steps.split(/\s+/).entries()) {
      const document = columns[at] ?? ''
      const [diskFact, documentFact] = [disks[disk], documents[document]]
      if (diskFact === undefined || documentFact === undefined) throw new Error(`no such fact: ${disk} / ${document}`)
      expect(plan(base, diskFact, documentFact), `disk ${disk}, document ${document}`).toBe(step)
    }
  }
}

describe('the plan', () => {
  it('[PLAN1] of a path that nobody knew adds what is only on one side and adopts what is equal', () => {
    table(undefined, ['absent', 'changed', 'directory', 'foreign'], {
      absent: 'nothing place make-directory skip',
      'as document': 'create-file adopt create-file create-file',
      changed: 'create-file create-file create-file create-file',
      directory: 'create-directory create-directory adopt create-directory',
      foreign: 'skip skip skip skip'
    })
  })

  it('[PLAN9] of two texts of mostly the same lines that never met, the lines of the disk go into the document before it is written', () => {
    table(undefined, ['absent', 'changed', 'directory'], {
      extends: 'create-file merge create-file',
      contained: 'create-file write create-file'
    })
  })

  it('[PLAN2] of a known file takes what the disk says first, and lets an edit win over a deletion', () => {
    table(FILE, ['absent', 'same', 'same, x', 'changed', 'moved', 'moved, changed', 'foreign'], {
      absent: 'forget delete delete forget forget forget forget',
      same: 'remove nothing set-disk-mode write move move skip',
      'same, x': 'set-document-mode set-document-mode adopt set-document-mode move move skip',
      'as document': 'adopt adopt adopt adopt adopt adopt skip',
      changed: 'ingest ingest ingest ingest ingest ingest skip',
      directory: 'forget delete delete forget forget forget skip',
      foreign: 'forget skip skip skip skip skip skip'
    })
  })

  it('[PLAN3] of a known directory deletes only what was seen whole, and removes it only where it is one', () => {
    table(DIRECTORY, ['absent', 'directory', 'directory, news below', 'directory, moved'], {
      absent: 'forget delete forget forget',
      changed: 'forget delete forget forget',
      directory: 'remove-directory nothing nothing move',
      foreign: 'forget skip skip skip'
    })
  })

  it('[PLAN4] never replaces or removes what the disk holds and the base does not', () => {
    for (const base of [undefined, FILE, DIRECTORY]) {
      for (const document of Object.values(documents)) {
        for (const disk of [disks['changed'], disks['foreign']]) {
          if (disk === undefined) throw new Error('no such fact')
          expect(isPut(plan(base, disk, document))).toBe(false)
        }
      }
    }
  })

  it('[PLAN5] a link that only reads sends nothing, whatever the plan says', () => {
    for (const base of [undefined, FILE, DIRECTORY]) {
      for (const disk of Object.values(disks)) for (const document of Object.values(documents)) expect(isTake(readOnlyStep(plan(base, disk, document)))).toBe(false)
    }
  })

  it('[PLAN6] names the file that is kept beside so that it is known again', () => {
    expect(localEditName('d.x/notes.md', 0)).toBe('d.x/notes (local edit).md')
    expect(localEditName('d.x/notes', 2)).toBe('d.x/notes (local edit 3)')
    expect(localEditName('.env', 0)).toBe('.env (local edit)')
    for (const path of ['a.md', 'd.x/b', '.env', 'a.b.c']) for (const attempt of [0, 1, 9]) expect(isLocalEditName(localEditName(path, attempt))).toBe(true)
    expect(isLocalEditName('d (local edit)/a.md')).toBe(false)
    expect(isLocalEditName('a.md')).toBe(false)
  })
})

interface File {
  readonly text: string
  readonly executable: boolean
}

/** Everything that one path's files can be in a small world: what was agreed, what is on disk, what the workspace has. */
interface World {
  base: { readonly path: string; readonly file: File } | undefined
  readonly disk: Map<string, File>
  document: { readonly path: string; readonly file: File } | undefined
}

const fileArbitrary = record({ text: constantFrom('one', 'two', 'three'), executable: boolean() })
const placeArbitrary = constantFrom('a', 'b')

/** One random file, perturbed into what disk and workspace have: independent ones would hardly ever meet. */
const maybeFile = option(fileArbitrary, { nil: undefined })
const worldArbitrary = record({
  start: maybeFile,
  disk: maybeFile,
  document: maybeFile,
  place: placeArbitrary,
  keepDisk: boolean(),
  keepDocument: boolean()
}).map(({ start, disk, document, place, keepDisk, keepDocument }): World => {
    const onDisk = keepDisk ? start : disk
    const shown = keepDocument ? start : document
    return {
      base: start === undefined ? undefined : { path: 'a', file: start },
      disk: new Map(onDisk === undefined ? [] : [['a', onDisk]]),
      document: shown === undefined ? undefined : { path: start === undefined ? 'a' : place, file: shown }
    }
  })

function factsOf(world: World, path: string): [BaseFact, DiskFact, DocumentFact] {
  const base = world.base?.path === path ? world.base : undefined
  const disk = world.disk.get(path)
  const shown = base !== undefined || (world.base === undefined && world.document?.path === path) ? world.document : undefined
  const content = disk?.text === base?.file.text ? 'base' : disk?.text === shown?.file.text ? 'document' : 'other'
  return [
    base === undefined ? undefined : { type: 'file', executable: base.file.executable },
    disk === undefined ? { type: 'absent' } : { type: 'file', content: base === undefined && content === 'base' ? 'other' : content, executable: disk.executable },
    shown === undefined ? { type: 'absent' } : file({ moved: base !== undefined && shown.path !== path, content: shown.file.text === base?.file.text ? 'base' : 'changed', executable: shown.file.executable })
  ]
}

/** What the rest of the program makes of a step, in the small world; a merge is the two texts joined. */
function carryOut(world: World, path: string, step: Step): void {
  const disk = world.disk.get(path)
  const shown = world.document
  const { base } = world
  if (step === 'place' && shown !== undefined) world.disk.set(path, shown.file)
  if ((step === 'place' || step === 'adopt') && shown !== undefined) world.base = { path, file: { ...shown.file, executable: adoptedMode(world, path) } }
  if (step === 'create-file' && disk !== undefined) {
    const text = shown === undefined || base !== undefined ? disk.text : `${shown.file.text}+${disk.text}`
    world.document = { path, file: { ...disk, text } }
    world.base = { path, file: disk }
  }
  if (step === 'ingest' && disk !== undefined && base !== undefined) {
    const text = shown === undefined || shown.file.text === base.file.text ? disk.text : `${shown.file.text}+${disk.text}`
    world.document = { path: shown?.path ?? path, file: { executable: shown?.file.executable ?? base.file.executable, text } }
    world.base = { path, file: { ...base.file, text: disk.text } }
  }
  if (step === 'write' && shown !== undefined && disk !== undefined && base !== undefined) {
    world.disk.set(path, { ...disk, text: shown.file.text })
    world.base = { path, file: { ...base.file, text: shown.file.text } }
  }
  if (step === 'move' && shown !== undefined && disk !== undefined && base !== undefined) {
    world.disk.delete(path)
    world.disk.set(shown.path, disk)
    world.base = { ...base, path: shown.path }
  }
  if (step === 'delete') world.document = undefined
  if (step === 'remove') world.disk.delete(path)
  if (step === 'delete' || step === 'remove' || step === 'forget') world.base = undefined
  if (step === 'set-disk-mode' && shown !== undefined && disk !== undefined && base !== undefined) {
    world.disk.set(path, { ...disk, executable: shown.file.executable })
    world.base = { path, file: { ...base.file, executable: shown.file.executable } }
  }
  if (step === 'set-document-mode' && disk !== undefined && base !== undefined) {
    world.document = { path: shown?.path ?? path, file: { ...(shown?.file ?? base.file), executable: disk.executable } }
    world.base = { path, file: { ...base.file, executable: disk.executable } }
  }
}

function adoptedMode(world: World, path: string): boolean {
  const [disk, shown] = [world.disk.get(path)?.executable ?? false, world.document?.file.executable ?? false]
  return disk === shown ? disk : (world.base?.file.executable ?? false)
}

function settle(world: World): number {
  for (let rounds = 1; rounds <= 8; rounds++) {
    let steps = 0
    for (const path of ['a', 'b']) {
      const step = plan(...factsOf(world, path))
      if (step === 'nothing') continue
      carryOut(world, path, step)
      steps++
    }
    if (steps === 0) return rounds
  }
  return Infinity
}

describe('the plan, carried out', () => {
  it('[PLAN7] comes to rest within a few rounds, with base, disk and document equal', () => {
    assert(
      property(worldArbitrary, (world) => {
        expect(settle(world)).toBeLessThanOrEqual(6)
        const { base, disk, document } = world
        expect(base).toEqual(document)
        expect([...disk]).toEqual(document === undefined ? [] : [[document.path, document.file]])
      }),
      { numRuns: 2_000 }
    )
  })

  it('[PLAN8] loses no text that only one side has', () => {
    assert(
      property(worldArbitrary, (world) => {
        const before = world.base?.file.text
        const news = [world.disk.get('a')?.text, world.document?.file.text].filter((text) => text !== undefined && text !== before)
        settle(world)
        for (const text of news) expect(world.document?.file.text ?? '').toContain(text)
      }),
      { numRuns: 2_000 }
    )
  })
})
