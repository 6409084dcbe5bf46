/**
 * `bench disk`: pieces through `shell/disk`, compared with the same bytes through bare system
 * calls, in a folder in memory; then the cost of creating and flushing many files on the disk of
 * the temporary folder.
 */
import fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { BLOCK_SIZE, createGeometry, pieceOffset } from "../../core/metainfo/geometry.ts";
import type { TorrentFile } from "../../core/metainfo/types.ts";
import { openStorage, type Storage } from "../../shell/disk/storage.ts";
import { openScratch } from "../support/content.ts";
import { atLeast, type Figure, printFigures, shorten } from "./figures.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { medianMsOfAsync } from "./measure.ts";
import { readSize } from "./report.ts";

export const DISK_USAGE = `disk [--size 256M] [--piece 1M] [--files 10000] [--runs 5] [--json]
  Writes, reads, reserves and flushes through tt's storage, beside bare calls.`;

/** A download writes some pieces while it hashes others. */
const AT_ONCE = 4;
/** Bytes that a seeder reads for one write to a peer. */
const READ_BYTES = 16 * BLOCK_SIZE;
const ROOM_FACTOR = 3;

interface Options {
  readonly sizeBytes: number;
  readonly pieceLength: number;
  readonly files: number;
  readonly runs: number;
  readonly json: boolean;
}

export async function benchDisk(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  const figures = [...await benchPieces(options), ...await benchFiles(options)];
  const { sizeBytes, pieceLength, runs } = options;
  const title = `${sizeBytes / 1e6} MB in pieces of ${pieceLength / 1024} KiB, median of ${runs}`;
  printFigures(title, figures, options.json);
}

/** Whole pieces are written, blocks are read. */
async function benchPieces({ sizeBytes, pieceLength, runs }: Options): Promise<Figure[]> {
  await using folder = await openMemoryFolder(ROOM_FACTOR * sizeBytes);
  const geometry = createGeometry(sizeBytes, pieceLength);
  const files = [fileAt(["ours.bin"], sizeBytes, 0)];
  const storage = openStorage(folder.path, { files, geometry });
  await storage.reserve();
  const piece = new Uint8Array(pieceLength).fill(7);
  const target = new Uint8Array(READ_BYTES);
  const pieces = Array.from({ length: Math.floor(sizeBytes / pieceLength) }, (_, at) => at);
  const reads = Array.from({ length: Math.floor(sizeBytes / READ_BYTES) }, (_, at) => at);

  const fd = fs.openSync(join(folder.path, "bare.bin"), "w+");
  fs.ftruncateSync(fd, sizeBytes);
  try {
    const write = await measure(() =>
      inTurns(pieces, AT_ONCE, (at) => storage.writePiece(pieceOffset(geometry, at), piece))
    );
    const bareWrite = await measure(() =>
      inTurns(pieces, 1, (at) => {
        fs.writeSync(fd, piece, 0, pieceLength, pieceOffset(geometry, at));
      })
    );
    const read = await measure(() =>
      inTurns(reads, 1, (at) => storage.readInto(at * READ_BYTES, target))
    );
    const bareRead = await measure(() =>
      inTurns(reads, 1, (at) => {
        fs.readSync(fd, target, 0, READ_BYTES, at * READ_BYTES);
      })
    );
    return [
      compare(`write, ${AT_ONCE} pieces at once`, write, "bare writeSync", bareWrite),
      compare(
        `read, ${READ_BYTES / 1024} KiB, one after the other`,
        read,
        "bare readSync",
        bareRead,
      ),
    ];
  } finally {
    fs.closeSync(fd);
    await storage.close();
  }

  async function measure(work: () => Promise<void>): Promise<Cost> {
    await work();
    const before = process.cpuUsage();
    const ms = await medianMsOfAsync(runs, work);
    const { user, system } = process.cpuUsage(before);
    return {
      megabytesPerSecond: sizeBytes / 1e3 / ms,
      cpuSecondsPerGigabyte: (user + system) / 1e6 / (runs * sizeBytes / 1e9),
    };
  }
}

