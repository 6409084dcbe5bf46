/**
 * A peer as a transfer sees it. Composed here; each part is declared, made and changed by its owner:
 *
 *     offers.ts     what it has
 *     interest.ts   interest, both ways
 *     partials.ts   what we asked of it and did not get
 *     hints.ts      which pieces it said to ask for, and which not
 *     requests.ts   how much we ask of it
 *     runs.ts       where a web server goes on
 *     uploads.ts    what it asks of us
 *     super_seeding.ts  which of our pieces it was shown
 *     choker.ts     whether it may
 *     blame.ts      how far its blocks are trusted
 *     hash_trees.ts which hashes it asks of us
 *     attention.ts  whether it must be looked at
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { ReadonlyBytes, View } from "../bytes/view.ts";
import type { Geometry } from "../metainfo/geometry.ts";
import type { Features } from "../wire/handshake.ts";
import type { PeerKey } from "../wire/peer_key.ts";
import { createPeerAttention, type PeerAttention } from "./attention.ts";
import { createPeerBlame, type PeerBlame } from "./blame.ts";
import { createPeerChoking, type PeerChoking } from "./choker.ts";
import { createPeerHashes, type PeerHashes } from "./hash_trees.ts";
import { createPeerHints, type PeerHints } from "./hints.ts";
import { createPeerInterest, type PeerInterest } from "./interest.ts";
import { createPeerOffer, type PeerOffer } from "./offers.ts";
import { createPeerBlocks, type PeerBlocks } from "./partials.ts";
import { createPeerRequests, type PeerRequests } from "./requests.ts";
import { createPeerRun, type PeerRun } from "./runs.ts";
import { createPeerSuperSeeding, type PeerSuperSeeding } from "./super_seeding.ts";
import { createPeerUploads, type PeerUploads } from "./uploads.ts";

/** The connection that a transfer's peer is on, as far as a transfer knows it. */
export interface Link {
  readonly key: PeerKey;
  readonly address: PeerAddress;
  /** 20 bytes. */
  readonly id: ReadonlyBytes;
  readonly features: Features;
  /** Requests that it keeps waiting before it drops any. */
  readonly reqq: number;
  /** A web server, which is asked for runs of pieces. */
  readonly isWebSeed?: boolean;
  /** It will download nothing more, as far as it said. Spec: BEP 21. */
  readonly isUploadOnly: boolean;
}

interface Own {
  /** It has been silent for long enough to be considered dead. */
  isSilent: boolean;
}

export interface Peer
  extends
    View<Own>,
    PeerOffer,
    PeerInterest,
    PeerBlocks,
    PeerHints,
    PeerRequests,
    PeerRun,
    PeerUploads,
    PeerSuperSeeding,
    PeerChoking,
    PeerBlame,
    PeerHashes,
    PeerAttention {
  readonly key: PeerKey;
  readonly link: Link;
}

/**
 * A peer just connected, of which nothing is known: both sides choke, neither is interested.
 *
 * Spec: BEP 3, "Connections start out choked and not interested".
 */
export function createPeer(
  link: Link,
  geometry: Geometry,
  pipelineFirst: number,
  now: number,
): Peer {
  return {
    key: link.key,
    link,
    isSilent: false,
    ...createPeerOffer(geometry.pieceCount),
    ...createPeerInterest(now),
    ...createPeerBlocks(),
    ...createPeerHints(),
    ...createPeerRequests(pipelineFirst, now),
    ...createPeerRun(),
    ...createPeerUploads(geometry.pieceLength, now),
    ...createPeerSuperSeeding(),
    ...createPeerChoking(now),
    ...createPeerBlame(),
    ...createPeerHashes(),
    ...createPeerAttention(),
  };
}

/** Whether the peer counts as dead; it is asked for nothing and served nothing while it does. */
export function setSilent(peer: Peer, isSilent: boolean): void {
  (peer as Own).isSilent = isSilent;
}
