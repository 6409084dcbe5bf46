/** Effects of a swarm, and the news that it has for the torrent, which composes it with a transfer. */
import type { PeerAddress } from "../bytes/address.ts";
import type { JobId } from "../bytes/jobs.ts";
import type { Sink } from "../bytes/sink.ts";
import type { AnnounceRequest } from "../tracker/types.ts";
import type { Message } from "../wire/message.ts";
import type { PeerKey } from "../wire/peer_key.ts";

export type CloseReason =
  | "banned"
  | "both-complete"
  | "dead"
  | "duplicate"
  /** It announced more of the content than is kept before the metadata is known. */
  | "missed-messages"
  | "ourselves"
  | "protocol-violation"
  | "stopping"
  | "too-many-from-host"
  | "too-many-peers";

export type SwarmEffect =
  | { readonly kind: "send"; readonly peer: PeerKey; readonly message: Message }
  | { readonly kind: "close"; readonly peer: PeerKey; readonly why: CloseReason }
  | { readonly kind: "dial"; readonly job: JobId; readonly address: PeerAddress }
  | {
    readonly kind: "announce";
    readonly job: JobId;
    readonly url: string;
    readonly request: AnnounceRequest;
  }
  /** The info dictionary as peers sent it: compare its digest with the info hash. */
  | { readonly kind: "check-metadata"; readonly job: JobId; readonly bytes: Uint8Array }
  | { readonly kind: "report"; readonly report: SwarmReport };

export type SwarmEffects = Sink<SwarmEffect>;

/** News for people. */
export type SwarmReport =
  | {
    readonly kind: "tracker";
    readonly url: string;
    readonly peers: number;
    readonly seeders: number | undefined;
    readonly leechers: number | undefined;
    readonly warning: string | undefined;
  }
  | { readonly kind: "tracker-failed"; readonly url: string; readonly message: string }
  /** The peer has a DHT node there. Spec: BEP 5, PORT. */
  | { readonly kind: "dht-node"; readonly address: PeerAddress }
  | { readonly kind: "peer-banned"; readonly address: string; readonly why: string }
  | { readonly kind: "peer-violated"; readonly address: string; readonly why: string }
  /** The info dictionary is here and right. */
  | { readonly kind: "metadata"; readonly bytes: Uint8Array };

/**
 * What an extension learned that concerns more than the swarm. The module that composes the swarm with a
 * transfer takes these after each message and carries them on.
 */
export type SwarmNews =
  /** The peer no longer has the piece; the number comes from it unchecked. Spec: BEP 54. */
  | { readonly kind: "piece-lost"; readonly peer: PeerKey; readonly piece: number }
  /** Peers sent the whole info dictionary; its digest is not compared yet. Spec: BEP 9. */
  | { readonly kind: "metadata"; readonly bytes: Uint8Array };
