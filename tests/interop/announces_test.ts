/**
 * Every client announces to `tt tracker` in every supported way, as shown by the tracker's access
 * log.
 */
import { join } from "node:path";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import type { AnnounceEvent } from "../../core/tracker/types.ts";
import { others } from "./clients/all.ts";
import { type Client, formatEndpoint } from "./clients/client.ts";
import { freshPort, ipv6, type Place, placeOver } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { announceUrl, type Way } from "./clients/tracker.ts";
import { tt } from "./clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { openScratch, smallPieces, writeContent, writeTorrent } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { openPlaces } from "./transfer.ts";

/** A client announces as soon as it listens; a loaded machine takes longer. */
const ANNOUNCE_DEADLINE_MS = 20_000;
const HAS_IPV6 = await ipv6.missing() === undefined;
/** With IPv6, this socket receives IPv4 too, as IPv4-mapped addresses. */
const EVERY_ADDRESS = HAS_IPV6 ? "::" : "0.0.0.0";
/**
 * All in one test, in parallel; cases that need IPv6 are separate tests that are skipped without
 * it.
 */
const FAMILIES: readonly (readonly IpVersion[])[] = HAS_IPV6 ? [[4, 6]] : [[4], [6]];

for (const client of [tt, ...others]) {
  for (const versions of FAMILIES) {
    const ways = versions.flatMap((ipVersion) => waysOf(client, ipVersion));
    const lacks = versions.includes(6) ? client.lacksUdp6 : undefined;
    await interopTest({
      name: `${client.name} announces to tt tracker over ${ways.map(wayText).join(", ")}` +
        (lacks === undefined ? "" : ` (not over udp by IPv6: ${lacks})`),
      needs: versions.includes(6) ? [client, ipv6] : [client],
      fn: (test) => announces(test, client, ways),
    });
  }
}

function waysOf({ lacksUdp6 }: Client, ipVersion: IpVersion): Way[] {
  const http: Way = { scheme: "http", ipVersion };
  return ipVersion === 6 && lacksUdp6 !== undefined ? [http] : [http, { scheme: "udp", ipVersion }];
}

function wayText({ scheme, ipVersion }: Way): string {
  return `${scheme} by IPv${ipVersion}`;
}

/** Fails unless the tracker logs each announce with that client's address, port and torrent. */
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

  const announce = async (way: Way) => {
    const { scheme, ipVersion } = way;
    const dir = join(scratch.path, wayText(way));
    await Deno.mkdir(dir);
    const { host } = placeOver(ipVersion, trackerPlace!);
    const url = announceUrl(host, tracker.port, scheme);
    const torrentPath = join(dir, "announced.torrent");
    const { infoHash } = await writeTorrent(contentDir, smallPieces, url, torrentPath);
    const place = placeOver(ipVersion, clientPlace!);
    const port = freshPort();
    await using download = await client.download({
      torrentPath,
      dir,
      place,
      port,
      deadlineMs: ANNOUNCE_DEADLINE_MS,
      thenSeed: true,
    });
    const answered = async (event: AnnounceEvent) => {
      const asker = formatEndpoint({ host: place.host, port });
      const entry = ` ${asker} ${scheme} ${event} ${infoHash} answered `;
      const find = (line: string) => line.includes(entry) || undefined;
      await tracker.waitForLine(find, `log${entry}`, ANNOUNCE_DEADLINE_MS);
    };
    await answered("started");
    await download.stop();
    // Some clients leave without a `stopped` announce: aria2, and libtorrent over UDP.
    if (client === tt) await answered("stopped");
  };
  const steps = ways.map((way) => ({ name: wayText(way), fn: () => announce(way) }));
  await concurrentSteps(test, steps);
}

async function startTracker(place: Place): Promise<ClientProcess> {
  const port = freshPort();
  const args = ["tracker", "--host", EVERY_ADDRESS, "--port", String(port), "--store", "memory"];
  const argv = await ttCommand([...args, "--access-log", "-"]);
  const tracker = new ClientProcess({ place, port, argv });
  await tracker.waitForListening();
  return tracker;
}
