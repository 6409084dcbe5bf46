/** Every client announces to `tt tracker` in every way it can, as the tracker's access log tells. */
import { join } from "node:path";
import { others } from "./clients/all.ts";
import { type Client, formatEndpoint } from "./clients/client.ts";
import { freshPort, ipv6, type Place, placeOver } from "./clients/network.ts";
import { ClientProcess } from "./clients/process.ts";
import { announceUrl, type Way } from "./clients/tracker.ts";
import { tt, ttCommand } from "./clients/tt.ts";
import { openScratch, smallPieces, writeContent, writeTorrent } from "./content.ts";
import { concurrentSteps, interopTest } from "./requirements.ts";
import { openPlaces } from "./transfer.ts";

/** A client announces as soon as it listens; a loaded machine takes longer. */
const ANNOUNCE_DEADLINE_MS = 20_000;
/** Of both families where there are both, so that IPv4 arrives there as a part of IPv6. */
const EVERY_ADDRESS = await ipv6.missing() === undefined ? "::" : "0.0.0.0";

for (const client of [tt, ...others]) {
  await interopTest({
    name: `${client.name} announces to tt tracker over HTTP and UDP by IPv4`,
    needs: [client],
    fn: (test) =>
      announces(test, client, [
        { scheme: "http", ipVersion: 4 },
        { scheme: "udp", ipVersion: 4 },
      ]),
  });

  const { lacksUdp6 } = client;
  await interopTest({
    name: `${client.name} announces to tt tracker over HTTP ` +
      (lacksUdp6 === undefined ? "and UDP by IPv6" : `by IPv6, not over UDP: ${lacksUdp6}`),
    needs: [client, ipv6],
    fn: (test) =>
      announces(test, client, [
        { scheme: "http", ipVersion: 6 },
        ...(lacksUdp6 === undefined ? [{ scheme: "udp", ipVersion: 6 } as const] : []),
      ]),
  });
}

/** Fails unless the tracker takes each announce for one of that client's address, port and torrent. */
async function announces(
  test: Deno.TestContext,
  client: Client,
  ways: readonly Way[],
): Promise<void> {
  await using scratch = await openScratch();
  await using network = await openPlaces([client], 2);
  const [clientPlace, trackerPlace] = network.places;
  await using tracker = await startTracker(trackerPlace!);
  const contentDir = join(scratch.path, "content");
  await writeContent(contentDir, smallPieces);

  const announce = async ({ scheme, ipVersion }: Way) => {
    const dir = join(scratch.path, scheme);
    await Deno.mkdir(dir);
    const { host } = placeOver(ipVersion, trackerPlace!);
    const url = announceUrl(host, tracker.port, scheme);
    const torrent = join(dir, "announced.torrent");
    const { path: torrentPath, infoHash } = await writeTorrent(
      contentDir,
      smallPieces,
      url,
      torrent,
    );
    const place = placeOver(ipVersion, clientPlace!);
    const port = freshPort();
    await using _download = await client.download({
      torrentPath,
      dir,
      place,
      port,
      deadlineMs: ANNOUNCE_DEADLINE_MS,
      thenSeed: true,
    });
    const entry = `${formatEndpoint({ host: place.host, port })} ${scheme} started ${infoHash}`;
    await tracker.waitForLine(
      (line) => line.includes(` ${entry} answered `) || undefined,
      `answer ${entry}`,
      ANNOUNCE_DEADLINE_MS,
    );
  };
  await concurrentSteps(
    test,
    ways.map((way) => ({
      name: `over ${way.scheme} by IPv${way.ipVersion}`,
      fn: () => announce(way),
    })),
  );
}

async function startTracker(place: Place): Promise<ClientProcess> {
  const port = freshPort();
  const args = ["tracker", "--host", EVERY_ADDRESS, "--port", String(port), "--store", "memory"];
  const argv = await ttCommand([...args, "--access-log", "-"]);
  const tracker = new ClientProcess({ place, port, argv });
  await tracker.waitForListening();
  return tracker;
}
