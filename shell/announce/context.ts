/** What one announce is made with, whatever the transport. */
import type { AnnounceRequest } from "../../core/tracker/types.ts";
import type { Lookup } from "./host.ts";
import type { UdpAsker } from "./udp_asker.ts";

/** What all parts of one announce share. */
export interface AnnounceContext {
  readonly request: AnnounceRequest;
  readonly signal: AbortSignal;
  /** Monotonic milliseconds at which `signal` aborts. */
  readonly deadline: number;
  readonly userAgent: string;
  readonly udpTimeScale: number;
  readonly familyGraceMs: number;
  /** To bind to; undefined where any address will do. */
  readonly localAddress: string | undefined;
  readonly announceIp: string | undefined;
  readonly allowLocal: boolean;
  readonly udp: (() => UdpAsker | undefined) | undefined;
  readonly lookup: Lookup;
}
