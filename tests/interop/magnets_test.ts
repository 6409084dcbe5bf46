/** Magnet links: the metadata comes from whoever has it, ours from others and theirs from us. */
import { aria2 } from "./clients/aria2.ts";
import type { Client } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { opentracker, ttTracker } from "./clients/tracker.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { webtorrent } from "./clients/webtorrent.ts";
import { nestedFolder } from "./content.ts";
import { concurrentSteps, interopTest } from "./requirements.ts";
import { transfer } from "./transfer.ts";

/**
 * Before it has the metadata aria2 announces that nothing is left, so that a tracker takes it for a
 * seeder. Ours does not tell seeders of seeders; opentracker tells everybody of everybody.
 */
const trackerFor = (client: Client) => client === aria2 ? opentracker : ttTracker;

for (const client of [libtorrent, aria2, transmission, webtorrent]) {
  await interopTest({
    name: `tt and ${client.name} fetch from each other by magnet links`,
    needs: [client, ttTracker, opentracker],
    fn: (test) =>
      concurrentSteps(test, [
        {
          name: `tt fetches from ${client.name}`,
          fn: () => transfer(client, tt, nestedFolder, ttTracker, undefined, true),
        },
        {
          name: `${client.name} fetches from tt`,
          fn: () => transfer(tt, client, nestedFolder, trackerFor(client), undefined, true),
        },
      ]),
  });
}
