import type * as Y from 'yjs'
import type { SharedText } from './shared-text.js'

/** Of any copy of Yjs: nothing of this one is called. */
export function yjsText(doc: Y.Doc): SharedText {
  const text = doc.getText('text')
  return {
    length: () => text.length,
    edit: (at, remove, insert) => doc.transact(() => editText(text, at, remove, insert)),
    onChange: (listener) => void doc.on('update', listener)
  }
}

function editText(text: Y.Text, at: number, remove: number, insert: string): void {
  if (remove > 0) text.delete(at, remove)
  if (insert !== '') text.insert(at, insert)
}
