/** Many active downloads of one daemon at once, compared with one download of as many bytes. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import { openScratch } from "../support/content.ts";
import { freshPort, loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { ttSubject, wait } from "./daemon_subjects.ts";
import { atLeast, type Figure, shorten } from "./figures.ts";
import { openMeetingPoint } from "./meeting_point.ts";
import { readProcessCost } from "./process_cost.ts";
import { median } from "./report.ts";

const PIECE_LENGTH = 256 * 1024;
const RATIO_MIN = 0.9;
const READY_MS = 120_000;
const DEADLINE_MS = 300_000;

/** Fractions of all bytes between which every torrent is active. */
const STEADY_FROM = 0.2, STEADY_TO = 0.8;
const LOOK_MS = 50;

interface Run {
  /** From the start of the torrents until the last one is complete. */
  readonly seconds: number;
  /** Bytes a second between STEADY_FROM and STEADY_TO. */
  readonly steadyRate: number;
  /** CPU seconds of the downloading daemon. */
  readonly cpuSeconds: number;
}

/**
 * `count` torrents of `size` bytes each, and one of `count * size`; each `runs` times,
 * alternating.
 */
export async function measureActive(count: number, size: number, runs: number): Promise<Figure[]> {
  const many: Run[] = [], one: Run[] = [];
  for (let run = 0; run < runs; run++) {
    one.push(await download(1, count * size));
    many.push(await download(count, size));
  }
  const middle = (runs: readonly Run[], what: keyof Run) => median(runs.map((run) => run[what]));
  const steady = (runs: readonly Run[]) => `${shorten(middle(runs, "steadyRate") / 1e6)} MB/s`;
  const whole = (runs: readonly Run[]) =>
    `${shorten(middle(runs, "seconds"))} s, CPU ${shorten(middle(runs, "cpuSeconds"))} s`;
  const ratio = middle(many, "steadyRate") / middle(one, "steadyRate");
  return [{
    what: `${count} downloads at once, total rate`,
    measured: steady(many),
    beside: `one ${steady(one)} (ratio ${shorten(ratio)})`,
    target: atLeast(Math.round(100 * ratio) / 100, RATIO_MIN),
  }, {
    what: "from their start until all are complete",
    measured: whole(many),
    beside: `one of as many bytes ${whole(one)}`,
  }];
}

async function download(count: number, size: number): Promise<Run> {
  await using scratch = await openScratch("tt-bench-");
  await using meetingPoint = openMeetingPoint();
  const content = join(scratch.path, "content");
  await Deno.mkdir(content);
  const torrents: { readonly path: string }[] = [];
  for (let number = 0; number < count; number++) {
    const path = await makeTorrent(content, number, size, meetingPoint.announceUrl);
    torrents.push({ path });
  }
  const seedPort = freshPort();
  const argv = await ttCommand([
    ...["seed", ...torrents.map(({ path }) => path), "--dir", content, "--json", "--allow-local"],
    ...["--host", loopback.host, "--port", String(seedPort)],
  ]);
  await using seeder = new ClientProcess({ place: loopback, port: seedPort, argv });
  let checked = 0;
  const isReady = (line: string) =>
    line.includes('"event":"tracker"') && ++checked === count || undefined;
  await seeder.waitForLine(isReady, "announce all", READY_MS);
  meetingPoint.setSeeder(seedPort);

  const subject = ttSubject(join(scratch.path, "tt"), false, [
    ...["--max-downloads", "0", "--paused"],
  ]);
  await using daemon = await subject.start();
  await subject.add(torrents, join(scratch.path, "downloads"));
  const before = await readProcessCost(daemon.pid);
  const from = performance.now();
  await subject.startAll();
  const looks: { readonly ms: number; readonly bytes: number }[] = [];
  for (const total = count * size;;) {
    const bytes = await subject.bytesHave();
    looks.push({ ms: performance.now(), bytes });
    if (bytes === total) break;
    if (performance.now() - from > DEADLINE_MS) throw new Error("The downloads take too long");
    await wait(LOOK_MS);
  }
  const seconds = (performance.now() - from) / 1000;
  const at = (part: number) => looks.find(({ bytes }) => bytes >= part * count * size)!;
  const [first, last] = [at(STEADY_FROM), at(STEADY_TO)];
  const steadyRate = 1000 * (last.bytes - first.bytes) / (last.ms - first.ms);
  const { cpuSeconds } = await readProcessCost(daemon.pid);
  return { seconds, steadyRate, cpuSeconds: cpuSeconds - before.cpuSeconds };
}

/** Writes a file in `dir` whose pieces all differ; returns the path of its torrent. */
async function makeTorrent(
  dir: string,
  number: number,
  size: number,
  announceUrl: string,
): Promise<string> {
  const name = `active ${number}.bin`;
  const piece = crypto.getRandomValues(new Uint8Array(64 * 1024));
  const content = new Uint8Array(PIECE_LENGTH);
  for (let at = 0; at < PIECE_LENGTH; at += piece.length) content.set(piece, at);
  const view = new DataView(content.buffer);
  const hashes: Uint8Array[] = [];
  using file = await Deno.create(join(dir, name));
  for (let at = 0; at < size; at += PIECE_LENGTH) {
    view.setUint32(0, at / PIECE_LENGTH);
    const part = content.subarray(0, Math.min(PIECE_LENGTH, size - at));
    for (let written = 0; written < part.length;) {
      written += await file.write(part.subarray(written));
    }
    hashes.push(createHash("sha1").update(part).digest());
  }
  const pieceHashes = new Uint8Array(hashes.flatMap((hash) => [...hash]));
  const path = join(dir, `${name}.torrent`);
  await Deno.writeFile(
    path,
    buildMetainfo({
      ...{ name, files: [{ path: [], length: size }], isFolder: false, pieceHashes },
      ...{ pieceLength: PIECE_LENGTH, announceTiers: [[announceUrl]], isPrivate: false },
    }),
  );
  return path;
}
