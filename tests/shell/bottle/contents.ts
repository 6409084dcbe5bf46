/** Torrents with their content, in memory, for simulated worlds. */
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";
import { buildMetainfo, compareFilePaths, layOutFiles } from "../../../core/metainfo/create.ts";
import type { TorrentFormat } from "../../../core/metainfo/identity.ts";
import { createGeometry, pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import {
  pieceContentSize,
  pieceNodeHeight,
  plannedTrees,
  treesOfNodes,
} from "../../../core/metainfo/piece_trees.ts";
import { digestHere, withNode } from "../../../shell/hash/digest.ts";
import { MERKLE } from "../../../shell/hash/sha256.ts";
import { type LoadedTorrent, parseTorrent } from "../../../shell/load_torrent.ts";

export interface Content {
  readonly loaded: LoadedTorrent;
  /** By path below the download folder, the bytes of each file that is not padding. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface ContentPlan {
  readonly name: string;
  readonly format: TorrentFormat;
  readonly pieceLength: number;
  /** Lengths of its files; one of them makes a torrent without a folder. */
  readonly lengths: readonly number[];
  readonly trackers?: readonly string[];
}

/** The same plan makes the same content. */
export function makeContent(plan: ContentPlan): Content {
  const { name, format, pieceLength, lengths, trackers = [] } = plan;
  const isFolder = lengths.length > 1;
  const rng = createRng(lengths.reduce((sum, length) => 31 * sum + length, name.length) | 0);
  const found = lengths.map((length, i) => {
    const bytes = Uint8Array.from({ length }, () => nextUint32(rng));
    return { path: isFolder ? [`${i % 2}`, `${i}.bin`] : [name], length, bytes };
  }).sort((a, b) => compareFilePaths(a.path, b.path));
  const placed = layOutFiles(found, format, pieceLength);
  const last = placed.at(-1)!;
  const planned = format === "v1" ? undefined : plannedTrees(lengthsOf(found), pieceLength);
  const geometry = format === "v2"
    ? planned!.content
    : createGeometry(last.offset + last.length, pieceLength);
  const whole = new Uint8Array(geometry.pieceCount * pieceLength);
  let next = 0;
  for (const { pad, offset } of placed) if (!pad) whole.set(found[next++]!.bytes, offset);
  const pieceHashes = format === "v2" ? undefined : new Uint8Array(20 * geometry.pieceCount);
  const nodes = planned && new Uint8Array(32 * geometry.pieceCount);
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    const start = pieceOffset(geometry, piece);
    const bytes = whole.subarray(start, start + pieceSize(geometry, piece));
    const content = planned ? bytes.subarray(0, pieceContentSize(planned, piece)) : bytes;
    const what = { sha1: pieceHashes !== undefined, leaves: planned !== undefined };
    const { sha1, leaves } = digestHere(what, bytes, content);
    pieceHashes?.set(sha1!, 20 * piece);
    if (planned === undefined) continue;
    nodes!.set(withNode(sha1, leaves, pieceNodeHeight(planned, piece)).node!, 32 * piece);
  }
  const bytes = buildMetainfo({
    ...{ name, isFolder, pieceLength, pieceHashes, isPrivate: false },
    files: found,
    trees: planned && treesOfNodes(planned, MERKLE, nodes!),
    announceTiers: trackers.map((url) => [url]),
  });
  const pathOf = (path: readonly string[]) => (isFolder ? [name, ...path] : path).join("/");
  return {
    loaded: parseTorrent(bytes, "a test"),
    files: new Map(found.map(({ path, bytes }) => [pathOf(path), bytes])),
  };
}

function lengthsOf(files: readonly { readonly length: number }[]): number[] {
  return files.map(({ length }) => length);
}
