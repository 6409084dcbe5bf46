/**
 * Where a web server has a torrent's bytes, and which requests fetch a run of them.
 *
 * Deliberately absent: FTP, which BEP 19 names and servers no longer offer.
 */
import { rangesOf } from "../metainfo/file_map.ts";
import { infoHashBytes } from "../metainfo/info_hash.ts";
import type { TorrentFile } from "../metainfo/types.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";

/** `files`: BEP 19, plain files. `script`: BEP 17, a program on the server that reads pieces of the torrent. */
export type WebSeedKind = "files" | "script";

/** A run of bytes that one GET fetches, or zeros of a padding file, which need no request. */
export type WebRequest =
  | {
    readonly kind: "get";
    readonly url: string;
    /** First byte, within the file; 0 for a script, which names its bytes in the URL. */
    readonly from: number;
    /** Bytes wanted, 1 or more. */
    readonly length: number;
    /** Bytes of the whole file; undefined for a script. */
    readonly fileSize: number | undefined;
  }
  | { readonly kind: "zeros"; readonly length: number };

/** What of a torrent decides where its bytes are. */
export interface WebSeedTorrent {
  readonly infoHash: InfoHash;
  readonly files: readonly TorrentFile[];
  /** The files live in a folder of the torrent's name. */
  readonly isFolder: boolean;
  readonly pieceLength: number;
}

/**
 * The file's address below the base that the torrent names: a folder's files have their path added;
 * a single file only where the base ends with a slash. A query stays at the end.
 *
 * Spec: BEP 19, metadata extension and multi-file torrents.
 */
export function fileUrl(base: string, torrent: WebSeedTorrent, file: number): string {
  const url = new URL(base);
  const isBare = !torrent.isFolder && !url.pathname.endsWith("/");
  if (isBare) return url.href;
  const path = torrent.files[file]!.path.map((part) => encodeURIComponent(part.toWellFormed()))
    .join("/");
  url.pathname += url.pathname.endsWith("/") ? path : `/${path}`;
  url.hash = "";
  return url.href;
}

/**
 * The requests for the torrent's bytes `offset` to `offset + length`, in the order of the bytes. Runs
 * that straddle files become several. Spec: BEP 19, HTTP; BEP 17, protocol.
 */
export function requestsOf(
  base: string,
  kind: WebSeedKind,
  torrent: WebSeedTorrent,
  offset: number,
  length: number,
): WebRequest[] {
  if (kind === "script") return scriptRequests(base, torrent, offset, length);
  return rangesOf(torrent.files, offset, length).map((range) =>
    range.pad ? { kind: "zeros", length: range.length } : {
      kind: "get",
      url: fileUrl(base, torrent, range.file),
      from: range.fileOffset,
      length: range.length,
      fileSize: torrent.files[range.file]!.length,
    }
  );
}

/** One request per piece: a script takes piece numbers, not offsets. */
function scriptRequests(
  base: string,
  { infoHash, pieceLength }: WebSeedTorrent,
  offset: number,
  length: number,
): WebRequest[] {
  const hash = Array.from(
    infoHashBytes(infoHash),
    (byte) => `%${byte.toString(16).padStart(2, "0")}`,
  ).join("");
  const requests: WebRequest[] = [];
  const end = offset + length;
  for (let at = offset; at < end;) {
    const piece = Math.floor(at / pieceLength);
    const begin = at - piece * pieceLength;
    const taken = Math.min(end - at, pieceLength - begin);
    const separator = base.includes("?") ? "&" : "?";
    const query = `info_hash=${hash}&piece=${piece}&ranges=${begin}-${begin + taken - 1}`;
    const url = `${base}${separator}${query}`;
    requests.push({ kind: "get", url, from: 0, length: taken, fileSize: undefined });
    at += taken;
  }
  return requests;
}
