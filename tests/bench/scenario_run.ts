/** Downloads of one torrent by one client, one or several at a time, timed and compared. */
import { join } from "node:path";
import type { Client, Downloading, Endpoint } from "../interop/clients/client.ts";
import { freshPort, loopback } from "../support/network.ts";
import { runCommand } from "../support/process.ts";
import {
  type Content,
  openScratch,
  type Torrent,
  writeContent,
  writeTorrent,
} from "../support/content.ts";
import { openMemoryFolder } from "./memory_folder.ts";

const DEADLINE_MS = 10 * 60_000;
const ROOM_FACTOR = 1.2;

export interface Prepared extends AsyncDisposable {
  readonly content: Content;
  /** In memory; it holds the content and its torrent, and downloads go to folders beside them. */
  readonly dir: string;
  readonly torrent: Torrent;
  readonly sizeBytes: number;
}

/** Creates content and torrent, with room for this many downloads of it. */
export async function prepare(
  content: Content,
  downloads: number,
  announceUrl?: string,
): Promise<Prepared> {
  const sizeBytes = content.files.reduce((total, { length }) => total + length, 0);
  const folder = await openMemoryFolder(ROOM_FACTOR * (1 + downloads) * sizeBytes);
  await writeContent(folder.path, content);
  const torrent = await writeTorrent(folder.path, content, announceUrl);
  return {
    content,
    dir: folder.path,
    torrent,
    sizeBytes,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** Starts a seeder of the prepared content; dispose of it at the end. */
export async function startSeeder(seeder: Client, { dir, torrent }: Prepared) {
  return await seeder.seed({ torrentPath: torrent.path, dir, place: loopback, port: freshPort() });
}

/**
 * Seconds from the launch of the first of `count` downloaders until the last is complete. Throws
 * when one of them ends with other bytes.
 */
export async function timeDownloads(
  client: Client,
  count: number,
  { content, dir, torrent }: Prepared,
  peers: readonly Endpoint[],
): Promise<number> {
  await using scratch = await openScratch("tt-bench-", dir);
  const dirs = Array.from({ length: count }, (_, number) => join(scratch.path, String(number)));
  for (const target of dirs) await Deno.mkdir(target);
  const running: Downloading[] = [];
  const startedMs = performance.now();
  try {
    const ends = dirs.map(async (target) => {
      const download = await client.download({
        ...{ torrentPath: torrent.path, dir: target, place: loopback, port: freshPort(), peers },
        deadlineMs: DEADLINE_MS,
        // Complete downloaders help the others.
        thenSeed: true,
      });
      running.push(download);
      await download.completed;
      return performance.now();
    });
    const endedMs = Math.max(...await Promise.all(ends));
    for (const target of dirs) {
      await runCommand(["diff", "-rq", join(dir, content.name), join(target, content.name)]);
    }
    return (endedMs - startedMs) / 1000;
  } finally {
    await Promise.all(running.map((download) => download.stop()));
  }
}
