/** An announce request for tests to send. */
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import type { AnnounceRequest } from "../../../core/tracker/types.ts";

/** A leecher on port 7000 + `id`, unless told otherwise. */
export function announceRequest(id: number, more: Partial<AnnounceRequest> = {}): AnnounceRequest {
  return {
    infoHash: infoHashFromHex("00ff2b2520".repeat(4))!,
    peerId: new TextEncoder().encode(`-tt0100-${id}`.padEnd(20, "+")),
    port: 7000 + id,
    uploaded: 0,
    downloaded: 0,
    left: 100,
    event: undefined,
    numWant: 50,
    key: id,
    trackerId: undefined,
    ...more,
  };
}
