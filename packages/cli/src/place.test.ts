import { describe, expect, it } from 'vitest'
import { choosePlace } from './place.js'
import type { FolderFacts, MarkerFact } from './place.js'
import type { StoreRecord } from './store-record.js'

const record = (id: string, folder?: string, workspace = 'w'): StoreRecord => ({
  version: 1,
  id,
  workspace,
  link: 'l',
  ...(folder !== undefined && { folder })
})

function facts(folder: string, init: Partial<FolderFacts> & { markers?: Readonly<Record<string, MarkerFact>> } = {}): FolderFacts {
  const { markers = {}, ...rest } = init
  return { folder, kind: 'directory', marker: markers[folder], joinedAbove: undefined, markerAt: new Map(Object.entries(markers)), ...rest }
}

const marker = (store: string, workspace = 'w'): MarkerFact => ({ store, workspace })

describe('choosePlace', () => {
  it('[CLI80] gives a folder that was never joined a fresh store', () => {
    expect(choosePlace(facts('/a'), 'w', [])).toEqual({ store: undefined, detach: [] })
    expect(choosePlace(facts('/a', { kind: 'missing' }), 'w', [record('s', '/b')])).toEqual({ store: undefined, detach: [] })
  })

  it('[CLI81] gives a joined folder its own store again', () => {
    const own = record('s', '/a')
    expect(choosePlace(facts('/a', { markers: { '/a': marker('s') } }), 'w', [record('t', '/b'), own])).toEqual({ store: own, detach: [] })
  })

  it('[CLI82] keeps the store of a folder that lost its marker, so that the guard can ask', () => {
    const own = record('s', '/a')
    expect(choosePlace(facts('/a'), 'w', [own]).store).toBe(own)
  })

  it('[CLI83] gives a copy a store of its own, and tells', () => {
    const place = choosePlace(facts('/copy', { markers: { '/copy': marker('s'), '/a': marker('s') } }), 'w', [record('s', '/a')])
    expect(place).toMatchObject({ store: undefined, notice: { code: 'folder-copied' } })
  })

  it('[CLI84] follows a folder that moved, also when another folder stands where it was', () => {
    const own = record('s', '/a')
    expect(choosePlace(facts('/b', { markers: { '/b': marker('s') } }), 'w', [own])).toMatchObject({ store: own, notice: { code: 'folder-moved' } })
    const other = facts('/b', { markers: { '/b': marker('s'), '/a': marker('t') } })
    expect(choosePlace(other, 'w', [own])).toMatchObject({ store: own, notice: { code: 'folder-moved' } })
  })

  it('[CLI85] joins anew when the store is not on this machine, and tells', () => {
    expect(choosePlace(facts('/a', { markers: { '/a': marker('gone') } }), 'w', [])).toMatchObject({ store: undefined, notice: { code: 'store-missing' } })
  })

  it('[CLI86] lets a folder leave a topic by its marker', () => {
    const old = record('s', '/a', 'other')
    expect(choosePlace(facts('/a'), 'w', [old])).toEqual({ store: undefined, detach: [old] })
  })

  it.each([
    ['another topic', facts('/a', { markers: { '/a': marker('s', 'other') } }), /already joined to another topic/],
    ['a file', facts('/a', { kind: 'other' }), /is a file/],
    ['inside', facts('/j/a', { joinedAbove: '/j' }), /lies inside \/j/],
    ['around', facts('/', { markers: { '//j': marker('s') } }), /contains \/\/j/]
  ])('[CLI87] refuses %s', (_, found, says) => {
    expect(() => choosePlace(found, 'w', [record('s', '//j')])).toThrow(says)
  })

  it('[CLI88] a folder beside a joined one with a name that begins the same is free', () => {
    expect(choosePlace(facts('/notes', { markers: { '/notes-old': marker('s') } }), 'w', [record('s', '/notes-old')]).store).toBeUndefined()
  })
})
