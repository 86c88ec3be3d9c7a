import type * as Y from 'yjs'
import { joinWorkspace } from './node-join-workspace.js'
import type { JoinOptions } from './node-join-workspace.js'
import { DocumentProvider } from './provider.js'
import type { ProviderOptions } from './provider.js'
import { SharedWorkspaces } from './shared-workspaces.js'
import type { Shared } from './shared-workspaces.js'
import type { Workspace } from './workspace-types.js'

export interface CollabProviderOptions extends JoinOptions, ProviderOptions {}

/** Of this process: all who name the same topic and file are one peer. */
const joined = new SharedWorkspaces<Workspace>()

/** One document of a workspace in the shape that editor bindings for Yjs expect of a provider. */
export class CollabProvider extends DocumentProvider<CollabProviderOptions> {
  /** @param target a topic or link, which is joined, or a workspace, which stays its owner's. */
  constructor(target: string | Workspace, doc: Y.Doc, options: CollabProviderOptions = {}) {
    super(target, doc, options)
  }

  protected override async join(topic: string, options: CollabProviderOptions): Promise<Shared<Workspace>> {
    return await joined.share(JSON.stringify([topic, options.file ?? null]), () => joinWorkspace(topic, options))
  }
}
