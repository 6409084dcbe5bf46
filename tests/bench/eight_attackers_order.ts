/** What hostile peers are told to do. */
import type { InfoHash } from "../../core/metainfo/info_hash.ts";

/** Carried out by peers. */
export const PEER_ATTACKS = [
  "claimed id",
  "listen ports",
  "handshakes",
  "keep-alives",
  "haves",
  "unread answers",
  "stalls",
] as const;
export type PeerAttack = typeof PEER_ATTACKS[number];

/** With the tracker's, which names thousands of addresses. */
export const ATTACKS = [...PEER_ATTACKS, "tracker answer"] as const;
export type Attack = typeof ATTACKS[number];

/** How much of each. */
export interface AttackScale {
  /** Different listening ports told by one connection. */
  readonly ports: number;
  /** Connections held open at each of the two honest peers. */
  readonly handshakes: number;
  readonly stalls: number;
  /** Connections that ask without end and read nothing. */
  readonly unread: number;
  /** Addresses in an answer of the tracker. */
  readonly addresses: number;
}

export interface AttackOrder extends AttackScale {
  readonly seederPort: number;
  readonly downloaderPort: number;
  readonly infoHash: InfoHash;
  readonly attacks: readonly PeerAttack[];
  /** Of this machine and not loopback; what it sends to loopback stays in the machine. */
  readonly outsideAddress: string | undefined;
}
