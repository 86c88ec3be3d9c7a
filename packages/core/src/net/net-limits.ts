/** Every number of the network shell, each with its reason. Sizes in bytes, times in milliseconds. */

const KiB = 1024

/** Frames gathered into one write: below 16 KiB the cost per write dominates, above 256 KiB nothing is gained. */
export const WRITE_BATCH_BYTES = 128 * KiB
/** Bytes waiting to go out on one stream before `write` holds its caller back. */
export const WRITE_HIGH_BYTES = 256 * KiB
/** Bytes read ahead of the reader before the stream is paused. */
export const READ_HIGH_BYTES = 256 * KiB
/** Largest yamux window: what a paused stream may still receive, so it stays below the 4 MiB where streams are reset. */
export const MAX_STREAM_WINDOW_BYTES = 1024 * KiB
/** Streams that one connection may have opened to us: sync, admission, identify, ping and gossip, with room to overlap. */
export const MAX_INBOUND_STREAMS = 64
/** A frame of the stream for blobs: the largest sealed chunk and its head. */
export const MAX_BLOB_FRAME_BYTES = 1024 * KiB + 112
/** Of blobs as much is read ahead as a frame may have: with less, nearly every chunk would pause the stream. */
export const BLOB_READ_AHEAD_BYTES = 1024 * KiB
/** Silence in the middle of a frame after which the peer counts as stuck: longer than a Wi-Fi hand-over. */
export const FRAME_STALL_MS = 60_000

/** From connecting to having proved D: many times what the slowest honest peer needs. */
export const ADMISSION_DEADLINE_MS = 10_000
/** A frame of the admission protocol: nonces and proofs have 32 bytes. */
export const MAX_ADMISSION_FRAME_BYTES = 64
/** Connections that have not proved anything yet; the oldest is closed for a newer one, so that idlers keep nobody out. */
export const MAX_UNADMITTED = 64
/** Peer ids remembered for having failed; they cost a stranger nothing, so the table is bounded. */
export const MAX_REFUSALS = 1024
/** Failures forgiven before a peer is refused for a time: a cut connection looks like a failure too. */
export const FORGIVEN_FAILURES = 2
export const REFUSAL_MIN_MS = 2_000
export const REFUSAL_MAX_MS = 600_000
/** After this time without a failure a peer starts anew: as long as the longest refusal. */
export const FORGOTTEN_MS = 600_000

/** Connections in all; DESIGN expects groups of at most 100 peers, and strangers hold up to `MAX_UNADMITTED`. */
export const MAX_CONNECTIONS = 256
/** New connections per second from one address: an office behind one NAT starts up at once. */
export const INBOUND_PER_SECOND_PER_HOST = 100
export const MAX_PENDING_INBOUND = 100
/** Dialling is serial over a peer's addresses, so one dead address must not eat the time of the others. */
export const ADDRESS_DIAL_MS = 2_500
export const DIAL_MS = 30_000
export const MAX_ADDRESSES_PER_PEER = 12

/** A second connection this soon after the first is two peers dialling each other at once; later, it replaces a dead one. */
export const CROSSING_DIAL_MS = 5_000
/** The larger peer id leaves the smaller this long to dial first. */
export const YIELD_DIAL_MS = 2_500
export const REDIAL_MIN_MS = 500
export const REDIAL_MAX_MS = 60_000
/** Dials of a peer that was announced on the LAN; its next announcement, within 10 s, starts over. */
export const DISCOVERED_ATTEMPTS = 4
/** Dials of a peer that was connected before: about five minutes of back-off. */
export const SEEN_ATTEMPTS = 12
/** Peers to dial that nobody typed in: announcements cost a stranger on the LAN nothing. */
export const MAX_UNASKED_TARGETS = 256

/** Re-opening a sync stream whose connection lives on. */
export const REOPEN_MIN_MS = 250
export const REOPEN_MAX_MS = 10_000
/** How often gossip streams are compared with the connections that should have one. */
export const HEAL_MS = 1_000
/** `stop` returns within twice this, even when a peer is stuck. */
export const STOP_STEP_MS = 800

/** Peers that a peer tells of each other: as many as a group is designed for. */
export const MAX_GUESTS = 128
/** Peers that one is told of: each is a connection of its own, and a browser slows down with many. */
export const MAX_MET = 16
/** A letter between two that are told of each other: an offer with all its candidates takes a few kilobytes. */
export const MAX_LETTER_BYTES = 16 * KiB
/** A frame with a letter; with keys, 32 bytes each and two before, it is shorter. */
export const MAX_MEETING_FRAME_BYTES = MAX_LETTER_BYTES + 64
/** Those who come within this time are told of together. */
export const MEETING_TELL_MS = 100
/** Letters of one peer that are carried on: one to each that it is told of, and answers, then a try every few seconds. */
export const LETTERS = { burst: 4 * MAX_MET, perSecond: 4 }
/** Bytes waiting for a peer that does not take its letters, before further ones are dropped. */
export const LETTERS_WAITING_BYTES = 4 * MAX_LETTER_BYTES
/** Direct connections that are being made at once, each way. */
export const MAX_DIRECT_PENDING = MAX_MET
/** Candidates may be gathered from slow servers, and letters take a round trip. */
export const DIRECT_DIAL_MS = 15_000
/** Gathering candidates; what a slow server would say later is done without. */
export const GATHER_MS = 3_000
/** One message on a data channel: what every browser takes. */
export const DIRECT_MESSAGE_BYTES = 64 * KiB
/** Bytes waiting in a data channel before the writer waits, and at which it goes on. */
export const DIRECT_HIGH_BYTES = 1024 * KiB
export const DIRECT_LOW_BYTES = 256 * KiB
