import { encodeCbor } from '../base/cbor.js'
import type { Crypto, Signer } from '../base/crypto.js'
import { idBytes, parseWorkspaceId, type AuthorId, type WorkspaceId } from '../base/ids.js'

/** What an author may do: today every author is a writer; the field has room for delegated roles. */
export type Role = 'writer'

/** One link of an admission chain: `issuer` (the workspace key at length one) admits `author`. */
export interface Certificate {
  readonly author: AuthorId
  readonly role: Role
  readonly signature: Uint8Array
}

/** Admits `author` to the workspace whose key `workspaceSigner` holds. The same arguments give the same bytes. */
export function issueCertificate(workspaceSigner: Signer, author: AuthorId, role: Role): Certificate {
  const workspace = parseWorkspaceId(workspaceSigner.publicKey)
  return { author, role, signature: workspaceSigner.sign(statement(workspace, author, role)) }
}

/** Whether `chain` admits `author` as a writer: exactly one certificate, for that author, by the workspace's key. */
export function verifyAdmission(
  crypto: Crypto,
  workspace: WorkspaceId,
  author: AuthorId,
  chain: readonly Certificate[]
): boolean {
  const [certificate] = chain
  if (certificate === undefined || chain.length !== 1) return false
  if (certificate.author !== author || certificate.role !== 'writer') return false
  return crypto.verify(idBytes(workspace), statement(workspace, author, certificate.role), certificate.signature)
}

function statement(workspace: WorkspaceId, author: AuthorId, role: Role): Uint8Array {
  return encodeCbor(['collab/1 certificate', idBytes(workspace), idBytes(author), role])
}
