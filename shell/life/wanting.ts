/** What is wanted of a torrent's files: as pieces, as bytes, and on the disk. */
import { type Bitfield, hasBit, parseBitfield } from "../../core/bytes/bitfield.ts";
import { pieceSize } from "../../core/metainfo/geometry.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import type { TorrentFacts } from "../../core/torrent/facts.ts";
import { PRIORITY_NORMAL, PRIORITY_SKIP } from "../../core/transfer/availability.ts";
import {
  type FilePriorities,
  piecePriorities,
  priorityRanges,
} from "../../core/transfer/file_priorities.ts";
import type { FileSystem } from "../disk/file_system.ts";
import type { Storage } from "../disk/storage.ts";
import { placeMarker, removeMarker } from "../disk/unfinished_marker.ts";
import type { Driver } from "../driver.ts";
import type { DownloadOrder, LifeFacts } from "./types.ts";

/** Files and the order of their pieces; files undefined where all are wanted alike. */
export interface Wanted {
  readonly priorities: FilePriorities | undefined;
  readonly order: DownloadOrder;
}

export type WantedBytes = Pick<LifeFacts, "bytesWanted" | "bytesWantedMissing">;

/** One priority a piece; undefined where all are wanted alike. */
export function wantedPieces(
  { files, geometry }: Pick<Metainfo, "files" | "geometry">,
  { priorities, order: { firstLast = false } }: Wanted,
): Uint8Array | undefined {
  if (priorities === undefined && !firstLast) return undefined;
  const ofFiles = priorities ?? files.map(() => PRIORITY_NORMAL);
  return piecePriorities(files, geometry, ofFiles, { firstLast });
}

/** Whether anything of the file is wanted. */
export function isWantedFile(priorities: FilePriorities | undefined, file: number): boolean {
  return priorities === undefined || (priorities[file] ?? PRIORITY_SKIP) !== PRIORITY_SKIP;
}

/** `pieces`: what `wantedPieces` gave. */
export function countWanted(
  { geometry }: Pick<Metainfo, "geometry">,
  pieces: Uint8Array | undefined,
  have: Bitfield | undefined,
): WantedBytes {
  let bytesWanted = 0, bytesWantedMissing = 0;
  for (let piece = 0; piece < geometry.pieceCount; piece++) {
    if (pieces?.[piece] === PRIORITY_SKIP) continue;
    const size = pieceSize(geometry, piece);
    bytesWanted += size;
    if (have === undefined || !hasBit(have, piece)) bytesWantedMissing += size;
  }
  return { bytesWanted, bytesWantedMissing };
}

/** `claimed`: bits of the pieces that are here, as the last run knew; undefined: none. */
export function countClaimed(
  metainfo: Pick<Metainfo, "files" | "geometry">,
  wanted: Wanted,
  claimed: Uint8Array | undefined,
): WantedBytes {
  const have = claimed && parseBitfield(claimed, metainfo.geometry.pieceCount);
  return countWanted(metainfo, wantedPieces(metainfo, wanted), have?.ok ? have.value : undefined);
}

/** While the core runs, it decides. */
export function wantedOf({ bytesWanted, bytesWantedMissing }: TorrentFacts): WantedBytes {
  return { bytesWanted, bytesWantedMissing };
}

/** Makes what is wanted now and not there, then asks the swarm for it. Throws a DiskError. */
export async function wantFiles(
  metainfo: Metainfo,
  dir: string,
  storage: Storage,
  driver: Pick<Driver, "tell" | "facts">,
  wanted: Wanted,
  fs: FileSystem,
): Promise<void> {
  storage.setWanted((file) => isWantedFile(wanted.priorities, file));
  await storage.reserve();
  const pieces = wantedPieces(metainfo, wanted) ??
    new Uint8Array(metainfo.geometry.pieceCount).fill(PRIORITY_NORMAL);
  driver.tell({ kind: "order", isSequential: wanted.order.isSequential ?? false });
  driver.tell({ kind: "prioritize", ranges: priorityRanges(pieces) });
  if (driver.facts().isFinished) await removeMarker(dir, metainfo, fs);
  else await placeMarker(dir, metainfo, fs);
}
