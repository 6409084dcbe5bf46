/**
 * `bench v2`: v2 and hybrids compared with v1, in one run: creating and verifying a torrent, a
 * download from libtorrent and to it, and the memory for the piece layers of a large torrent.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import type { TorrentFormat } from "../../core/metainfo/identity.ts";
import { plannedTrees, treesOfNodes } from "../../core/metainfo/piece_trees.ts";
import { MERKLE } from "../../shell/hash/sha256.ts";
import { readMetainfo } from "../../shell/read_metainfo.ts";
import { libtorrent } from "../interop/clients/libtorrent.ts";
import { tt } from "../interop/clients/tt.ts";
import { ttCommand } from "../support/tt_command.ts";
import { type Content, writeContent, writeTorrent } from "../support/content.ts";
import { atLeast, type Figure, printFigures, shorten } from "./figures.ts";
import { timeCommand } from "./launch.ts";
import { openMeetingPoint } from "./meeting_point.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { hashFile, runPair } from "./pair_run.ts";
import { median, readSize } from "./report.ts";
import type { HashProbe } from "./sha256_worker.ts";

export const V2_USAGE =
  `v2 [--size 1G] [--hash-size 4G] [--piece 1M] [--runs 3] [--no-transfers] [--json]
  v2 and hybrids beside v1: tt create and tt verify of --hash-size without their launch, a download of --size from
  libtorrent and to it, and the memory of the layers of a torrent of 200 GB.`;

const FORMATS: readonly TorrentFormat[] = ["v1", "v2", "hybrid"];
const PROBE_BYTES = 256 << 20;
const WARM_UP_BYTES = 16 << 20;
/** The content twice: at the seeder and at the downloader. */
const ROOM_FACTOR = 2.4;
const CREATE_SHARE = 0.7;
const TRANSFER_SHARE = 0.95;
const LARGE_BYTES = 200e9;
const LARGE_PIECES: readonly number[] = [16 << 20, 4 << 20, 1 << 20];

interface Options {
  readonly sizeBytes: number;
  /**
   * Large enough that starting threads, which costs as much as hashing 100 MB, counts for little.
   */
  readonly hashBytes: number;
  readonly pieceLength: number;
  readonly runs: number;
}

export async function benchV2(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "1G" },
      "hash-size": { type: "string", default: "4G" },
      piece: { type: "string", default: "1M" },
      runs: { type: "string", default: "3" },
      "no-transfers": { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const options: Options = {
    sizeBytes: readSize(flags.size),
    hashBytes: readSize(flags["hash-size"]),
    pieceLength: readSize(flags.piece),
    runs: Number(flags.runs),
  };
  const figures = [
    ...await measureHashing(options),
    ...(flags["no-transfers"] ? [] : await measureTransfers(options)),
    ...LARGE_PIECES.map(measureLayers),
  ];
  const { sizeBytes, hashBytes, pieceLength, runs } = options;
  const title = `${sizeBytes / 1e6} MB to transfer, ${hashBytes / 1e6} MB to hash, ` +
    `in pieces of ${pieceLength / 1024} KiB, median of ${runs}`;
  printFigures(title, figures, flags.json);
}

