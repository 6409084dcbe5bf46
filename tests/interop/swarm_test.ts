/** Six different clients and one seeder in one swarm, each on its own host. */
import { join } from "node:path";
import { others } from "./clients/all.ts";
import type { Client } from "./clients/client.ts";
import { freshPort, namespacesMissing, openNetwork } from "../support/network.ts";
import { announceUrl, awaitSeeder, ttTracker } from "./clients/tracker.ts";
import { superSeedingTt, tt, ttWith } from "./clients/tt.ts";
import { nestedFolder, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { assertSameBytes } from "./transfer.ts";

/** Seven clients start at once on two cores, and Transmission unchokes every ten seconds. */
const SWARM_DEADLINE_MS = 120_000;

/** Including a `tt` with a share to pay. */
const downloaders: readonly Client[] = [...others, ttWith({ shareRule: "10" })];

for (
  const [name, seeder] of [["one seeder", tt], ["a super-seeding tt", superSeedingTt]] as const
) {
  await interopTest({
    name: `six different clients in one swarm all complete from ${name}`,
    needs: [...downloaders, { missing: namespacesMissing }],
    fn: async () => {
      await using scratch = await openScratch();
      await using network = await openNetwork(downloaders.length + 2);
      const [trackerPlace, seedPlace, ...places] = network.places;
      const seedDir = join(scratch.path, "seed");
      await writeContent(seedDir, nestedFolder);
      const port = freshPort();
      const url = announceUrl(trackerPlace!.host, port);
      const { path: torrentPath, infoHash } = await writeTorrent(seedDir, nestedFolder, url);

      await using tracker = await ttTracker.start({
        place: trackerPlace!,
        port,
        infoHashes: [infoHash],
      });
      await using _seed = await seeder.seed({ torrentPath, dir: seedDir, place: seedPlace!, port });
      await awaitSeeder(seedPlace!, tracker, infoHash);

      await using running = new AsyncDisposableStack();
      const downloads = await Promise.all(downloaders.map(async (client, index) => {
        const dir = join(scratch.path, client.name);
        await Deno.mkdir(dir);
        const download = await client.download({
          torrentPath,
          dir,
          place: places[index]!,
          port,
          deadlineMs: SWARM_DEADLINE_MS,
          thenSeed: true,
        });
        running.use(download);
        return { client, dir, completed: download.completed };
      }));
      await Promise.all(downloads.map((download) => download.completed));
      await running.disposeAsync();
      for (const { client, dir } of downloads) {
        await assertSameBytes(client, nestedFolder, dir, seedDir);
      }
    },
  });
}
