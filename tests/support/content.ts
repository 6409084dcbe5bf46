/**
 * Owns the content that clients transfer: generated, with cases that clients treat differently, its
 * torrents (made by `tt create`), and the comparison at the end.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import type { TorrentFormat } from "../../core/metainfo/identity.ts";
import { createRng, nextUint32, type Rng } from "../../core/bytes/random.ts";
import { runCommand } from "./process.ts";
import { ttCommand } from "./tt_command.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export interface Content {
  readonly title: string;
  /** Of the file or the folder. */
  readonly name: string;
  readonly pieceLength: number;
  /** The default of `tt create` unless given. */
  readonly format?: TorrentFormat;
  /** Path below the content's folder and length in bytes; a single file has an empty path. */
  readonly files: readonly { readonly path: string; readonly length: number }[];
}

/** One file in the smallest pieces; the last piece is one byte. */
export const smallPieces: Content = {
  title: "one file in 16 KiB pieces, the last of one byte",
  name: "small pieces.bin",
  pieceLength: 16 * KIB,
  files: [{ path: "", length: 90 * 16 * KIB + 1 }],
};

/** One file in pieces of 256 blocks each; the last piece is one byte. */
export const largePieces: Content = {
  title: "one file in 4 MiB pieces, the last of one byte",
  name: "large_pieces.bin",
  pieceLength: 4 * MIB,
  files: [{ path: "", length: 2 * 4 * MIB + 1 }],
};

/** A folder whose files share pieces, are empty, or have names beyond ASCII. */
export const nestedFolder: Content = {
  title: "a folder with nested names, empty files and files across pieces",
  name: "nested folder",
  pieceLength: 32 * KIB,
  files: [
    { path: "a first file.bin", length: 100_001 },
    { path: "deep/deeper/deepest/one byte", length: 1 },
    { path: "deep/deeper/exact piece.bin", length: 32 * KIB },
    { path: "deep/empty in the middle.txt", length: 0 },
    { path: "deep/straddles.bin", length: 700_003 },
    { path: "tiny/1", length: 5 },
    { path: "tiny/2", length: 7 },
    { path: "tiny/3", length: 11 },
    { path: "unicode/naïve Straße – 東京 🌊.bin", length: 54_321 },
    { path: "zz empty at the end", length: 0 },
  ],
};

/** Files of the sizes at which v2 trees and layers change their shape. */
export const awkwardSizes: Content = {
  title: "a folder of awkward sizes",
  name: "awkward",
  pieceLength: 64 * KIB,
  files: [
    { path: "a block", length: 16 * KIB },
    { path: "b block and a byte", length: 16 * KIB + 1 },
    { path: "c/empty", length: 0 },
    { path: "c/one byte", length: 1 },
    { path: "d piece", length: 64 * KIB },
    { path: "e piece and a byte", length: 64 * KIB + 1 },
    { path: "f many pieces", length: 700_003 },
  ],
};

/** Single files at the ends of a block; an empty file alone is no torrent. */
export const awkwardFiles: readonly Content[] = [1, 16 * KIB, 16 * KIB + 1].map((length) => ({
  title: `one file of ${length} bytes`,
  name: `single ${length}.bin`,
  pieceLength: 32 * KIB,
  files: [{ path: "", length }],
}));

export const contents: readonly Content[] = [smallPieces, largePieces, nestedFolder];

/** A folder for one test, removed with everything in it when disposed. */
export async function openScratch(
  prefix = "tt-interop-",
  dir?: string,
): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix, ...(dir === undefined ? {} : { dir }) });
  // Clients that drop root must be able to enter.
  await Deno.chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Writes the content below `dir`; the same content has the same bytes each time. */
export async function writeContent(dir: string, content: Content): Promise<void> {
  const rng = createRng(content.pieceLength);
  for (const { path, length } of content.files) {
    const target = join(dir, content.name, path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await writeRandomFile(target, length, rng);
  }
}

async function writeRandomFile(target: string, length: number, rng: Rng): Promise<void> {
  using file = await Deno.create(target);
  const words = new Uint32Array(MIB / 4);
  for (let left = length; left > 0; left -= MIB) {
    for (let at = 0; at < words.length; at++) words[at] = nextUint32(rng);
    writeAllSync(file, new Uint8Array(words.buffer, 0, Math.min(left, MIB)));
  }
}

function writeAllSync(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

export interface Torrent {
  readonly path: string;
  /** 40 hexadecimal digits. */
  readonly infoHash: string;
}

/**
 * Creates a torrent, `dir/NAME.torrent` unless `path` is given, of content below `dir`, with
 * `tracker` if given.
 */
export async function writeTorrent(
  dir: string,
  content: Content,
  tracker?: string,
  path: string = join(dir, `${content.name}.torrent`),
): Promise<Torrent> {
  const args = ["create", join(dir, content.name), "--out", path];
  args.push("--piece-length", String(content.pieceLength));
  if (tracker !== undefined) args.push("--tracker", tracker);
  if (content.format !== undefined) args.push("--format", content.format);
  const said = await runCommand(await ttCommand([...args, "--json"]));
  const created = said.split("\n").find((line) => line.startsWith('{"event":"created"'));
  return { path, infoHash: JSON.parse(created!).infoHash };
}

/** SHA-256 by path below `dir/NAME`, of every file there, expected or not. */
export async function digestTree(dir: string, content: Content): Promise<Record<string, string>> {
  const root = join(dir, content.name);
  const digests: Record<string, string> = {};
  const visit = async (path: string) => {
    // Clients that do not support padding files write them to these paths.
    if (content.format === "hybrid" && path === ".pad") return;
    const full = join(root, path);
    if ((await Deno.lstat(full)).isDirectory) {
      for await (const entry of Deno.readDir(full)) await visit(join(path, entry.name));
    } else {
      digests[path] = createHash("sha256").update(await Deno.readFile(full)).digest("hex");
    }
  };
  await visit("");
  return Object.fromEntries(Object.entries(digests).sort(([a], [b]) => a < b ? -1 : 1));
}
