/** What trackers are told of the transfer. */
import type { AnnounceTotals } from "../swarm/announcing.ts";
import { bytesMissing, isComplete, isFinished } from "../transfer/content.ts";
import type { Torrent } from "./state.ts";

/** Payload of this run. */
export function totalsOf({ transfer }: Torrent): AnnounceTotals {
  // What is left is unknown without the metadata; anything but zero says that we are no seeder.
  if (transfer === undefined) return { uploaded: 0, downloaded: 0, left: 1, isPartialSeed: false };
  const { options, uploaded, downloaded } = transfer;
  return {
    uploaded: uploaded - options.uploadedBefore,
    downloaded: Math.max(0, downloaded - options.downloadedBefore),
    left: bytesMissing(transfer),
    isPartialSeed: isFinished(transfer) && !isComplete(transfer),
  };
}
