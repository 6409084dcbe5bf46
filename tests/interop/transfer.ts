/** One torrent from one client to another, compared byte for byte at the end. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import type { Client, Downloading, Endpoint, TransferOptions } from "./clients/client.ts";
import { freshPort, loopback, type Network, openNetwork, placeOver } from "../support/network.ts";
import { runCommand, type Running } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { announceUrl, awaitSeeder, type Tracker, type Way } from "./clients/tracker.ts";
import {
  type Content,
  digestTree,
  openScratch,
  writeContent,
  writeTorrent,
} from "../support/content.ts";

/** Transmission waits ten seconds before its first unchoke; the rest is for a loaded machine. */
export const TRANSFER_DEADLINE_MS = 60_000;

/** The number of hosts: loopback where every client accepts it, else namespaces. */
export async function openPlaces(clients: readonly Client[], count: number): Promise<Network> {
  if (clients.some((client) => client.refusesLoopback)) return await openNetwork(count);
  return {
    places: Array.from({ length: count }, () => loopback),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Transfers the content: both use the given tracker, or, without one, the side that can dials the
 * other. Fails unless every file, and no other, has the same bytes at the end.
 */
export async function transfer(
  seeder: Client,
  downloader: Client,
  content: Content,
  tracker?: Tracker,
  { scheme, ipVersion }: Way = { scheme: "http", ipVersion: 4 },
  /**
   * The downloader gets a magnet link in place of the file: the whole link, or one with one hash
   * only.
   */
  byMagnet: "file" | "link" | "btih" | "btmh" = "file",
): Promise<void> {
  await using scratch = await openScratch();
  await using network = await openPlaces([seeder, downloader], 3);
  const [seedPlace, downloadPlace, trackerPlace] = network.places.map((place) =>
    placeOver(ipVersion, place)
  );
  const [seedDir, downloadDir] = [join(scratch.path, "seed"), join(scratch.path, "download")];
  await Deno.mkdir(downloadDir);
  await writeContent(seedDir, content);

  const trackerPort = freshPort();
  const url = tracker && announceUrl(trackerPlace!.host, trackerPort, scheme);
  const { path: torrentPath, infoHash } = await writeTorrent(seedDir, content, url);
  const seeding = { torrentPath, dir: seedDir, place: seedPlace!, port: freshPort() };
  const downloading = {
    torrentPath: byMagnet === "file" ? torrentPath : await magnetOf(torrentPath, byMagnet),
    dir: downloadDir,
    place: downloadPlace!,
    port: freshPort(),
    deadlineMs: TRANSFER_DEADLINE_MS,
  };

  if (tracker !== undefined) {
    await using meeting = await tracker.start({
      place: trackerPlace!,
      port: trackerPort,
      infoHashes: [infoHash],
    });
    await using seed = await seeder.seed(seeding);
    await awaitSeeder(downloadPlace!, meeting, infoHash);
    await using download = await downloader.download(downloading);
    await complete(download, seed);
  } else if (downloader.dials) {
    await using seed = await seeder.seed(seeding);
    const peers = [endpointOf(seeding)];
    await using download = await downloader.download({ ...downloading, peers });
    await complete(download, seed);
  } else {
    await using download = await downloader.download(downloading);
    const peers = [endpointOf(downloading)];
    await using seed = await seeder.seed({ ...seeding, peers });
    await complete(download, seed);
  }
  await assertSameBytes(downloader, content, downloadDir, seedDir);
}

/** The link from `tt show`, or a part of it with one of its hashes. */
async function magnetOf(torrentPath: string, kind: "link" | "btih" | "btmh"): Promise<string> {
  const shown = await runCommand(await ttCommand(["show", torrentPath, "--json"]));
  const { magnet } = JSON.parse(shown);
  if (kind === "link") return magnet;
  const parts = magnet.slice("magnet:?".length).split("&").filter((part: string) =>
    !part.startsWith("xt=") || part.startsWith(`xt=urn:${kind}:`)
  );
  return `magnet:?${parts.join("&")}`;
}

/** A failure of one side is often explained by the log of the other. */
export async function complete(download: Downloading, seed: Running): Promise<void> {
  try {
    await download.completed;
  } catch (error) {
    throw new Error(`The other side's last lines:\n${seed.log()}`, { cause: error });
  }
}

function endpointOf({ place, port }: TransferOptions): Endpoint {
  return { host: place.host, port };
}

/** Fails unless the client's folder contains exactly the other's files, byte for byte. */
export async function assertSameBytes(
  client: Client,
  content: Content,
  downloadDir: string,
  seedDir: string,
): Promise<void> {
  const expected = await digestTree(seedDir, content);
  if (!client.makesEmptyFiles) {
    for (const { path, length } of content.files) if (length === 0) delete expected[path];
  }
  assertEquals(await digestTree(downloadDir, content), expected);
}
