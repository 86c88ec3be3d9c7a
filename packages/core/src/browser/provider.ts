import type * as Y from 'yjs'
import { DocumentProvider } from '../node/provider.js'
import type { ProviderOptions } from '../node/provider.js'
import { SharedWorkspaces } from '../node/shared-workspaces.js'
import type { Shared } from '../node/shared-workspaces.js'
import type { Workspace } from '../node/workspace-types.js'
import { joinWorkspace } from './join-workspace.js'
import type { JoinOptions } from './join-workspace.js'

export interface CollabProviderOptions extends JoinOptions, ProviderOptions {}

/** Of this tab: all who name the same topic and database are one peer. */
const joined = new SharedWorkspaces<Workspace>()

/** One document of a workspace in the shape that editor bindings for Yjs expect of a provider. */
export class CollabProvider extends DocumentProvider<CollabProviderOptions> {
  /** @param target a topic or link, which is joined, or a workspace, which stays its owner's. */
  constructor(target: string | Workspace, doc: Y.Doc, options: CollabProviderOptions = {}) {
    super(target, doc, options)
  }

  protected override async join(topic: string, options: CollabProviderOptions): Promise<Shared<Workspace>> {
    return await joined.share(JSON.stringify([topic, options.database ?? null]), () => joinWorkspace(topic, options))
  }
}
