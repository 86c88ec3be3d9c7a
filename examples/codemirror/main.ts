/**
 * A text file in CodeMirror, shared with everyone who has the link: typed in at once, with cursors, and offline. In a
 * folder that `collab join` keeps, it is the file of that name. Pages that met there go on together when it is gone.
 *
 *     npx --yes pnpm@12 collab join <topic> ./notes --listen /ip4/127.0.0.1/tcp/4001/ws
 *     npx --yes pnpm@12 --filter @collab/examples exec vite codemirror
 *
 * Then open the page with `#topic=<topic>&peer=<the address that collab prints>&name=<yours>`.
 */
import { EditorView } from '@codemirror/view'
import { CollabProvider } from '@collab/core/browser'
import { webRtc } from '@collab/core/browser/webrtc'
import { basicSetup } from 'codemirror'
import { yCollab } from 'y-codemirror.next'
import * as Y from 'yjs'

const { topic = 'demo', peer = '', name = 'somebody', path = 'plan.md' } = Object.fromEntries(new URLSearchParams(location.hash.slice(1)))

const doc = new Y.Doc()
const provider = new CollabProvider(topic, doc, { name, path, create: 'when-synced', peers: peer.split(' ').filter(Boolean), direct: webRtc() })
provider.awareness?.setLocalStateField('user', { name, color: `hsl(${doc.clientID % 360} 70% 45%)` })

const text = doc.getText('content')
const parent = document.querySelector('#editor') ?? document.body
const editor = new EditorView({ doc: text.toJSON(), extensions: [basicSetup, EditorView.lineWrapping, yCollab(text, provider.awareness)], parent })
editor.focus()

const show = (what: string): void => document.querySelector('#state')?.replaceChildren(what)
const tell = (): void => show(`${provider.status}, ${provider.syncStatus?.saved === true ? 'saved' : 'not saved yet'}`)
provider.on('status', tell)
provider.on('sync-status', tell)
provider.on('error', (error) => show(error.message))
void provider.whenLoaded.then(tell)
