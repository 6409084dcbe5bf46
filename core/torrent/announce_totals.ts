/** What trackers are told of the transfer. */
import type { AnnounceTotals } from "../swarm/announcing.ts";
import { bytesMissing } from "../transfer/content.ts";
import type { Torrent } from "./state.ts";

/** Payload of this run. */
export function totalsOf({ transfer }: Torrent): AnnounceTotals {
  // What is left is unknown without the metadata; anything but zero says that we are no seeder.
  if (transfer === undefined) return { uploaded: 0, downloaded: 0, left: 1 };
  const { options, uploaded, downloaded } = transfer;
  return {
    uploaded: uploaded - options.uploadedBefore,
    downloaded: Math.max(0, downloaded - options.downloadedBefore),
    left: bytesMissing(transfer),
  };
}
