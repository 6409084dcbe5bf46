/** What the core reports, as news of a torrent's life. */
import type { Report } from "../../core/torrent/protocol.ts";
import type { TorrentEvent } from "./types.ts";

export interface News {
  readonly event: TorrentEvent;
  /** What it is about and what it says there: reported if the latter has changed. */
  readonly once?: readonly [about: string, says: string];
}

/** Undefined for reports that the life acts on by itself, and for those that are not reported. */
export function newsOf(report: Report): News | undefined {
  switch (report.kind) {
    case "tracker": {
      const { url, peers, seeders, leechers } = report;
      const event = { kind: "tracker", url, peers, seeders, leechers, error: undefined } as const;
      return { event, once: [url, `${peers} ${seeders} ${leechers}`] };
    }
    case "tracker-failed": {
      const { url, message: error } = report;
      const none = { peers: undefined, seeders: undefined, leechers: undefined };
      return { event: { kind: "tracker", url, ...none, error }, once: [url, error] };
    }
    case "web-seed-failed": {
      const { kind, url, isDropped, why: reason } = report;
      return { event: { kind, url, isDropped, reason }, once: [url, reason] };
    }
    case "piece-failed":
      return { event: { kind: "piece-failed", piece: report.piece, peers: report.senders } };
    case "peer-banned":
      return { event: { kind: "peer-banned", peer: report.address, reason: report.why } };
    case "super-seeding-done":
      return { event: report };
    case "share": {
      const { owedBytes, sharedBytes, state } = report;
      return { event: { kind: "share", owedBytes, sharedBytes, state } };
    }
    default:
      return undefined;
  }
}
