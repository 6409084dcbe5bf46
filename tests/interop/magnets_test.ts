/** Magnet links: the metadata comes from whoever has it, ours from others and theirs from us. */
import { aria2 } from "./clients/aria2.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { ttTracker } from "./clients/tracker.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { webtorrent } from "./clients/webtorrent.ts";
import { nestedFolder } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

// Before it has the metadata, aria2 tells trackers that nothing is left.
for (const client of [aria2, libtorrent, transmission, webtorrent]) {
  await interopTest({
    name: `tt and ${client.name} fetch from each other by magnet links`,
    needs: [client, ttTracker],
    fn: (test) =>
      concurrentSteps(test, [
        {
          name: `tt fetches from ${client.name}`,
          fn: () => transfer(client, tt, nestedFolder, ttTracker, undefined, "link"),
        },
        {
          name: `${client.name} fetches from tt`,
          fn: () => transfer(tt, client, nestedFolder, ttTracker, undefined, "link"),
        },
      ]),
  });
}
