import { concat, uint32, utf8 } from '../base/bytes.js'
import type { Crypto } from '../base/crypto.js'
import { idBytes, parseDocId, parseNodeId, type DocId, type NodeId } from '../base/ids.js'
import { Memo } from '../base/memo.js'

/**
 * Ids are derived from how a thing began, so that two peers that import the same folder without knowing
 * of each other make the same nodes and documents, not twins.
 */

const ID_BYTES = 16
/** Every change of an app's document carries its name. */
const appDocuments = new Memo<DocId>(1024)

/** The id of a directory that begins at `path`; `n` directories known here began there before. */
export function directoryId(crypto: Crypto, path: string, n: number): NodeId {
  return parseNodeId(derive(crypto, 'collab/1 directory', utf8(path), uint32(n)))
}

/** The id of a file that begins at `path` with content of that hash; `n` known here began as that pair before. */
export function fileId(crypto: Crypto, path: string, contentHash: Uint8Array, n: number): NodeId {
  return parseNodeId(derive(crypto, 'collab/1 file', utf8(path), contentHash, uint32(n)))
}

/** The id of the text document that a file begins with. */
export function documentId(crypto: Crypto, node: NodeId, contentHash: Uint8Array): DocId {
  return parseDocId(derive(crypto, 'collab/1 document', idBytes(node), contentHash))
}

/** The id of an app's document: nobody creates it, whoever knows its name has it. */
export function appDocumentId(crypto: Crypto, name: string): DocId {
  return appDocuments.get(name, () => parseDocId(derive(crypto, 'collab/1 app document', utf8(name))))
}

/** SHA-256 over parts that each carry their length, so that no two lists of parts are the same bytes. */
function derive(crypto: Crypto, domain: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const framed = [utf8(domain), ...parts].map((part) => concat(uint32(part.length), part))
  return crypto.sha256(...framed).subarray(0, ID_BYTES)
}
