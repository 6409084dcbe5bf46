/** Torrents of zeros: as large as one likes, in files with holes, without content to read or to make. */
import { createHash } from "node:crypto";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import { createGeometry } from "../../core/metainfo/geometry.ts";

/** The `.torrent` of one file, with a tracker if one is given. */
export function torrentOfZeros(
  name: string,
  length: number,
  pieceLength: number,
  tracker?: string,
): Uint8Array {
  const { pieceCount, totalSize } = createGeometry(length, pieceLength);
  const digestOf = (size: number) => createHash("sha1").update(new Uint8Array(size)).digest();
  const pieceHashes = new Uint8Array(20 * pieceCount);
  const digest = digestOf(pieceLength);
  for (let piece = 0; piece < pieceCount; piece++) pieceHashes.set(digest, 20 * piece);
  const rest = totalSize % pieceLength;
  if (rest > 0) pieceHashes.set(digestOf(rest), 20 * (pieceCount - 1));
  return buildMetainfo({
    name,
    files: [{ path: [], length }],
    isFolder: false,
    pieceLength,
    pieceHashes,
    announceTiers: tracker === undefined ? [] : [[tracker]],
    isPrivate: false,
  });
}
