/** What is shown of a torrent while it runs, and on what. */

export type ProgressState =
  | "checking"
  /** Fetches what a magnet link names; sizes are those of the metadata, 0 while they are not known. */
  | "metadata"
  | "connecting"
  | "downloading"
  | "waiting"
  | "seeding"
  | "complete"
  /** Left before it was complete. */
  | "stopped";

/** One torrent at one moment. Sizes in bytes, rates in bytes a second. */
export interface ProgressView {
  readonly infoHash: string;
  readonly name: string;
  readonly state: ProgressState;
  /** While checking: bytes checked so far. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly downRate: number;
  readonly upRate: number;
  /** Connected peers. */
  readonly peers: number;
  /** Connected peers that are complete, if counted. */
  readonly seeders: number | undefined;
  readonly etaSeconds: number | undefined;
  /** Why nothing or less moves, as a sentence; undefined when nothing is in the way. */
  readonly waitingFor: string | undefined;
  /** Over all runs. */
  readonly uploaded: number;
  /** Uploaded over size. */
  readonly ratio: number;
}

/** What the terminal can show. */
export interface Canvas {
  readonly columns: number;
  readonly rows: number;
  readonly unicode: boolean;
  readonly colour: boolean;
}
