/** Instructions for the hostile peers. */
import type { InfoHash } from "../../core/metainfo/info_hash.ts";

/** Kinds of attack by peers. */
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

/** Including the tracker that returns thousands of addresses. */
export const ATTACKS = [...PEER_ATTACKS, "tracker answer"] as const;
export type Attack = typeof ATTACKS[number];

/** Amounts for each kind. */
export interface AttackScale {
  /** Different listening ports sent over one connection. */
  readonly ports: number;
  /** Connections held open to each of the two honest peers. */
  readonly handshakes: number;
  readonly stalls: number;
  /** Connections that send requests continuously and read nothing. */
  readonly unread: number;
  /** Addresses in a tracker response. */
  readonly addresses: number;
}

export interface AttackOrder extends AttackScale {
  readonly seederPort: number;
  readonly downloaderPort: number;
  readonly infoHash: InfoHash;
  readonly attacks: readonly PeerAttack[];
  /** An address of this machine outside loopback; traffic to it stays on the machine. */
  readonly outsideAddress: string | undefined;
}