/** Megabytes hashed a second by all cores, and in a second of CPU time. */
interface HashRate {
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

async function measureHashing(
  { hashBytes: sizeBytes, pieceLength, runs }: Options,
): Promise<Figure[]> {
  await using folder = await openMemoryFolder(1.2 * sizeBytes);
  const files = [{ path: "", length: sizeBytes }];
  await writeContent(folder.path, { title: "", name: "v2.bin", pieceLength, files });
  const content = join(folder.path, "v2.bin");
  const blockRates: HashRate[] = [];
  const streamRates: HashRate[] = [];
  const rates = new Map<string, HashRate[]>();
  const version = await ttCommand(["--version"]);
  for (let run = 0; run < runs; run++) {
    const launch = await timeWithCpu(version);
    blockRates.push(await measureSha256(false));
    streamRates.push(await measureSha256(true));
    for (const format of FORMATS) {
      const torrent = join(folder.path, `${format}.torrent`);
      const size = String(pieceLength);
      const create = ["create", content, "--format", format, "--out", torrent, "--force"];
      const verify = ["verify", torrent, "--dir", folder.path, "--quiet"];
      const commands = { create: [...create, "--piece-length", size, "--quiet"], verify };
      for (const [name, command] of Object.entries(commands)) {
        const { seconds, cpuSeconds } = await timeWithCpu(await ttCommand(command));
        const key = `tt ${name}, ${format}`;
        const rate = {
          perSecond: sizeBytes / 1e6 / (seconds - launch.seconds),
          perCpuSecond: sizeBytes / 1e6 / (cpuSeconds - launch.cpuSeconds),
        };
        rates.set(key, [...rates.get(key) ?? [], rate]);
      }
    }
  }
  const cores = navigator.hardwareConcurrency;
  const [blocks, stream] = [medianRate(blockRates), medianRate(streamRates)];
  return [...rates].flatMap(([what, values]) => {
    const { perSecond, perCpuSecond } = medianRate(values);
    return [{
      what,
      measured: `${shorten(perSecond)} MB/s`,
      beside: `SHA-256 on ${cores} cores: of blocks ${shorten(blocks.perSecond)} MB/s, ` +
        `of one stream each ${shorten(stream.perSecond)} MB/s`,
      ...(what.endsWith("v2") &&
        { target: atLeast(perSecond / blocks.perSecond, CREATE_SHARE) }),
    }, {
      what: `${what}, by processor time`,
      measured: `${shorten(perCpuSecond)} MB/s`,
      beside: `of blocks ${shorten(blocks.perCpuSecond)} MB/s, ` +
        `of one stream ${shorten(stream.perCpuSecond)} MB/s`,
      ...(what.endsWith("v2") &&
        { target: atLeast(perCpuSecond / blocks.perCpuSecond, CREATE_SHARE) }),
    }];
  });
}

function medianRate(rates: readonly HashRate[]): HashRate {
  return {
    perSecond: median(rates.map(({ perSecond }) => perSecond)),
    perCpuSecond: median(rates.map(({ perCpuSecond }) => perCpuSecond)),
  };
}

/**
 * Memory hashed on all cores at once with the functions that `tt` uses, after the threads started.
 */
async function measureSha256(isOneStream: boolean): Promise<HashRate> {
  const workers = Array.from({ length: navigator.hardwareConcurrency }, () => {
    return new Worker(new URL("./sha256_worker.ts", import.meta.url), { type: "module" });
  });
  const hash = (bytes: number) =>
    Promise.all(workers.map((worker) => {
      const answer = Promise.withResolvers<void>();
      worker.onmessage = () => answer.resolve();
      worker.postMessage({ bytes, isOneStream } satisfies HashProbe);
      return answer.promise;
    }));
  await hash(WARM_UP_BYTES);
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  await hash(PROBE_BYTES);
  const { user, system } = process.cpuUsage(cpu);
  const ms = performance.now() - startMs;
  for (const worker of workers) worker.terminate();
  const bytes = workers.length * PROBE_BYTES;
  return { perSecond: bytes / 1e3 / ms, perCpuSecond: bytes / (user + system) };
}

/** As `timeCommand`, with the CPU time of the command's own process. */
async function timeWithCpu(argv: readonly string[]) {
  const { seconds, stdout } = await timeCommand(["sh", "-c", '"$@" && times', "sh", ...argv]);
  const spent = stdout.trimEnd().split("\n").at(-1)!.matchAll(/(\d+)m([\d.]+)s/g);
  const cpuSeconds = [...spent].reduce((sum, [, minutes, seconds]) => {
    return sum + 60 * Number(minutes) + Number(seconds);
  }, 0);
  return { seconds, cpuSeconds };
}

async function measureTransfers({ sizeBytes, pieceLength, runs }: Options): Promise<Figure[]> {
  await using meetingPoint = openMeetingPoint();
  await using folder = await openMemoryFolder(ROOM_FACTOR * sizeBytes);
  const content: Content = {
    ...{ title: "bench", name: "v2.bin", pieceLength },
    files: [{ path: "", length: sizeBytes }],
  };
  await writeContent(folder.path, content);
  const sha1 = await hashFile(join(folder.path, content.name));
  const rates = new Map<string, number[]>();
  const costs = new Map<string, number[][]>();
  const pairs = {
    "from libtorrent": [libtorrent, tt],
    "to libtorrent": [tt, libtorrent],
    "between two libtorrents": [libtorrent, libtorrent],
  } as const;
  const torrents = new Map<TorrentFormat, Awaited<ReturnType<typeof writeTorrent>>>();
  for (const format of FORMATS) {
    const path = join(folder.path, `${format}.torrent`);
    const formatted = { ...content, format };
    torrents.set(
      format,
      await writeTorrent(folder.path, formatted, meetingPoint.announceUrl, path),
    );
  }
  for (let run = 0; run < runs; run++) {
    for (const [way, [seeder, downloader]] of Object.entries(pairs)) {
      for (const [format, torrent] of torrents) {
        const given = { content, dir: folder.path, torrent, sizeBytes, sha1 };
        const pair = await runPair(seeder, downloader, given, meetingPoint);
        const { launchSeconds } = pair;
        const key = `${way}, ${format}`;
        const cost = [pair.seeder.cpuSeconds, pair.downloader.cpuSeconds];
        costs.set(key, [...costs.get(key) ?? [], cost.map((cpu) => cpu / (sizeBytes / 1e9))]);
        rates.set(key, [...rates.get(key) ?? [], sizeBytes / 1e6 / launchSeconds]);
      }
    }
  }
  const rateOf = (way: string, format: TorrentFormat) => median(rates.get(`${way}, ${format}`)!);
  const costOf = (way: string, format: TorrentFormat, side: number) =>
    shorten(median(costs.get(`${way}, ${format}`)!.map((sides) => sides[side]!)));
  return Object.keys(pairs).flatMap((way) =>
    FORMATS.map((format): Figure => ({
      what: `Download ${way}, ${format}`,
      measured: `${shorten(rateOf(way, format))} MB/s`,
      beside: `${shorten(rateOf(way, format) / rateOf(way, "v1"))} of v1; ` +
        `processor seconds a GB: seeder ${costOf(way, format, 0)}, ` +
        `downloader ${costOf(way, format, 1)}`,
      ...(format === "v2" && way !== "between two libtorrents" && {
        target: atLeast(rateOf(way, "v2") / rateOf(way, "v1"), TRANSFER_SHARE),
      }),
    }))
  );
}

/** The memory for the layers of a large single-file torrent, and the time to verify them. */
function measureLayers(pieceLength: number): Figure {
  const planned = plannedTrees([LARGE_BYTES], pieceLength);
  const nodes = new Uint8Array(planned.content.pieceCount * 32);
  for (let at = 0; at < nodes.length; at += 32) nodes.set(createHash("sha256").digest(), at);
  const bytes = buildMetainfo({
    name: "large",
    files: [{ path: ["large"], length: LARGE_BYTES }],
    isFolder: false,
    pieceLength,
    pieceHashes: undefined,
    trees: treesOfNodes(planned, MERKLE, nodes),
    announceTiers: [],
    isPrivate: false,
  });
  const startMs = performance.now();
  const read = readMetainfo(bytes);
  const ms = performance.now() - startMs;
  if (!read.ok) throw new Error(read.error.code);
  const kept = read.value.trees!.layers.reduce(
    (sum, layer) => sum + (layer?.buffer.byteLength ?? 0),
    0,
  );
  return {
    what: `Layers of 200 GB in pieces of ${pieceLength >> 20} MiB`,
    measured: `${shorten(kept / 1e6)} MB`,
    beside: `${planned.content.pieceCount} pieces, checked in ${shorten(ms)} ms`,
  };
}
