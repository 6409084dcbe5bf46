/** Magnet links: metadata from every client to `tt`, and from `tt` to every client. */
import { aria2 } from "./clients/aria2.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { ttTracker } from "./clients/tracker.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { webtorrent } from "./clients/webtorrent.ts";
import { nestedFolder } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

// Before it has the metadata, aria2 announces `left=0`.
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
