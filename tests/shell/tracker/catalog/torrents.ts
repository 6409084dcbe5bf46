/** Small `.torrent` files for the tests of the catalog. */
import { encodeBencode } from "../../../../core/bencode/encode.ts";
import { readMetainfo } from "../../../../shell/read_metainfo.ts";
import { valueOf } from "../../../core/tracker/unwrap.ts";

export interface TorrentOptions {
  readonly name?: string;
  readonly isPrivate?: boolean;
  readonly announce?: string;
  readonly tiers?: string[][];
  /** Makes the info hash unique. */
  readonly salt?: number;
}

/** A torrent of one byte. */
export function torrent(options: TorrentOptions = {}): Uint8Array {
  const { name = "film.mkv", isPrivate = false, announce, salt = 0, tiers } = options;
  return encodeBencode({
    announce,
    "announce-list": tiers,
    info: {
      length: 1,
      name,
      "piece length": 16_384,
      pieces: new Uint8Array(20).fill(salt),
      private: isPrivate ? 1 : undefined,
    },
  });
}

export function infoHashOf(bytes: Uint8Array): string {
  return valueOf(readMetainfo(bytes)).infoHash;
}
