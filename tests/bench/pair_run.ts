/** One transfer of the benchmark's content between two clients, with the cost on each side. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Client } from "../interop/clients/client.ts";
import { freshPort, loopback } from "../support/network.ts";
import { type Content, openScratch, type Torrent } from "../support/content.ts";
import type { MeetingPoint } from "./meeting_point.ts";
import { type ProcessCost, readProcessCost } from "./process_cost.ts";

const DEADLINE_MS = 10 * 60_000;
const READ_SIZE = 1 << 20;

/** The content on disk and its digest. */
export interface BenchContent {
  readonly content: Content;
  readonly dir: string;
  readonly torrent: Torrent;
  readonly sizeBytes: number;
  /** Of the file, hexadecimal. */
  readonly sha1: string;
}

/** Runs around the transfer, such as profiling; both processes live throughout. */
export interface Watch {
  started(pids: { readonly seeder: number; readonly downloader: number }): Promise<void>;
  finished(): Promise<void>;
}

export interface PairRun {
  /** Seconds from the downloader's launch until it reports completion. */
  readonly launchSeconds: number;
  /** Seconds of the transfer by the downloader's own clock, where it reports them. */
  readonly transferSeconds: number | undefined;
  /** Cost since the launch of the downloader, when the seeder already listened. */
  readonly seeder: ProcessCost;
  /** Cost since its launch. */
  readonly downloader: ProcessCost;
}

/** Throws when the downloaded file is not the content. */
export async function runPair(
  seeder: Client,
  downloader: Client,
  given: BenchContent,
  meetingPoint: MeetingPoint,
  watch?: Watch,
): Promise<PairRun> {
  await using scratch = await openScratch("tt-bench-", given.dir);
  const common = { torrentPath: given.torrent.path, place: loopback };
  const seedPort = freshPort();
  meetingPoint.setSeeder(seedPort);
  await using seed = await seeder.seed({ ...common, dir: given.dir, port: seedPort });
  const before = await readProcessCost(seed.pid);

  const launchedMs = performance.now();
  await using download = await downloader.download({
    ...common,
    dir: scratch.path,
    port: freshPort(),
    deadlineMs: DEADLINE_MS,
    // Keeps the process running until its cost is read.
    thenSeed: true,
  });
  await watch?.started({ seeder: seed.pid, downloader: download.pid });
  const { seconds } = await download.completed;
  const launchSeconds = (performance.now() - launchedMs) / 1000;
  const [after, downloaderCost] = await Promise.all([
    readProcessCost(seed.pid),
    readProcessCost(download.pid),
  ]);
  await watch?.finished();
  await Promise.all([seed.stop(), download.stop()]);

  const sha1 = await hashFile(join(scratch.path, given.content.name));
  if (sha1 !== given.sha1) {
    throw new Error(`${downloader.name} ended with other bytes than ${seeder.name} has`);
  }
  return {
    launchSeconds,
    transferSeconds: seconds,
    seeder: { ...after, cpuSeconds: after.cpuSeconds - before.cpuSeconds },
    downloader: downloaderCost,
  };
}

/** SHA-1 of a file, hexadecimal. */
export async function hashFile(path: string): Promise<string> {
  using file = await Deno.open(path);
  const hash = createHash("sha1");
  const buffer = new Uint8Array(READ_SIZE);
  for (let count; (count = file.readSync(buffer)) !== null;) {
    hash.update(buffer.subarray(0, count));
  }
  return hash.digest("hex");
}
