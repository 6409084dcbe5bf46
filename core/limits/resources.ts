/** What the torrents of one process share; who gets how much of it is decided in `core/session`. */

/** Amounts of what torrents share. */
export interface Resources {
  /** Connected peers and dials under way. */
  readonly connections: number;
  /** Dials under way at once. */
  readonly dials: number;
  /** Peers that are served at once. */
  readonly uploadSlots: number;
  /** Memory for unfinished pieces. */
  readonly bufferBytes: number;
}

/** What one torrent needs: `least` to go on at all, `most` for all it could do now. */
export interface Needs {
  readonly least: Resources;
  readonly most: Resources;
}
