/** The window on a torrent: what a person, a progress bar or a test may know of it. */
import { readRate } from "../limits/rate_meter.ts";
import { trackerCounts } from "../swarm/announcing.ts";
import { fetchProgress } from "../swarm/metadata_extension.ts";
import { isDead } from "../swarm/liveness.ts";
import { bytesMissing, isComplete, isFinished } from "../transfer/content.ts";
import { isSeed } from "../transfer/offers.ts";
import type { ShareState } from "../transfer/protocol.ts";
import {
  countServable,
  isWaiting,
  owedBytes,
  remainingDebt,
  secondsToPay,
} from "../transfer/share_rule.ts";
import type { Torrent } from "./state.ts";
import { type WebSeedFacts, webSeedFacts } from "./web_seeds.ts";

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
  /** Every wanted piece is on disk. */
  readonly isFinished: boolean;
  /** Bytes of wanted pieces, and of those of them that are not on disk. */
  readonly bytesWanted: number;
  readonly bytesWantedMissing: number;
  readonly share: ShareState | undefined;
  readonly owedBytes: number;
  /** Only the last piece is missing and the share rule withholds it. */
  readonly isWaiting: boolean;
  /** Peers that could be served while it waits. */
  readonly servable: number;
  /** Bytes that the share rule still asks for, and how long that takes at the present rate, if known. */
  readonly remainingDebt: number;
  readonly secondsToPay: number | undefined;
  /** As the tracker said last. */
  readonly swarmSeeders: number | undefined;
  readonly swarmLeechers: number | undefined;
  /** Peers that have a piece that we may ask for. */
  readonly wanted: number;
  readonly unchokedByUs: number;
  readonly unchokingUs: number;
  /** Of the info dictionary, while it is fetched and a peer has named its size. */
  readonly metadata: { readonly bytesDone: number; readonly bytesTotal: number } | undefined;
  /** Counted apart from peers; their bytes are in `downloaded`, too. */
  readonly webSeeds: readonly WebSeedFacts[];
}

/** The part of the facts that is looked at for thousands of torrents at once. */
export type TorrentProgress = Pick<TorrentFacts, "uploaded" | "downloaded" | "isFinished">;

/** What was moved so far, and whether all that is wanted is here. */
export function progressOf({ transfer }: Torrent): TorrentProgress {
  if (transfer === undefined) return NOTHING_KNOWN;
  const { uploaded, downloaded } = transfer;
  return { uploaded, downloaded, isFinished: isFinished(transfer) };
}

/** What there is to know at `now` (monotonic ms): bytes, rates in bytes a second, counts of live peers. */
export function factsOf(torrent: Torrent, now: number): TorrentFacts {
  const { swarm, transfer } = torrent;
  let peers = 0, seeds = 0, wanted = 0, unchokedByUs = 0, unchokingUs = 0;
  for (const connection of swarm.connections.values()) {
    if (isDead(connection, now)) continue;
    peers++;
    const peer = transfer?.peers.get(connection.key);
    if (peer === undefined) continue;
    if (isSeed(peer)) seeds++;
    if (peer.amInterested) wanted++;
    if (!peer.amChoking) unchokedByUs++;
    if (!peer.isChoking) unchokingUs++;
  }
  const { seeders: swarmSeeders, leechers: swarmLeechers } = trackerCounts(swarm);
  const { stage } = torrent;
  const webSeeds = webSeedFacts(torrent);
  if (transfer === undefined) {
    return {
      ...NOTHING_KNOWN,
      ...{ stage, peers, seeds, wanted, unchokedByUs, unchokingUs },
      ...{ webSeeds, swarmSeeders, swarmLeechers },
      metadata: fetchProgress(swarm),
    };
  }
  const seconds = secondsToPay(transfer, now);
  const { geometry, haveCount, uploaded, downloaded, wasted, share } = transfer;
  // No merged objects: with thousands of torrents they are most of the cost.
  return {
    stage,
    webSeeds,
    metadata: undefined,
    peers,
    seeds,
    wanted,
    unchokedByUs,
    unchokingUs,
    swarmSeeders,
    swarmLeechers,
    pieceCount: geometry.pieceCount,
    piecesHave: haveCount,
    bytesHave: geometry.totalSize - bytesMissing(transfer),
    bytesTotal: geometry.totalSize,
    uploaded,
    downloaded,
    wasted,
    downRate: readRate(transfer.down, now),
    upRate: readRate(transfer.up, now),
    isComplete: isComplete(transfer),
    isFinished: isFinished(transfer),
    bytesWanted: transfer.wantedBytes,
    bytesWantedMissing: transfer.wantedMissingBytes,
    share,
    owedBytes: owedBytes(transfer),
    isWaiting: isWaiting(transfer),
    servable: countServable(transfer, now),
    remainingDebt: remainingDebt(transfer),
    secondsToPay: Number.isFinite(seconds) ? seconds : undefined,
  };
}

/** Of a torrent without metadata. */
const NOTHING_KNOWN = {
  pieceCount: 0,
  piecesHave: 0,
  bytesHave: 0,
  bytesTotal: 0,
  uploaded: 0,
  downloaded: 0,
  wasted: 0,
  downRate: 0,
  upRate: 0,
  isComplete: false,
  isFinished: false,
  bytesWanted: 0,
  bytesWantedMissing: 0,
  share: undefined,
  owedBytes: 0,
  isWaiting: false,
  servable: 0,
  remainingDebt: 0,
  secondsToPay: undefined,
};
