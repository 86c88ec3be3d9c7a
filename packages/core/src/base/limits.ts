/** Every number that a stranger can push against, each with its reason. */

const KiB = 1024
const MiB = 1024 * KiB

/** An encrypted body: twice the largest text (a whole rewrite under one id), with room for framing. */
export const MAX_BODY_BYTES = 4 * MiB
/** A header: ten fixed fields, a certificate and `MAX_DEPS` hashes of 34 bytes come to under 40 KiB. */
export const MAX_HEADER_BYTES = 64 * KiB
/** Hashes of other authors' entries in one header; more authors than this appear over several entries. */
export const MAX_DEPS = 1024
/** Changes in one entry: a bulk import of small files at the target size has about this many. */
export const MAX_CHANGES = 8192
/** Blobs that one entry brings: with their hashes a header stays far below its limit; a bulk import takes several. */
export const MAX_ENTRY_BLOBS = 512
/** What an author aims at when it gathers changes into one entry: the frame size where streams are fastest. */
export const TARGET_BODY_BYTES = 256 * KiB
/** Text above this is content-addressed instead of merged: character-wise merging stays fast below it. */
export const MAX_TEXT_BYTES = 1 * MiB
/** One gossip message: larger ones crowd out the small ones that must be fast. */
export const MAX_GOSSIP_BYTES = 64 * KiB
/** One frame of the sync stream: the largest entry and its header, and no more. */
export const MAX_FRAME_BYTES = MAX_BODY_BYTES + MAX_HEADER_BYTES + 4 * KiB
/** Entries gathered into one frame while they fit. */
export const TARGET_FRAME_BYTES = 256 * KiB
/** Bytes of entries under way on one stream and not yet acknowledged: bounds both sides' memory. */
export const STREAM_CREDIT_BYTES = 1 * MiB
/** Authors in a version vector: each costs about 110 bytes of memory and 80 on the wire. */
export const MAX_AUTHORS = 16_384
/** Branches kept of one author's forked log; a further one is refused and reported. */
export const MAX_BRANCHES = 4
/** Y.js clients in one document: a transaction's cost grows with them (measured 0.5 ms at 1,000). */
export const MAX_CLIENTS_PER_DOC = 50_000
/** One component of a path, in UTF-8 bytes: what ext4, APFS and NTFS can all hold. */
export const MAX_NAME_BYTES = 255
/** A whole path, in UTF-8 bytes. */
export const MAX_PATH_BYTES = 1024
/** Directories above a file. */
export const MAX_DEPTH = 64
/** The name of an app's document, in UTF-8 bytes: it travels with every change to it. */
export const MAX_DOCUMENT_NAME_BYTES = 128
/** A message of presence: a name and the cursors of one peer; it comes up to ten times a second. */
export const MAX_PRESENCE_BYTES = 16 * KiB
/** Documents in which one peer shows itself. */
export const MAX_PRESENCE_STATES = 64
/** What a peer shows of itself in one document, as JSON, in UTF-16 units. */
export const MAX_PRESENCE_STATE = 4096
/** A display name, in UTF-16 units. */
export const MAX_DISPLAY_NAME = 64
