import type * as Y from 'yjs'
import { DocumentProvider } from '../node/provider.js'
import type { DocumentHost, ProviderOptions } from '../node/provider.js'
import { SharedWorkspaces } from '../node/shared-workspaces.js'
import type { Shared } from '../node/shared-workspaces.js'
import { joinDocuments } from './join-workspace.js'
import type { JoinDocumentsOptions } from './join-workspace.js'
import type { Documents } from './tab-documents.js'

export interface CollabProviderOptions extends JoinDocumentsOptions, ProviderOptions {}

/** Of this tab: all who name the same topic and database take part once. */
const joined = new SharedWorkspaces<Documents>()

/** One document of a workspace in the shape that editor bindings for Yjs expect of a provider. */
export class CollabProvider extends DocumentProvider<CollabProviderOptions> {
  /** @param target a topic or link, which is joined in this tab and its siblings, or what was joined, which stays its owner's. */
  constructor(target: string | DocumentHost, doc: Y.Doc, options: CollabProviderOptions = {}) {
    super(target, doc, options)
  }

  protected override async join(topic: string, options: CollabProviderOptions): Promise<Shared<Documents>> {
    return await joined.share(JSON.stringify([topic, options.database ?? null]), () => joinDocuments(topic, options))
  }
}
