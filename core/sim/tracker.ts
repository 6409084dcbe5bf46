/**
 * The trackers of a simulated world: the announce engine of `tt tracker` itself, one store for each,
 * that can be switched off and on.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { writtenBytes } from "../bytes/byte_writer.ts";
import { parseIp } from "../bytes/ip.ts";
import { fail, ok } from "../bytes/result.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import {
  announce,
  createSwarmStore,
  type SwarmStore,
} from "../tracker_server/swarms/swarm_store.ts";
import type { AnnounceRequest, AnnounceResult } from "../tracker/types.ts";

/** Spec: BEP 3, interval; what `tt tracker` asks for by default. */
export const INTERVAL_SECONDS = 300;
/** Peers that are silent for two intervals and a bit have gone. */
const EXPIRY_INTERVALS = 2.5;
const MIN_INTERVAL_SECONDS = 10;
const MS = 1_000;
const COMPACT_SIZE = 6;

export interface Tracker {
  readonly url: string;
  readonly store: SwarmStore;
  readonly intervalSeconds: number;
  /** Maximum number of peers in an answer. */
  readonly named: number;
  isUp: boolean;
}

/** A tracker without peers. */
export function createTracker(
  url: string,
  seed: number,
  named: number,
  intervalSeconds: number,
): Tracker {
  const expirySeconds = intervalSeconds * EXPIRY_INTERVALS;
  const store = createSwarmStore({ seed, expirySeconds });
  return { url, store, intervalSeconds, named, isUp: true };
}

/**
 * The answer to an announce that came from `from` at `now` (ms). `addressOf` gives the address that
 * belongs to a packed one.
 */
export function answer(
  tracker: Tracker,
  request: AnnounceRequest,
  from: PeerAddress,
  now: number,
  addressOf: (ip: Uint8Array, port: number) => PeerAddress,
): AnnounceResult {
  if (!tracker.isUp) {
    return fail({ code: "unreachable", message: "the tracker does not answer" });
  }
  const reply = announce(tracker.store, {
    infoHash: infoHashBytes(request.infoHash),
    peerId: request.peerId,
    ip: parseIp(from.ip)!,
    port: from.port,
    isComplete: request.left === 0,
    event: request.event,
    numWant: Math.min(request.numWant, tracker.named),
    wantsBothFamilies: false,
    wantsPeerIds: false,
  }, Math.floor(now / MS));
  if (!reply.ok) return fail({ code: "refused", message: reply.error });
  const { seeders, leechers, peers } = reply.value;
  const packed = writtenBytes(peers);
  const named: PeerAddress[] = [];
  for (let at = 0; at < packed.length; at += COMPACT_SIZE) {
    named.push(addressOf(packed.subarray(at, at + 4), packed[at + 4]! * 256 + packed[at + 5]!));
  }
  return ok({
    intervalSeconds: tracker.intervalSeconds,
    minIntervalSeconds: MIN_INTERVAL_SECONDS,
    seeders,
    leechers,
    peers: named,
    trackerId: undefined,
    warning: undefined,
    externalIp: undefined,
  });
}
