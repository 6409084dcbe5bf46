/**
 * `bench check`: `tt create` and `tt verify` over content in memory, compared with the hashing rate
 * of all cores: their number times the SHA-1 rate of one core, measured in the same run.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeContent } from "../support/content.ts";
import { ttCommand } from "../support/tt_command.ts";
import { atLeast, type Figure, printFigures, shorten } from "./figures.ts";
import { timeCommand } from "./launch.ts";
import { openMemoryFolder } from "./memory_folder.ts";
import { medianMsOfAsync } from "./measure.ts";
import { median, readSize } from "./report.ts";

export const CHECK_USAGE = `check [--size 1G] [--piece 1M] [--runs 3] [--json]
  tt create and tt verify, launch included, beside cores x one core's fastest SHA-1.`;

/** Bytes hashed to measure the rate of one core. */
const PROBE_BYTES = 256 << 20;
const ROOM_FACTOR = 1.2;
const SHARE_OF_WALL = 0.9;

export async function benchCheck(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      size: { type: "string", default: "1G" },
      piece: { type: "string", default: "1M" },
      runs: { type: "string", default: "3" },
      json: { type: "boolean", default: false },
    },
  });
  const [sizeBytes, pieceLength] = [readSize(flags.size), readSize(flags.piece)];
  await using folder = await openMemoryFolder(ROOM_FACTOR * sizeBytes);
  const files = [{ path: "", length: sizeBytes }];
  await writeContent(folder.path, { title: "", name: "check.bin", pieceLength, files });
  const content = join(folder.path, "check.bin");
  const torrent = `${content}.torrent`;
  const create = await ttCommand([
    ...["create", content, "--out", torrent, "--piece-length", String(pieceLength), "--quiet"],
  ]);
  const verify = await ttCommand(["verify", torrent, "--dir", folder.path, "--quiet"]);

  const cores = navigator.hardwareConcurrency;
  const rates: Record<"sha1" | "create" | "verify", number[]> = {
    sha1: [],
    create: [],
    verify: [],
  };
  for (let run = 0; run < Number(flags.runs); run++) {
    rates.sha1.push(await measureSha1(pieceLength));
    rates.create.push(sizeBytes / 1e6 / (await timeCommand(create)).seconds);
    rates.verify.push(sizeBytes / 1e6 / (await timeCommand(verify)).seconds);
  }
  const wall = cores * median(rates.sha1);
  const figures = (["create", "verify"] as const).map((name): Figure => ({
    what: `tt ${name}`,
    measured: `${shorten(median(rates[name]))} MB/s`,
    beside: `${cores} cores x ${shorten(median(rates.sha1))} MB/s`,
    target: atLeast(median(rates[name]) / wall, SHARE_OF_WALL),
  }));
  const title = `${sizeBytes / 1e6} MB in pieces of ${
    pieceLength / 1024
  } KiB, median of ${flags.runs}`;
  printFigures(title, figures, flags.json);
}

/** Megabytes a second on one core, piece by piece, by the faster of the runtime's two functions. */
async function measureSha1(pieceLength: number): Promise<number> {
  const piece = new Uint8Array(pieceLength).fill(7);
  const count = Math.ceil(PROBE_BYTES / pieceLength);
  const offThreadMs = await medianMsOfAsync(1, async () => {
    for (let i = 0; i < count; i++) await crypto.subtle.digest("SHA-1", piece);
  });
  // Enough to detect the slower function.
  const part = Math.ceil(count / 10);
  const directMs = await medianMsOfAsync(1, async () => {
    for (let i = 0; i < part; i++) await createHash("sha1").update(piece).digest();
  });
  return Math.max(count / offThreadMs, part / directMs) * pieceLength / 1e3;
}
