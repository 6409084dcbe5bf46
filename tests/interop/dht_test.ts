/**
 * Without a tracker: `tt`, libtorrent, aria2 and Transmission in one set of network namespaces find
 * each other's torrents through their DHT nodes, which start with one node of ours.
 */
import { assert } from "@std/assert";
import { join } from "node:path";
import { sleep } from "../../shell/clock.ts";
import { aria2 } from "./clients/aria2.ts";
import { startDhtNetwork } from "./clients/dht_network.ts";
import type { Client, Endpoint } from "./clients/client.ts";
import { libtorrent } from "./clients/libtorrent.ts";
import { freshPort, namespacesMissing, openNetwork, type Place } from "../support/network.ts";
import { runCommand } from "../support/process.ts";
import { transmission } from "./clients/transmission.ts";
import { tt } from "./clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, openScratch, writeContent, writeTorrent } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { assertSameBytes } from "./transfer.ts";

/**
 * Transmission queries its first nodes one after another, seconds apart, and announces a minute or
 * two later.
 */
const DEADLINE_MS = 240_000;
const LOOK_MS = 1_000;

const clients: readonly Client[] = [tt, libtorrent, aria2, transmission];

await interopTest({
  name: "real clients and tt find each other's torrents through the DHT",
  needs: [...clients, { missing: namespacesMissing }],
  async fn(test) {
    await using scratch = await openScratch();
    await using network = await openNetwork(1 + 2 * clients.length);
    const [nodesPlace, ...places] = network.places;
    await using dhtNodes = await startDhtNetwork(nodesPlace!);

    // Each seeds its own torrent, and downloads at another address.
    const seeds = await Promise.all(clients.map(async (client, index) => {
      const content: Content = {
        title: client.name,
        name: `of ${client.name}.bin`,
        pieceLength: 16 * 1024,
        files: [{ path: "", length: 300_001 }],
      };
      const dir = join(scratch.path, `seed ${client.name}`);
      await writeContent(dir, content);
      const torrent = await writeTorrent(dir, content);
      const at = { torrentPath: torrent.path, dir, place: places[index]!, port: freshPort() };
      const process = await client.seed({ ...at, dhtNodes: dhtNodes.endpoints });
      return { client, content, dir, torrent, process };
    }));
    await using stack = new AsyncDisposableStack();
    for (const { process } of seeds) stack.use(process);

    const pairs = seeds.flatMap((seed) =>
      clients.map((client, index) => ({ seed, client, place: places[clients.length + index]! }))
    ).filter(({ seed, client }) => seed.client !== client && [seed.client, client].includes(tt));
    await concurrentSteps(
      test,
      pairs.map(({ seed, client, place }) => ({
        name: `${client.name} finds the torrent of ${seed.client.name}`,
        async fn() {
          await announced(place, seed.torrent.infoHash, dhtNodes.endpoints[0]!, seed.process);
          const dir = join(scratch.path, `${client.name} from ${seed.client.name}`);
          await Deno.mkdir(dir);
          // It stays to the end: Transmission waits half a minute for each node that has left.
          const download = stack.use(
            await client.download({
              torrentPath: seed.torrent.path,
              dir,
              place,
              port: freshPort(),
              deadlineMs: DEADLINE_MS,
              dhtNodes: dhtNodes.endpoints,
              thenSeed: true,
            }),
          );
          await download.completed.catch((cause) => {
            throw new Error(`The seed's last lines:\n${seed.process.log()}`, { cause });
          });
          await assertSameBytes(client, seed.content, dir, seed.dir);
        },
      })),
    );
  },
});

/** Waits until the DHT knows a peer of the torrent: `tt dht` names it. */
async function announced(
  place: Place,
  infoHash: string,
  node: Endpoint,
  seed: { log(): string },
): Promise<void> {
  const untilMs = performance.now() + DEADLINE_MS;
  const named = `${node.host}:${node.port}`;
  const argv = await ttCommand(["dht", infoHash, "--host", place.host, "--dht-node", named]);
  while (performance.now() < untilMs) {
    const said = await runCommand(place.command([...argv, "--json"]));
    const lookup = said.split("\n").find((line) => line.includes('"dht-lookup"'));
    if (lookup !== undefined && JSON.parse(lookup).peers.length > 0) return;
    await sleep(LOOK_MS);
  }
  assert(false, `Nobody announced ${infoHash}. The seed's last lines:\n${seed.log()}`);
}
