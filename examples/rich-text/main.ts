/**
 * A rich text in TipTap, shared with everyone who has the link: written in at once, with carets, and offline.
 *
 *     npx --yes pnpm@12 collab join <topic> ./notes --listen /ip4/127.0.0.1/tcp/4001/ws
 *     npx --yes pnpm@12 --filter @collab/examples exec vite rich-text
 *
 * Then open the page with `#topic=<topic>&peer=<the address that collab prints>&name=<yours>`.
 */
import { CollabProvider } from '@collab/core/browser'
import { Editor } from '@tiptap/core'
import { Collaboration } from '@tiptap/extension-collaboration'
import { CollaborationCaret } from '@tiptap/extension-collaboration-caret'
import { StarterKit } from '@tiptap/starter-kit'
import * as Y from 'yjs'

const { topic = 'demo', peer = '', name = 'somebody' } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)))

const doc = new Y.Doc()
const provider = new CollabProvider(topic, doc, { name, document: 'page', peers: peer.split(' ').filter(Boolean) })
const user = { name, color: `hsl(${doc.clientID % 360} 70% 45%)` }

const editor = new Editor({
  element: document.querySelector('#editor'),
  // Undo is that of Yjs, which takes back nobody else's words.
  extensions: [StarterKit.configure({ undoRedo: false }), Collaboration.configure({ document: doc }), CollaborationCaret.configure({ provider, user })]
})
editor.commands.focus()

const show = (what: string): void => document.querySelector('#state')?.replaceChildren(what)
const tell = (): void => show(`${provider.status}, ${provider.syncStatus?.saved === true ? 'saved' : 'not saved yet'}`)
provider.on('status', tell)
provider.on('sync-status', tell)
provider.on('error', (error) => show(error.message))
void provider.whenLoaded.then(tell)
