export { joinDocuments, joinWorkspace } from './join-workspace.js'
export type { JoinDocumentsOptions, JoinOptions } from './join-workspace.js'
export type { Documents } from './tab-documents.js'
export { CollabProvider } from './provider.js'
export type { CollabProviderOptions } from './provider.js'
export type { DocumentHost, ProviderEvents, ProviderStatus } from '../node/provider.js'
export type { DocumentEvents, DocumentStatus, OpenDocument, OpenDocumentOptions, OpenTextOptions } from '../node/open-document.js'
export type { AuthoredRange } from '../node/attribution.js'
export type { PresentMember } from '../node/presence.js'
export type {
  DocVersion,
  HistoryItem,
  LocalChange,
  LocalResult,
  PeerInfo,
  TextChange,
  TextState,
  Workspace,
  WorkspaceEvents,
  WorkspaceStatus
} from '../node/workspace-types.js'
export type { TreeEntry, TreeView } from '../doc/tree-view.js'
export type { FileContent } from '../log/change.js'
export { createMemoryStore } from '../store/memory-store.js'
export { openIndexedDbStore } from '../store/indexeddb-store.js'
export type { IndexedDbStoreInit } from '../store/indexeddb-store.js'
export type { KvOp, KvRange, KvStore } from '../base/kv.js'
export { nobleCrypto } from '../keys/noble-crypto.js'
export type { Crypto } from '../base/crypto.js'
export { keysFromWriteKey, shareAs } from '../keys/workspace-keys.js'
export type { Rights, WorkspaceKeys } from '../keys/workspace-keys.js'
export { isGuessable } from '../keys/guessable.js'
export { encodeLink, parseLink } from '../keys/link.js'
export type { AuthorId, DocId, NodeId, WorkspaceId } from '../base/ids.js'
export type { Direct } from '../net/net-platform.js'
export type { NodeFactory, NodeOptions } from '../net/create-libp2p.js'
export { AlreadyRunningError, CollabError, InvalidTopicError, NotPermittedError, RefusedChangeError, StoreTooNewError, errorMessage } from '../base/errors.js'
export type { Unsubscribe } from '../base/events.js'
export type { Logger } from '../base/log.js'
