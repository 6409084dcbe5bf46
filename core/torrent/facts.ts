/** The window on a torrent: what a person, a progress bar or a test may know of it. */
import { hasBit } from "../bytes/bitfield.ts";
import { pieceSize } from "../metainfo/geometry.ts";
import { lastAnswered } from "../tracker/announcer.ts";
import type { ShareState } from "./protocol.ts";
import { readRate } from "./rate_meter.ts";
import { countServable, isWaiting, owedBytes } from "./share_rule.ts";
import { isComplete, isDead, isSeed, type Torrent } from "./state.ts";

export interface TorrentFacts {
  readonly stage: Torrent["stage"];
  readonly pieceCount: number;
  readonly piecesHave: number;
  /** Bytes of pieces on disk. */
  readonly bytesHave: number;
  readonly bytesTotal: number;
  /** Payload of all runs; `wasted` came twice, late or wrong. */
  readonly uploaded: number;
  readonly downloaded: number;
  readonly wasted: number;
  /** Bytes a second. */
  readonly downRate: number;
  readonly upRate: number;
  /** Connected and alive. */
  readonly peers: number;
  readonly seeds: number;
  readonly isComplete: boolean;
  readonly share: ShareState | undefined;
  readonly owedBytes: number;
  /** Only the last piece is missing and the share rule withholds it. */
  readonly isWaiting: boolean;
  /** Peers that could be served while it waits. */
  readonly servable: number;
  /** As the tracker said last. */
  readonly swarmSeeders: number | undefined;
  readonly swarmLeechers: number | undefined;
  /** Peers that have a piece that we may ask for. */
  readonly wanted: number;
  readonly unchokedByUs: number;
  readonly unchokingUs: number;
}

/** What there is to know at `now` (monotonic ms): bytes, rates in bytes a second, counts of live peers. */
export function factsOf(torrent: Torrent, now: number): TorrentFacts {
  let peers = 0, seeds = 0, wanted = 0, unchokedByUs = 0, unchokingUs = 0;
  for (const peer of torrent.peers.values()) {
    if (isDead(peer, now)) continue;
    peers++;
    if (isSeed(peer)) seeds++;
    if (peer.amInterested) wanted++;
    if (!peer.amChoking) unchokedByUs++;
    if (!peer.isChoking) unchokingUs++;
  }
  const tracker = lastAnswered(torrent.announcer);
  return {
    stage: torrent.stage,
    pieceCount: torrent.geometry.pieceCount,
    piecesHave: torrent.haveCount,
    bytesHave: torrent.geometry.totalSize - bytesMissing(torrent),
    bytesTotal: torrent.geometry.totalSize,
    uploaded: torrent.uploaded,
    downloaded: torrent.downloaded,
    wasted: torrent.wasted,
    downRate: readRate(torrent.down, now),
    upRate: readRate(torrent.up, now),
    peers,
    seeds,
    isComplete: isComplete(torrent),
    share: torrent.share,
    owedBytes: owedBytes(torrent),
    isWaiting: isWaiting(torrent),
    servable: countServable(torrent, now),
    swarmSeeders: tracker?.seeders,
    swarmLeechers: tracker?.leechers,
    wanted,
    unchokedByUs,
    unchokingUs,
  };
}

/** Bytes of pieces that are not on disk. */
export function bytesMissing(torrent: Torrent): number {
  const { geometry, have, haveCount } = torrent;
  const { pieceLength, pieceCount, shortPieces } = geometry;
  const last = pieceCount - 1;
  const short = shortPieces ?? [{ piece: last, size: pieceSize(geometry, last) }];
  let missing = (pieceCount - haveCount) * pieceLength;
  for (const { piece, size } of short) if (!hasBit(have, piece)) missing -= pieceLength - size;
  return missing;
}
