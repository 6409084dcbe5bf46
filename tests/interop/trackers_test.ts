/** Clients that find each other only through a tracker, ours or another's. */
import { others } from "./clients/all.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { ipv6 } from "../support/network.ts";
import { opentracker, ttTracker } from "./clients/tracker.ts";
import { tt } from "./clients/tt.ts";
import { nestedFolder } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

for (const client of others) {
  await interopTest({
    name: `tt tracker connects ${client.name} and tt`,
    needs: [client, ttTracker],
    fn: (test) =>
      concurrentSteps(test, [
        {
          name: `${client.name} finds a seeding tt`,
          fn: () => transfer(tt, client, nestedFolder, ttTracker),
        },
        {
          name: `tt finds a seeding ${client.name}`,
          fn: () => transfer(client, tt, nestedFolder, ttTracker),
        },
      ]),
  });
}

await interopTest({
  name: "tt finds tt through a UDP tracker by IPv4",
  needs: [ttTracker],
  fn: () => transfer(tt, tt, nestedFolder, ttTracker, { scheme: "udp", ipVersion: 4 }),
});

await interopTest({
  name: "tt finds tt through a UDP tracker by IPv6",
  needs: [ttTracker, ipv6],
  fn: () => transfer(tt, tt, nestedFolder, ttTracker, { scheme: "udp", ipVersion: 6 }),
});

await interopTest({
  name: "tt finds peers through opentracker and is found",
  needs: [libtorrent, opentracker],
  fn: (test) =>
    concurrentSteps(test, [
      { name: "tt finds tt", fn: () => transfer(tt, tt, nestedFolder, opentracker) },
      {
        name: "tt finds libtorrent",
        fn: () => transfer(libtorrent, tt, nestedFolder, opentracker),
      },
      {
        name: "libtorrent finds tt",
        fn: () => transfer(tt, libtorrent, nestedFolder, opentracker),
      },
    ]),
});