interface Cost {
  readonly megabytesPerSecond: number;
  /** CPU time of all threads. */
  readonly cpuSecondsPerGigabyte: number;
}

function compare(what: string, ours: Cost, theirName: string, theirs: Cost): Figure {
  const text = (cost: Cost) =>
    `${shorten(cost.megabytesPerSecond)} MB/s, ${shorten(cost.cpuSecondsPerGigabyte)} CPU s/GB`;
  return {
    what,
    measured: text(ours),
    beside: `${theirName} ${text(theirs)}`,
    // The disk must not limit a download of 1 GB/s.
    target: atLeast(ours.megabytesPerSecond / theirs.megabytesPerSecond, 0.5),
  };
}

/** Creates many files on a real disk, writes a byte to each, and flushes them. */
async function benchFiles({ files: count }: Options): Promise<Figure[]> {
  await using scratch = await openScratch("tt-bench-");
  const files = Array.from(
    { length: count },
    (_, file) => fileAt(["many", `folder ${file % 100}`, `${file}.bin`], 1, file),
  );
  const geometry = createGeometry(count, BLOCK_SIZE);
  const storage = openStorage(join(scratch.path, "ours"), { files, geometry });
  try {
    const reserveMs = await medianMsOfAsync(1, () => storage.reserve());
    const bareMs = await medianMsOfAsync(1, () => makeBare(join(scratch.path, "bare"), files));
    const writeMs = await medianMsOfAsync(1, () => writeAll(storage, count));
    const flushMs = await medianMsOfAsync(1, () => storage.flush());
    const stampsMs = await medianMsOfAsync(1, async () => void await storage.stamps());
    return [
      {
        what: `reserve ${count} files in 100 folders`,
        measured: `${shorten(reserveMs)} ms`,
        beside: `bare calls, one by one, ${shorten(bareMs)} ms`,
        target: atLeast(bareMs / reserveMs, 0.5),
      },
      { what: `write to ${count} files`, measured: `${shorten(writeMs)} ms` },
      { what: `flush ${count} files`, measured: `${shorten(flushMs)} ms` },
      { what: `stamp ${count} files`, measured: `${shorten(stampsMs)} ms` },
    ];
  } finally {
    await storage.close();
  }
}

async function writeAll(storage: Storage, size: number): Promise<void> {
  const bytes = new Uint8Array(BLOCK_SIZE).fill(1);
  for (let at = 0; at < size; at += BLOCK_SIZE) {
    await storage.writePiece(at, bytes.subarray(0, Math.min(BLOCK_SIZE, size - at)));
  }
}

// deno-lint-ignore require-await
async function makeBare(dir: string, files: readonly TorrentFile[]): Promise<void> {
  for (const { path, length } of files) {
    const target = join(dir, ...path);
    fs.mkdirSync(join(target, ".."), { recursive: true });
    const fd = fs.openSync(target, "w");
    fs.ftruncateSync(fd, length);
    fs.closeSync(fd);
  }
}

function fileAt(path: readonly string[], length: number, offset: number): TorrentFile {
  return { path, length, offset, pad: false, executable: false };
}

/** Runs `work` for each item, `limit` at a time. */
async function inTurns<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void> | void,
): Promise<void> {
  let next = 0;
  const walk = async () => {
    while (next < items.length) await work(items[next++]!);
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
}

function readOptions(args: readonly string[]): Options {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "256M" },
      piece: { type: "string", default: "1M" },
      files: { type: "string", default: "10000" },
      runs: { type: "string", default: "5" },
      json: { type: "boolean", default: false },
    },
  });
  return {
    sizeBytes: readSize(flags.size),
    pieceLength: readSize(flags.piece),
    files: Number(flags.files),
    runs: Number(flags.runs),
    json: flags.json,
  };
}
