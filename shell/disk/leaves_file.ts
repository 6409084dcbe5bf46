/**
 * Hashes of the blocks of v2 content, in `DIR/.tt/<infohash>.leaves`: with them `tt verify` names
 * the bad blocks of a bad piece. They are 0.2 % of the content, too many for a `.torrent`, so only
 * who made or downloaded the torrent here has them. Nothing in the file is believed before it leads
 * to the hash of its piece; so it is written without care, and a part that is missing or torn costs
 * precision only.
 *
 * Layout: 32 bytes for each block, pieces one behind the other, each with room for all its blocks.
 */
import { join } from "node:path";
import { BLOCK_SIZE, type Geometry } from "../../core/metainfo/geometry.ts";
import { MERKLE_HASH_SIZE, sameHash } from "../../core/metainfo/merkle.ts";
import { nodeOfLeaves, pieceContentSize, pieceNode } from "../../core/metainfo/piece_trees.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { MERKLE } from "../hash/sha256.ts";
import { type FileSystem, readAll, writeAll } from "./file_system.ts";
import { realFileSystem } from "./real_file_system.ts";
import { fileStats, makeFolders, makeRoot, STATE_FOLDER } from "./safe_path.ts";

/** Of 32 GiB of content; of more, no leaves are kept. */
export const LEAVES_BYTES_MAX = 64 * 1024 * 1024;
const RUN_BYTES = 1024 * 1024;
const OWNER_ONLY = 0o600;

type Torrent = Pick<Metainfo, "infoHash" | "geometry" | "trees">;

/** Bytes for the leaves of one piece. */
export function leavesSize({ pieceLength }: Pick<Geometry, "pieceLength">): number {
  return pieceLength / BLOCK_SIZE * MERKLE_HASH_SIZE;
}

/** Whether leaves tell more than the torrent itself, and are few enough to be kept. */
export function keepsLeaves({ geometry, trees }: Pick<Metainfo, "geometry" | "trees">): boolean {
  return trees !== undefined && geometry.pieceLength > BLOCK_SIZE &&
    geometry.pieceCount * leavesSize(geometry) <= LEAVES_BYTES_MAX;
}

/** Writes the leaves of some pieces. Never throws: what cannot be kept is done without. */
export async function saveLeaves(
  dir: string,
  { infoHash, geometry }: Pick<Metainfo, "infoHash" | "geometry">,
  pieces: ReadonlyMap<number, Uint8Array>,
  fs: FileSystem = realFileSystem,
): Promise<void> {
  if (pieces.size === 0) return;
  try {
    await makeRoot(fs, dir);
    await makeFolders(fs, dir, [STATE_FOLDER]);
    const name = `${infoHash}.leaves`;
    // Looks that no link is in its place.
    const stats = await fileStats(fs, dir, [STATE_FOLDER, name]);
    const mode = stats === undefined ? "create" : "existing";
    const writer = await fs.openWriter(join(dir, STATE_FOLDER, name), mode, OWNER_ONLY);
    try {
      for (const { at, bytes } of runsOf(pieces, leavesSize(geometry))) {
        await writeAll(writer, bytes, at);
      }
    } finally {
      await writer.close();
    }
  } catch {
    // As the comment above says.
  }
}

/** Adjacent bytes are written together: a write costs more than its bytes. */
function* runsOf(
  pieces: ReadonlyMap<number, Uint8Array>,
  size: number,
): Generator<{ at: number; bytes: Uint8Array }> {
  const buffer = new Uint8Array(Math.max(RUN_BYTES, size));
  let at = 0;
  let length = 0;
  for (const [piece, leaves] of [...pieces].sort(([a], [b]) => a - b)) {
    const isNext = piece * size === at + length && length + leaves.length <= buffer.length;
    if (!isNext) {
      if (length > 0) yield { at, bytes: buffer.subarray(0, length) };
      at = piece * size;
      length = 0;
    }
    buffer.set(leaves, length);
    length += leaves.length;
  }
  if (length > 0) yield { at, bytes: buffer.subarray(0, length) };
}

/** The leaves of pieces, as far as they are kept. */
export interface KeptLeaves extends AsyncDisposable {
  /** Undefined unless they lead to the hash of the piece. */
  of(piece: number): Promise<Uint8Array | undefined>;
}

/** Never throws: what cannot be read is not kept. */
export async function openLeaves(
  dir: string,
  { infoHash, geometry, trees }: Torrent,
  fs: FileSystem = realFileSystem,
): Promise<KeptLeaves> {
  const path = [STATE_FOLDER, `${infoHash}.leaves`];
  const isThere = trees !== undefined && keepsLeaves({ geometry, trees }) &&
    await fileStats(fs, dir, path).then((stats) => stats !== undefined, () => false);
  const reader = isThere
    ? await fs.openReader(join(dir, ...path)).catch(() => undefined)
    : undefined;
  return {
    async of(piece) {
      if (trees === undefined || reader === undefined) return undefined;
      const blocks = Math.ceil(pieceContentSize(trees, piece) / BLOCK_SIZE);
      const leaves = new Uint8Array(blocks * MERKLE_HASH_SIZE);
      const count = await readAll(reader, leaves, piece * leavesSize(geometry)).catch(() => 0);
      const known = pieceNode(trees, piece);
      if (count < leaves.length || known === undefined) return undefined;
      return sameHash(nodeOfLeaves(trees, MERKLE, piece, leaves), known) ? leaves : undefined;
    },
    async [Symbol.asyncDispose]() {
      await reader?.close();
    },
  };
}
