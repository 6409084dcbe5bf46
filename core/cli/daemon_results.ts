/** What the commands that speak to the daemon answer; see results.ts. */
import { addressText } from "../bytes/address.ts";
import { formatBytes, formatRate } from "./format.ts";
import { stateOf, type StatusRow } from "./status_table.ts";

/** Peers that `tt why` lists for people. */
const WHY_PEERS_MAX = 20;

const SOURCE_TEXT: Readonly<Record<string, string>> = {
  user: "named by the user",
  tracker: "from a tracker",
  incoming: "connected to us",
  dht: "from the DHT",
  pex: "from another peer",
  lsd: "found in the local network",
  magnet: "named by the magnet link",
  resume: "known from an earlier run",
};

export type DaemonResult = DaemonDone | StatusResult | WhyResult | LogResult | ConnectedResult;

/** Something was done with a torrent, or with the daemon. */
export interface DaemonDone {
  readonly event:
    | "added"
    | "duplicate"
    | "paused"
    | "started"
    | "rechecking"
    | "removed"
    | "moved"
    | "limited"
    | "daemon-stopped";
  readonly infoHash?: string;
  readonly name?: string;
  /** One sentence. */
  readonly message: string;
}

/** `tt status`: one torrent. Sizes in bytes, rates in bytes a second. */
export interface StatusResult {
  readonly event: "status";
  readonly id: number;
  readonly infoHash: string;
  readonly name: string;
  readonly state: string;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly downRate: number;
  readonly upRate: number;
  readonly uploaded: number;
  readonly ratio: number;
  readonly peers: number;
  readonly etaSeconds: number | undefined;
  readonly waitingFor: string | undefined;
  readonly error: string | undefined;
  readonly labels: readonly string[];
  readonly dir: string;
  readonly queuePosition: number;
}

/** `tt why`: one torrent. */
export interface WhyResult {
  readonly event: "why-waiting";
  readonly infoHash: string;
  readonly name: string;
  /** A paragraph. */
  readonly message: string;
  /** Who is connected. */
  readonly peers: readonly WhyPeer[];
}

export interface WhyPeer {
  readonly ip: string;
  readonly port: number;
  /** Where its address came from. */
  readonly source: string;
}

/** `tt log`: one entry. */
export interface LogResult {
  readonly event: "logged";
  readonly number: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly level: string;
  /** What happened: "complete", "tracker" and so on. */
  readonly what: string;
  readonly infoHash: string | undefined;
  readonly message: string;
  /** In the reader's time zone. */
  readonly time: string;
}

/** `tt peers` of a torrent in the daemon: one connection. */
export interface ConnectedResult {
  readonly event: "connected";
  readonly infoHash: string;
  readonly ip: string;
  readonly port: number;
  readonly client: string;
  readonly source: string;
  readonly flags: string;
  /** 0 to 1. */
  readonly progress: number;
  readonly downRate: number;
  readonly upRate: number;
}

/** A row of the table as an event of `--json`. */
export function statusResult(row: StatusRow): StatusResult {
  return {
    event: "status",
    id: row.id,
    infoHash: row.hash_string,
    name: row.name,
    state: stateOf(row),
    bytesDone: row.size_when_done - row.left_until_done,
    bytesTotal: row.size_when_done,
    downRate: row.rate_download,
    upRate: row.rate_upload,
    uploaded: row.uploaded_ever,
    ratio: Math.max(0, row.upload_ratio),
    peers: row.peers_connected,
    etaSeconds: row.eta >= 0 ? row.eta : undefined,
    waitingFor: row.tt_why || undefined,
    error: row.error_string || undefined,
    labels: row.labels,
    dir: row.download_dir,
    queuePosition: row.queue_position,
  };
}

/** The paragraph, then a line for each peer. */
export function whyLines({ message, peers }: WhyResult): string[] {
  const lines = peers.slice(0, WHY_PEERS_MAX)
    .map((peer) => `  ${addressText(peer).padEnd(22)} ${SOURCE_TEXT[peer.source] ?? peer.source}`);
  const more = peers.length - lines.length;
  return [message, ...lines, ...(more > 0 ? [`  and ${more} more: tt peers shows all`] : [])];
}

/** Lines for people. */
export function daemonText(result: Exclude<DaemonResult, WhyResult>): string {
  switch (result.event) {
    case "status":
      return `${result.name}: ${result.state}, ${formatBytes(result.bytesDone)} of ` +
        formatBytes(result.bytesTotal);
    case "logged":
      return `${result.time}  ${
        result.level === "info" ? "" : `${result.level}: `
      }${result.message}`;
    case "connected": {
      const address = addressText(result);
      const percent = `${Math.floor(result.progress * 100)} %`;
      return `${address.padEnd(22)} ${percent.padStart(5)} ${result.flags.padEnd(6)} ` +
        `${formatRate(result.downRate).padStart(10)} down ${
          formatRate(result.upRate).padStart(10)
        } ` +
        `up  ${result.source.padEnd(8)} ${result.client}`;
    }
    default:
      return result.message;
  }
}
