export { isCurrent } from './node/workspace-types.js'
export type {
  DeletedFile,
  BlobRef,
  DocVersion,
  HistoryItem,
  LocalChange,
  LocalResult,
  PastFile,
  PastPoint,
  PeerInfo,
  SeenFile,
  TextChange,
  TextState,
  VoidChange,
  Workspace,
  WorkspaceEvents,
  WorkspaceStatus
} from './node/workspace-types.js'
export type { TreeEntry, TreeView } from './doc/tree-view.js'
export { mergeLines, shareMostLines } from './doc/union-merge.js'
export { parseConflictName } from './doc/conflict-name.js'
export { checkName, checkPath, unportable } from './doc/tree-path.js'
export type { FileContent } from './log/change.js'
export type { KvOp, KvRange, KvStore } from './base/kv.js'
export { prefixRange } from './base/kv.js'
export type { AuthorId, DocId, EntryHash, NodeId, WorkspaceId } from './base/ids.js'
export { MIN_VERSION_CHARS } from './node/cut.js'
export { ROOT_NODE, shortId } from './base/ids.js'
export { MAX_DEPTH, MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_TEXT_BYTES } from './base/limits.js'
export {
  AlreadyRunningError,
  CollabError,
  InvalidTopicError,
  ListenError,
  MalformedError,
  NotPermittedError,
  RefusedChangeError,
  StoreDamagedError,
  StoreTooNewError,
  assertNever,
  errorMessage
} from './base/errors.js'
export { Emitter } from './base/events.js'
export type { Unsubscribe } from './base/events.js'
export { systemClock } from './base/clock.js'
export type { Clock } from './base/clock.js'
export { silentLogger } from './base/log.js'
export type { Logger } from './base/log.js'
export type { Random } from './base/random.js'
export { joinWorkspace } from './node/node-join-workspace.js'
export type { JoinOptions } from './node/node-join-workspace.js'
export type { DocumentEvents, DocumentStatus, OpenDocument, OpenDocumentOptions, OpenTextOptions } from './node/open-document.js'
export type { AuthoredRange } from './node/attribution.js'
export type { ClientLease } from './doc/client-lease.js'
export type { ShownType } from './doc/y-document.js'
export type { Pace } from './node/document-types.js'
export { CollabProvider } from './node/node-provider.js'
export type { CollabProviderOptions } from './node/node-provider.js'
export type { ProviderEvents, ProviderStatus } from './node/provider.js'
export type { PresentMember } from './node/presence.js'
export { openWorkspace } from './node/node-workspace.js'
export type { WorkspaceInit } from './node/node-workspace.js'
export { nodeCrypto } from './node/node-crypto.js'
export { nobleCrypto } from './keys/noble-crypto.js'
export type { Crypto, Signer } from './base/crypto.js'
export { createMemoryStore } from './store/memory-store.js'
export { openSqliteStore, openStoreOrSetAside } from './store/sqlite-store.js'
export type { SqliteStoreInit } from './store/sqlite-store.js'
export { peerOfAddress } from './net/dial-addresses.js'
export { checkListenAddresses } from './net/listen-addresses.js'
export type { NodeFactory, NodeOptions } from './net/create-libp2p.js'
export { createTransport } from './net/node-transport.js'
export type { NodeTransportInit } from './net/node-transport.js'
export type { BlobChannel, BlobChannelHandlers, GossipVerdict, Transport, TransportHandlers, TransportPeer, TroubleCode } from './net/transport.js'
export { keysFromWriteKey, shareAs } from './keys/workspace-keys.js'
export type { BlindKeys, ReadKeys, Rights, WorkspaceKeys, WriteKeys } from './keys/workspace-keys.js'
export { isGuessable } from './keys/guessable.js'
export { keysFromName, normaliseName, parseTopic } from './keys/topic.js'
export type { Topic } from './keys/topic.js'
export { encodeLink, parseLink } from './keys/link.js'
export type { Link } from './keys/link.js'
export type { TextEdit } from './base/text-diff.js'
export { applyEdits, diffCost, diffText, looksMachineMade } from './base/text-diff.js'
export type { BlobId } from './base/ids.js'
export { parseBlobId } from './base/ids.js'
export { Bitfield } from './blob/bitfield.js'
export type { BlobKeys } from './blob/blob-keys.js'
export { placeOfFiles } from './blob/blob-place.js'
export type { BlobPlace, Kept, PlainFiles } from './blob/blob-place.js'
export type { ChunkList } from './blob/chunk-list.js'
export { openChunk, sealChunk } from './blob/seal-chunk.js'
export type { SealKeys } from './blob/seal-chunk.js'
export type { Item } from './blob/manifest.js'
export type { Transfer } from './blob/pull-types.js'
export type { BlobLimits, Blobs, TransferStatus } from './node/blob-types.js'
export type { ChunkStore, HoldInit } from './node/held-blobs.js'
export { NodeChunkFiles } from './node/node-chunk-files.js'
export { ChunkThread } from './node/node-chunk-thread.js'
export { collectYoungEvery } from './node/node-young-collection.js'
export { fromHex, toHex } from './base/bytes.js'
