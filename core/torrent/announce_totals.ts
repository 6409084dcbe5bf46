/** What is announced to trackers about the transfer. */
import type { AnnounceTotals } from "../swarm/announcing.ts";
import { bytesMissing, isComplete, isFinished } from "../transfer/content.ts";
import type { Transfer } from "../transfer/state.ts";
import type { Torrent } from "./state.ts";

/**
 * What it still downloads. A partial seed downloads nothing more, but 0 would make it a seeder to
 * every tracker, so it tells what it lacks. Spec: BEP 3, left; BEP 21.
 */
function bytesLeft(transfer: Transfer): number {
  return isFinished(transfer) ? bytesMissing(transfer) : transfer.wantedMissingBytes;
}

/** Payload of this run. */
export function totalsOf({ transfer }: Torrent): AnnounceTotals {
  // What is left is unknown without the metadata; anything but zero says that we are no seeder.
  if (transfer === undefined) return { uploaded: 0, downloaded: 0, left: 1, isPartialSeed: false };
  const { options, uploaded, downloaded } = transfer;
  return {
    uploaded: uploaded - options.uploadedBefore,
    downloaded: Math.max(0, downloaded - options.downloadedBefore),
    left: bytesLeft(transfer),
    isPartialSeed: isFinished(transfer) && !isComplete(transfer),
  };
}
