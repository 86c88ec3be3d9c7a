/** Every number of the exchange of blobs, each with its reason. Sizes in bytes, times in milliseconds. */

const KiB = 1024
const MiB = 1024 * KiB

/** Blobs that are fetched at once: enough small ones to fill a slow link while each waits for its answers. */
export const MAX_ACTIVE = 64
/** A blob that nobody connected has makes room for one that waits after this time. */
export const PARK_MS = 10_000
/** Blobs that a peer may ask about at once: twice what we do. */
export const MAX_FOLLOWS = 2 * MAX_ACTIVE
/** Requests that a peer may have waiting here; each costs a few words. */
export const MAX_REQUESTS = 512
/** Pieces read for one peer and not yet taken by its stream: one is sent while the next is read. */
export const MAX_LOADS = 2
/** Bytes asked of one peer at first: a second of a slow line, a few chunks on a fast one. */
export const FIRST_WINDOW_BYTES = 1 * MiB
/** Bytes asked of one peer at least: two chunks of the mean size, so that one is on the way while one is asked. */
export const MIN_WINDOW_BYTES = 512 * KiB
/** Bytes asked of one peer at most: 100 MB/s with 150 ms of delay; they wait at the sender, not here. */
export const MAX_WINDOW_BYTES = 16 * MiB
/** What a peer sends in this time is asked of it ahead. */
export const WINDOW_MS = 1_000
/** Bytes asked of all peers together and not stored yet: what bounds the memory of a receiver whose disk is slow. */
export const MAX_FLIGHT_BYTES = 32 * MiB
/** What a manifest counts while it is asked for: most are smaller, and many small blobs are not held up by one window. */
export const MANIFEST_GUESS_BYTES = 4 * KiB
/** A peer that brings nothing for so long gets no new requests, and its open ones go to others. */
export const STALL_MS = 10_000
/** In the end a chunk that was asked of one peer for so long is asked of a second one too. */
export const ENDGAME_MS = 1_500
/** A request moves to a peer with a line at least so much shorter: less than this is noise. */
export const MOVE_MS = 100
/** Requests move to a peer with fewer of its own than this: one that has nearly nothing to do. */
export const MOVE_BELOW = 2
/** Requests that are looked at for one to move. */
export const MAX_COMPARED = 64
/** Peers that one chunk is asked of at once, in the end. */
export const MAX_ASKED = 2
/** Missing chunks that are compared for the rarest: among so many, one of the rarest is found. */
export const RAREST_AMONG = 256
/** News of chunks wait so long for more of them. */
export const ANNOUNCE_MS = 200
/** Bits of one message: a whole field of this size is 16 KiB. */
export const MAX_HAVE_BITS = 128 * KiB
/** Messages other than requests and pieces: at once, and per second in the long run. Two a blob, and news. */
export const CONTROL_BURST = 4_096
export const CONTROL_RATE = 500
