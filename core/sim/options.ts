/**
 * What a simulated world is made of. Times in milliseconds, sizes in bytes, rates in bytes a
 * second.
 */
import type { TorrentFormat } from "../metainfo/identity.ts";
import type { Sha1 } from "../metainfo/digests.ts";
import type { ShareRule } from "../transfer/share_rule.ts";
import type { Tuning } from "../transfer/tuning.ts";

export interface WorldOptions {
  /** Everything that chance decides follows from it. */
  readonly seed: number;
  readonly pieces: number;
  /** Blocks of a piece. */
  readonly blocks?: number;
  /** Bytes of the content; the last piece may be short. */
  readonly size?: number;
  /** Which versions the torrent is for; "v1" unless given. */
  readonly format?: TorrentFormat;
  /** The clock's step: what arrives within one is read in one turn. Coarse is fast. */
  readonly tickMs?: number;
  /** From one peer to another, when neither has a latency of its own. */
  readonly latencyMs?: number;
  /** Unreachable incomplete peers that the tracker names. */
  readonly phantoms?: number;
  /** Trackers, each a tier of its own. */
  readonly trackers?: number;
  /** Peers that a tracker names at most. */
  readonly named?: number;
  readonly announceIntervalSeconds?: number;
  /** Connections that break without a cause, of each hundred in a minute. */
  readonly breaksPerHundredMinutes?: number;
  /** Whether the world checks itself at every effect. */
  readonly isChecked?: boolean;
  /** Reports of nodes are kept, for tests; a large world has too many. */
  readonly keepsReports?: boolean;
  /** Limits of all cores, where they are not the usual ones. */
  readonly tuning?: Tuning;
  readonly sha1: Sha1;
}

/**
 * How a peer misbehaves:
 * - `corrupt` sends rubbish, `corrupt-some` every other block.
 * - `silent` unchokes, takes requests and sends nothing; `drip` sends the beginning of one block.
 * - `refuse` rejects what it is asked for.
 * - `boast` says that it has pieces that it lacks.
 * - `flood` asks for everything many times over.
 * - `lie` answers hash requests with wrong hashes.
 * - `freeload` downloads and unchokes no peer.
 */
export type Misbehaviour =
  | "corrupt"
  | "corrupt-some"
  | "silent"
  | "drip"
  | "refuse"
  | "boast"
  | "flood"
  | "lie"
  | "freeload";

export interface DiskOptions {
  /** What a check, a write or a save takes. */
  readonly delayMs?: number;
  /** Room; a write that does not fit fails. */
  readonly room?: number;
}

export interface NodeOptions {
  readonly name: string;
  /** "#" for a piece it holds from the start; "seed" and "leech" for all and none. */
  readonly have?: string;
  /** A priority for each piece, "0" to "7"; every piece is wanted alike unless given. */
  readonly want?: string;
  readonly upBytesPerSecond?: number;
  readonly downBytesPerSecond?: number;
  /** Its own latency to any node. */
  readonly latencyMs?: number;
  readonly shareRule?: ShareRule;
  readonly uploadedBefore?: number;
  readonly joinMs?: number;
  /** Spec: BEP 16. */
  readonly superSeed?: boolean;
  /** Connections that its session grants it; as many as a torrent may have unless given. */
  readonly connections?: number;
  /** Knows no tracker. */
  readonly isAlone?: boolean;
  /** It accepts no incoming connections. */
  readonly isBehindNat?: boolean;
  readonly misbehaviour?: Misbehaviour;
  readonly disk?: DiskOptions;
}

export const RULE_10: ShareRule = { percent: 10, strict: false };
export const RULE_OFF: ShareRule = { percent: 0, strict: false };
