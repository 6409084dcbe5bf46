/**
 * Two trackers on one Redis, behind one address: peers are not affected when one of them is
 * killed.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { redisServer, startRedis } from "../support/redis_kit.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { openFront } from "./clients/tcp_front.ts";
import { announceUrl, awaitSeeder } from "./clients/tracker.ts";
import { tt } from "./clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch, smallPieces, writeContent, writeTorrent } from "../support/content.ts";
import { interopTest } from "../support/requirements.ts";
import { assertSameBytes, TRANSFER_DEADLINE_MS } from "./transfer.ts";
import { until } from "../support/until.ts";

/** Slow enough that the first downloads are still running when a tracker is killed. */
const SEED_RATE = "300K";

await interopTest({
  name: "killing one of two trackers on Redis during a transfer has no effect on peers",
  needs: [libtorrent, redisServer],
  async fn() {
    await using scratch = await openScratch();
    await using redis = await startRedis();
    await using first = await startTracker(redis.url, join(scratch.path, "first.db"));
    await using second = await startTracker(redis.url, join(scratch.path, "second.db"));
    await using front = openFront([first.port, second.port]);

    const seedDir = join(scratch.path, "seed");
    await writeContent(seedDir, smallPieces);
    const url = announceUrl(loopback.host, front.port);
    const { path: torrentPath, infoHash } = await writeTorrent(seedDir, smallPieces, url);
    const seedArgs = ["seed", torrentPath, "--dir", seedDir, "--host", loopback.host];
    const seedPort = freshPort();
    seedArgs.push("--port", `${seedPort}`, "--up-limit", SEED_RATE, "--json");
    await using seeder = new ClientProcess({
      place: loopback,
      port: seedPort,
      argv: await ttCommand(seedArgs),
    });
    await awaitSeeder(loopback, first, infoHash);

    await using running = new AsyncDisposableStack();
    const start = async (client: typeof tt, name: string) => {
      const dir = join(scratch.path, name);
      await Deno.mkdir(dir);
      const download = running.use(
        await client.download({
          torrentPath,
          dir,
          place: loopback,
          port: freshPort(),
          deadlineMs: TRANSFER_DEADLINE_MS,
          thenSeed: true,
        }),
      );
      return { client, dir, download };
    };
    const early = await Promise.all([start(tt, "early tt"), start(libtorrent, "early libtorrent")]);
    await until(async () => (await scrape(second.port, infoHash)).leechers === 2, "two downloads");

    Deno.kill(first.pid, "SIGKILL");
    await first.exited;
    const late = await Promise.all([start(tt, "late tt"), start(libtorrent, "late libtorrent")]);
    for (const { client, dir, download } of [...early, ...late]) {
      await download.completed;
      await assertSameBytes(client, smallPieces, dir, seedDir);
      assertEquals(troubles(download.log()), [], `${client.name} noticed`);
    }
    assertEquals(troubles(seeder.log()), []);
    await until(async () => (await scrape(second.port, infoHash)).seeders === 5, "five seeders");
    assert(front.taken.every((count) => count > 0), `connections taken: ${front.taken}`);
  },
});

async function startTracker(store: string, data: string): Promise<ClientProcess> {
  const port = freshPort();
  const args = ["tracker", "--port", `${port}`, "--store", store, "--data", data, "--json"];
  const tracker = new ClientProcess({ place: loopback, port, argv: await ttCommand(args) });
  await tracker.waitForListening();
  return tracker;
}

async function scrape(port: number, infoHash: string) {
  const response = await fetch(
    `http://${loopback.host}:${port}/scrape?info_hash=${infoHash.replace(/../g, "%$&")}`,
  );
  const text = await response.text();
  const count = (name: string) => Number(new RegExp(`${name}i(\\d+)e`).exec(text)?.[1]);
  return { seeders: count("8:complete"), leechers: count("10:incomplete") };
}

/** Lines in which a client reports a problem with its tracker. */
function troubles(log: string): string[] {
  return log.split("\n").filter((line) =>
    /"event":"tracker".*"error"/.test(line) || /tracker.*(error|warning|timed out)/i.test(line)
  );
}
