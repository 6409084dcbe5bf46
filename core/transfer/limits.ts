/** All limits of a transfer, with units and reasons. */

/** Spec: BEP 3, "Downloaders ... unchoke ... every ten seconds". */
export const CHOKE_INTERVAL_MS = 10_000;
/** Spec: BEP 3, "rotates every third choke", 30 seconds. */
export const OPTIMISTIC_INTERVAL_MS = 30_000;
/**
 * Peers unchoked for what they give, at least: BEP 3's four with the optimistic one. Each more
 * makes a piece longer on its way to the first who can pass it on.
 */
export const UPLOAD_SLOTS_MIN = 3;
/** A seed has nothing to win by choking: more slots enter a piece into the swarm at more places. */
export const SEED_SLOTS_MIN = 7;
/** A fast uplink serves more: one for each 300 kB/s. */
export const SLOT_BYTES_PER_SECOND = 300_000;
export const UPLOAD_SLOTS_MAX = 20;
/** Peers unchoked for what they might give. */
export const OPTIMISTIC_SLOTS = 1;
/** With fewer of them being served, more are unchoked, each second one. */
export const SERVED_WANTED = 4;
/** While others wait, a peer that asks for nothing gives up its slot after this. */
export const UNUSED_SLOT_MS = 3_000;
/** While others wait, a peer that asks and takes nothing gives up its slot after this. */
export const STUCK_SLOT_MS = 10_000;
/** Slots that change hands in a second for that reason. */
export const UNUSED_SLOTS_A_SECOND = 8;
/** Unchoked peers at most, until the next round. */
export const UNCHOKED_MAX = 24;
/** While others wait, a served peer gives up its slot after this long. */
export const SEED_TURN_MS = 60_000;

/** Spec: BEP 3 economics paper, anti-snubbing: "over a minute ... without getting a piece". */
export const SNUB_MS = 60_000;
/**
 * With the buffers full and a peer without work, a started piece is given up that would take longer
 * than this: peers that send a block now and then would otherwise keep the buffers for hours.
 */
export const SLOW_PIECE_MS = 16 * 60_000;
/**
 * A peer that rejects a piece while it serves us is not asked for it so long, twice as long the
 * next time, and so on: else both would spin, and pieces it can't read would hide those it can.
 */
export const REFUSED_FIRST_MS = 1_000;
export const REFUSED_LAST_MS = 60_000;

/** State is saved this often while it changes. */
export const SAVE_INTERVAL_MS = 10_000;

/** Pieces taken at random before rarest first, so that there is soon something to trade. */
export const RANDOM_FIRST_PIECES = 4;
/** Blocks asked of a new peer before its rate is known: 256 KiB. */
export const PIPELINE_FIRST = 16;
/** A slow peer still gets enough requests to hide a round trip. */
export const PIPELINE_MIN = 4;
/** 16 MiB under way: the product of 320 MB/s and 50 ms, or of 1 GB/s and a busy machine. */
export const PIPELINE_MAX = 1_024;
/**
 * 2 MiB under way fill any link whose round trip is PIPELINE_NEAR_MS, and longer ways in
 * proportion. What is asked for beyond that piles up in the socket: by the time when it is read the
 * processor's caches have lost it, which cost a tenth of the speed on loopback.
 */
export const PIPELINE_NEAR = 128;
export const PIPELINE_NEAR_MS = 4;
/**
 * A pipeline holds a round trip and this much time of the measured rate. More would keep a slow
 * peer's commitments of fast ones: in simulated swarms, 2 s cost a tenth of the completion time.
 */
export const PIPELINE_SECONDS = 0.5;
/** 2 MiB asked of a web server before its rate is known: a request costs it more than a peer. */
export const WEB_SEED_PIPELINE_FIRST = 128;
/** A web server is asked for this much time of its rate: few requests, each for several pieces. */
export const WEB_SEED_PIPELINE_SECONDS = 4;
/** Its requests are topped up in larger batches, for the same reason. */
export const WEB_SEED_REFILL_BELOW = 0.5;
/** The longest round trip that is accepted. */
export const ROUND_TRIP_MAX_MS = 4_000;
/** Spec: BEP 10, reqq: "The default in libtorrent is 250". */
export const REQQ_DEFAULT = 250;
/** Cancelled requests of one peer whose answers may still come: all that were under way. */
export const CANCELLED_MAX = 1_024;
/** Payload that was never asked for: more is no mistake about what was cancelled. */
export const UNREQUESTED_BYTES_MAX = 16 * 1024 * 1024;
/** In endgame a block is asked of at most this many peers at once. */
export const ENDGAME_REQUESTERS_MAX = 3;
/**
 * In endgame a block is requested from another peer once its request is this old. Younger ones are
 * probably on their way: in simulated swarms most duplicates of them arrived twice.
 */
