/** A block as peers ask for it. */
import { type Geometry, pieceOffset, pieceSize } from "../../core/metainfo/geometry.ts";
import type { Storage } from "./storage.ts";

/** Fills `target`. A request may end behind a short piece (see uploads.ts): zeros lie there. */
export function readBlock(
  storage: Storage,
  geometry: Geometry,
  piece: number,
  begin: number,
  target: Uint8Array,
): Promise<void> {
  const size = Math.min(target.length, pieceSize(geometry, piece) - begin);
  if (size < target.length) target.fill(0, size);
  return storage.readInto(pieceOffset(geometry, piece) + begin, target.subarray(0, size));
}
