import * as fc from 'fast-check'
import * as Y from 'yjs'

/** Random edits with every shared type and content of Yjs, for the tests of documents. */

/** One edit, as numbers that pick what is done and where: the same numbers on the same document do the same. */
export interface AnyEdit {
  readonly kind: number
  readonly at: number
  readonly value: number
}

export const anyEdit: fc.Arbitrary<AnyEdit> = fc.record({ kind: fc.nat(19), at: fc.nat(30), value: fc.nat(9) })

const VALUES: readonly unknown[] = ['text', 7, -3.5, true, null, { a: [1, { b: 'x' }] }, [1, 2, [3]], 2 ** 40, '😀', Uint8Array.of(1, 2)]
const WORDS = ['a', 'word ', '\n', '日本', '😀', 'é', '<b>', '\0', '  ', 'end']

export function makeEdit(doc: Y.Doc, { kind, at, value }: AnyEdit): void {
  const map = doc.getMap('map')
  const list = doc.getArray('list')
  const rich = doc.getText('rich')
  const xml = doc.getXmlFragment('xml')
  const key = `k${at % 4}`
  const word = WORDS[value] ?? ''
  switch (kind) {
    case 0:
    case 1:
      return void map.set(key, VALUES[value])
    case 2:
      return map.delete(key)
    case 3:
      return void map.set(key, value % 2 === 0 ? new Y.Map([['inner', value]]) : new Y.Array())
    case 4:
      return inMap(map.get(key), value)
    case 5:
    case 6:
      return list.insert(at % (list.length + 1), [VALUES[value], value])
    case 7:
      return list.insert(at % (list.length + 1), [new Y.Text(word)])
    case 8:
      return list.length === 0 ? undefined : list.delete(at % list.length, 1)
    case 9:
      return inList(list.get(at % (list.length + 1)), word)
    case 10:
    case 11:
      return rich.insert(place(rich, at), word)
    case 12:
      return rich.insert(place(rich, at), word, { bold: true })
    case 13:
      return rich.format(place(rich, at), reach(rich, at, 3), { color: value % 2 === 0 ? word : null })
    case 14:
      return rich.insertEmbed(place(rich, at), { image: value })
    case 15:
      return rich.length === 0 ? undefined : rich.delete(place(rich, at), reach(rich, at, 2))
    case 16:
      return xml.insert(at % (xml.length + 1), [value % 2 === 0 ? new Y.XmlElement('p') : new Y.XmlText(word)])
    case 17:
      return inXml(xml, at, value)
    case 18:
      return xml.length === 0 ? undefined : xml.delete(at % xml.length, 1)
    default:
      return void map.set('sub', new Y.Doc({ guid: `sub${value}`, meta: { value } }))
  }
}

/** A place that breaks no surrogate pair: Yjs would replace its halves, each side for itself. */
function place(text: Y.Text, at: number): number {
  return whole(text, at % (text.length + 1))
}

function reach(text: Y.Text, at: number, length: number): number {
  return whole(text, Math.min(place(text, at) + length, text.length)) - place(text, at)
}

function whole(text: Y.Text, offset: number): number {
  const units = text.toDelta().flatMap(({ insert }: { insert: unknown }) => (typeof insert === 'string' ? insert.split('') : ['']))
  return /[\ud800-\udbff]/.test(units[offset - 1] ?? '') ? offset - 1 : offset
}

function inMap(inner: unknown, value: number): void {
  if (inner instanceof Y.Map) inner.set(`n${value % 3}`, value % 2 === 0 ? value : new Y.Map())
  else if (inner instanceof Y.Array) inner.push([value])
}

function inList(inner: unknown, word: string): void {
  if (inner instanceof Y.Text) inner.insert(0, word)
}

function inXml(xml: Y.XmlFragment, at: number, value: number): void {
  const inner = xml.length === 0 ? undefined : xml.get(at % xml.length)
  if (inner instanceof Y.XmlText) inner.insert(0, WORDS[value] ?? '')
  else if (inner instanceof Y.XmlElement) {
    if (value % 2 === 0) inner.setAttribute(`data-${value}`, `${at}`)
    else inner.insert(0, [new Y.XmlElement('li')])
  }
}

/** All that a document holds: units, deletions and content. Equal for two documents when they are the same. */
export function stateOf(doc: Y.Doc): unknown {
  for (const [name, open] of [['map', 'getMap'], ['list', 'getArray'], ['rich', 'getText'], ['xml', 'getXmlFragment']] as const) doc[open](name)
  return {
    pending: doc.store.pendingStructs ?? doc.store.pendingDs,
    snapshot: Buffer.from(Y.encodeSnapshot(Y.snapshot(doc))).toString('hex'),
    map: sorted(doc.getMap('map').toJSON()),
    list: sorted(doc.getArray('list').toJSON()),
    rich: sorted(doc.getText('rich').toDelta()),
    xml: doc.getXmlFragment('xml').toJSON()
  }
}

/** JSON whose keys are in order: Yjs keeps them in the order in which they came. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner instanceof Object && !Array.isArray(inner) ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1))) : inner
  )
}