export const ENDGAME_LATE_MS = 1_000;
/**
 * A peer with less than this part of another one's rate is not waited for: the other one is asked
 * at once.
 */
export const ENDGAME_SLOW_FACTOR = 4;
/** In endgame a peer owes us no more than this when it is asked for what others owe us, too. */
export const ENDGAME_PIPELINE_MAX = 32;
/** Pieces that readers of a stream may need soon; more are not looked at. */
export const DUE_PIECES_MAX = 256;
/** What was due and is so far behind a due piece is still needed: a reader's pace changes. */
export const DUE_AHEAD_PIECES = 128;
/** A due block that has not come so shortly before may be asked of a second peer. */
export const DUE_URGENT_MS = 2_000;
/** While pieces are due a peer is asked for this many blocks before its first one came. */
export const DUE_PIPELINE_FIRST = 1;
/** And a block more than it sends in this time and a round trip, later. */
export const DUE_PIPELINE_SECONDS = 0.3;
/**
 * The measured round trip of a slow peer includes the time of its blocks: larger values are not
 * used.
 */
export const DUE_ROUND_TRIP_MAX_MS = 1_000;
/** Bytes a second that a peer is taken to send before its first block came. */
export const DUE_PEER_RATE = 32 * 1024;
/** Bytes of unfinished pieces held in memory; beyond it no new piece is started. */
export const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;

/** A seeder queues, then stops reading; it never drops a request. */
export const UPLOAD_QUEUE_PAUSE = 4_096;
export const UPLOAD_QUEUE_RESUME = 2_048;
/**
 * Spec: BEP 3, "close the connection if ... greater than 128 KiB" (all current implementations).
 */
export const REQUEST_LENGTH_MAX = 131_072;
/**
 * Bytes handed to the shell for one peer and not yet sent: for a slow uplink a few blocks, since
 * what is in a socket can't be taken back; for a fast one half a second, as much as fills a socket.
 */
export const UPLOAD_AHEAD_MIN = 64 * 1024;
export const UPLOAD_AHEAD_MAX = 1024 * 1024;
export const UPLOAD_AHEAD_SECONDS = 0.5;
/**
 * Number of pieces that a seed suggests to a peer that it unchokes: what it requests in a round
 * trip.
 */
export const SUGGEST_FIRST = 2;
/** Maximum number of pieces searched for one that no peer has: enough while there are many. */
export const SUGGEST_LOOKS_MAX = 64;
/** Pieces that a peer is shown and has not passed on: one that it takes, one that it passes on. */
export const SUPER_SEED_PIECES_AT_ONCE = 4;
/**
 * Maximum number of pieces searched for one that no peer has; the next search continues from
 * there.
 */
export const SUPER_SEED_LOOKS_MAX = 1_024;
/** A peer that is not interested in a piece that it was shown this long does not want it. */
export const SUPER_SEED_UNWANTED_MS = 10_000;
/**
 * A peer takes a piece, or passes it on, within this and the time that the piece takes at this
 * rate.
 */
export const SUPER_SEED_PATIENCE_MS = 30_000;
export const SUPER_SEED_PEER_BYTES_PER_SECOND = 16 * 1024;
/**
 * With this many other seeds, the swarm needs no super-seeder: one may leave, or not be what it
 * says.
 */
export const SUPER_SEED_SEEDS_ENOUGH = 3;
/** Once super-seeding is over, the other pieces are announced to a peer this many a second. */
export const SUPER_SEED_HAVES_PER_TICK = 512;
/** Spec: BEP 6, the set's size. */
export const ALLOWED_FAST_COUNT = 10;
/** A newcomer with this many pieces needs no allowed fast set. Spec: BEP 6, "fewer than k". */
export const ALLOWED_FAST_BELOW_PIECES = 10;
/**
 * Newcomers served at once while choked: with one, small swarms start late; with many, large ones.
 */
export const ALLOWED_FAST_PEERS_MAX = 4;

/**
 * Peers remembered after they left, since a piece that they helped to send may yet fail its check.
 */
export const DISCONNECTED_PEERS_MAX = 200;
/** A peer may not have updated its interest yet after our last announcement of a piece. */
export const SHARE_INTEREST_MS = 10_000;
/** An unchoked peer that asks for nothing this long can't be served. */
export const SHARE_IDLE_MS = 60_000;
/** Peers that the tracker names and that we have not reached hold the wait no longer than this. */
export const SHARE_UNMET_MS = 15_000;
/** Whatever peers claim to want: when none took a byte for so long, none can be served. */
export const SHARE_STALLED_MS = 60_000;
/** A debt may take as long to pay as the download took, within these bounds. */
export const SHARE_WAIT_MIN_MS = 2 * 60_000;
export const SHARE_WAIT_MAX_MS = 30 * 60_000;
/** By then a wait has a rate from which its end can be estimated. */
export const SHARE_JUDGE_MS = 15_000;
