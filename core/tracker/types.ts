/** What a peer and a tracker tell each other, whatever the transport. */
import type { PeerAddress } from "../bytes/address.ts";
import type { IpVersion } from "../bytes/compact_peers.ts";
import type { Result } from "../bytes/result.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";

/** No event is the periodic announce. Spec: BEP 3, event; BEP 21, `paused` of a partial seed. */
export type AnnounceEvent = "started" | "completed" | "stopped" | "paused";

/** Spec: BEP 3 (HTTP), BEP 15 (UDP), announce request. Byte counts are of this run's transfers. */
export interface AnnounceRequest {
  readonly infoHash: InfoHash;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** Our listening port. */
  readonly port: number;
  readonly uploaded: number;
  readonly downloaded: number;
  readonly left: number;
  readonly event: AnnounceEvent | undefined;
  readonly numWant: number;
  /** 32 bits that stay the same when our address changes. */
  readonly key: number;
  readonly trackerId: string | undefined;
  /**
   * Address families on which this tracker has answered `started`. It gets `started` on the others
   * whatever the event, and `stopped` on these alone; empty or absent where nothing is known of it.
   */
  readonly startedOn?: readonly IpVersion[] | undefined;
}

export interface AnnounceAnswer {
  readonly intervalSeconds: number;
  readonly minIntervalSeconds: number | undefined;
  /** Complete peers, if given. */
  readonly seeders: number | undefined;
  /** Incomplete peers, ourselves included, if given. */
  readonly leechers: number | undefined;
  readonly peers: readonly PeerAddress[];
  readonly trackerId: string | undefined;
  readonly warning: string | undefined;
  /** Our address as the tracker sees it. BEP 24. */
  readonly externalIp: string | undefined;
  /** Address families on which the tracker answered; absent where they are not known. */
  readonly families?: readonly IpVersion[] | undefined;
}

export interface AnnounceError {
  readonly code:
    | "refused" // the tracker answered with a failure reason
    | "unreachable" // no connection, DNS, timeout
    | "bad-answer" // not bencode, HTML, wrong types
    | "http-status" // 4xx, 5xx
    | "forbidden" // the rule about local addresses
    | "unsupported"; // a scheme we do not speak
  readonly message: string;
  /** Seconds until it may be asked again, if given. Spec: BEP 31, `retry in`. */
  readonly retryInSeconds?: number | undefined;
  /** It is not to be asked again. Spec: BEP 31, "never"; RFC 9110, 410. */
  readonly isGone?: boolean | undefined;
}

export type AnnounceResult = Result<AnnounceAnswer, AnnounceError>;
