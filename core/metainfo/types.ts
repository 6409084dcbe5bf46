/** What a `.torrent` says once it was checked. */
import type { PeerAddress } from "../bytes/address.ts";
import type { Geometry } from "./geometry.ts";
import type { Identity } from "./identity.ts";
import type { InfoHash } from "./info_hash.ts";
import type { PieceTrees } from "./piece_trees.ts";

export type { InfoHash } from "./info_hash.ts";

export interface TorrentFile {
  /**
   * Safe components below the download folder, the torrent's name first for a multi-file torrent.
   * Every one passed the path rules; joining them cannot leave the folder.
   */
  readonly path: readonly string[];
  /** Bytes. */
  readonly length: number;
  /** Position of the first byte in the torrent: see geometry.ts. */
  readonly offset: number;
  /** BEP 47 padding: zeros that never reach the disk. */
  readonly pad: boolean;
  /** BEP 47 attribute x. */
  readonly executable: boolean;
}

export interface Metainfo {
  /** The torrent's key: see `keyOf` in identity.ts. */
  readonly infoHash: InfoHash;
  readonly identity: Identity;
  /** The info dictionary's bytes as found. */
  readonly infoBytes: Uint8Array;
  readonly name: string;
  readonly geometry: Geometry;
  /** 20 bytes a piece; empty without a v1 part. */
  readonly pieceHashes: Uint8Array;
  /** The v2 part's hash trees. */
  readonly trees: PieceTrees | undefined;
  readonly files: readonly TorrentFile[];
  /** Safe paths of symbolic links (BEP 47 attribute l), which are not among the files. */
  readonly symlinks: readonly (readonly string[])[];
  /** A "files" list was there, so the files live in a folder of the torrent's name. */
  readonly isFolder: boolean;
  /** BEP 27. */
  readonly isPrivate: boolean;
  /** BEP 12; a single `announce` is one tier of one. Trimmed; only http, https and udp URLs. */
  readonly announceTiers: readonly (readonly string[])[];
  /** BEP 19 `url-list`. */
  readonly webSeeds: readonly string[];
  /** BEP 17 `httpseeds`. */
  readonly httpSeeds?: readonly string[];
  /** BEP 5 `nodes`, those named by an address. */
  readonly dhtNodes?: readonly PeerAddress[];
  readonly comment: string | undefined;
  readonly createdBy: string | undefined;
  /** Seconds since 1970 as found. */
  readonly creationDate: number | undefined;
}
