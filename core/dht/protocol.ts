/**
 * What goes into a DHT node and what comes out of it: plain data, no sockets.
 *
 * The driver's contract is a torrent's: feed each event with the time, carry out the effects once and
 * in order, then wake the node at `nextDeadline`. A job is a number of the caller's, for what will be
 * answered.
 */
import type { PeerAddress } from "../bytes/address.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import type { Sha1 } from "./bloom.ts";
import type { Endpoint } from "./endpoint.ts";
import type { VerifySignature } from "./item_store.ts";
import type { NodeInfo, PutItem } from "./krpc.ts";
import type { NodeId } from "./node_id.ts";
import type { SavedNode } from "./saved_node.ts";

export interface DhtOptions {
  /** Which networks the socket reaches. */
  readonly versions: readonly IpVersion[];
  /** Seeds the generator of ids, jitter and samples. */
  readonly seed: number;
  /** At least 20 bytes from the system's generator: what others must not be able to guess. */
  readonly secret: Uint8Array;
  readonly sha1: Sha1;
  readonly verify: VerifySignature;
  /** Sends queries, answers none. Spec: BEP 43. */
  readonly isReadOnly: boolean;
  /** Send to this machine and nowhere else. */
  readonly isLoopbackOnly: boolean;
  /** What an earlier run saved. */
  readonly saved: SavedNode | undefined;
}

export type DhtEvent =
  /** The socket is open. */
  | { readonly kind: "start" }
  | { readonly kind: "wake" }
  /** The bytes may be used again once `step` has returned. */
  | { readonly kind: "datagram"; readonly from: Endpoint; readonly bytes: Uint8Array }
  /**
   * Nodes that the user or a peer named. Routers are where to begin when there is nothing else; they
   * are asked and never become part of the table.
   */
  | {
    readonly kind: "nodes";
    readonly endpoints: readonly Endpoint[];
    readonly areRouters: boolean;
  }
  /** Announce a torrent from now on, and look for its peers; again to change port or seed. */
  | {
    readonly kind: "join";
    readonly infoHash: NodeId;
    /** Where its peers are accepted. */
    readonly port: number;
    /** The same port number as this socket's: then others use the one they see. */
    readonly impliedPort: boolean;
    readonly isSeed: boolean;
  }
  | { readonly kind: "leave"; readonly infoHash: NodeId }
  /** A joined torrent could use more peers. */
  | { readonly kind: "want-peers"; readonly infoHash: NodeId }
  /** Looks for the peers of a torrent once and announces nothing. */
  | {
    readonly kind: "lookup";
    readonly job: number;
    readonly infoHash: NodeId;
    /** Ask for filters that tell how many seeds and peers there are. Spec: BEP 33. */
    readonly scrape: boolean;
  }
  /** Gets a stored value. `salt` is needed to check a mutable one; empty for none. Spec: BEP 44. */
  | {
    readonly kind: "get";
    readonly job: number;
    readonly target: NodeId;
    readonly salt: Uint8Array;
  }
  | { readonly kind: "put"; readonly job: number; readonly item: PutItem }
  | { readonly kind: "cancel"; readonly job: number };

export type DhtEffect =
  | { readonly kind: "send"; readonly to: Endpoint; readonly bytes: Uint8Array }
  /** Nothing is known of the network: name routers by a `nodes` event, now or later. */
  | { readonly kind: "resolve-routers" }
  /** Peers that were not named in this lookup before. `job` is undefined for a joined torrent. */
  | {
    readonly kind: "peers";
    readonly job: number | undefined;
    readonly infoHash: NodeId;
    readonly peers: readonly PeerAddress[];
  }
  | {
    readonly kind: "lookup-done";
    readonly job: number | undefined;
    readonly target: NodeId;
    readonly report: LookupReport;
  }
  /** The value of a `get`, checked; undefined if it was not found. */
  | { readonly kind: "value"; readonly job: number; readonly item: PutItem | undefined }
  /** Keep this for the next run. */
  | { readonly kind: "save"; readonly saved: SavedNode };

/** What a lookup cost and brought. */
export interface LookupReport {
  readonly version: IpVersion;
  readonly durationMs: number;
  readonly queries: number;
  readonly replies: number;
  /** Nodes from ours to the one that first named peers, or to the closest one without any. */
  readonly hops: number;
  /** Peers found. */
  readonly peers: number;
  /** Since its start; undefined without peers. */
  readonly firstPeerMs: number | undefined;
  /** Nodes that the announce or the value was sent to. */
  readonly storedAt: number;
  /** Estimates; undefined without filters. */
  readonly scrape: { readonly seeds: number; readonly peers: number } | undefined;
  /** The closest nodes that answered. */
  readonly closest: readonly NodeInfo[];
}
