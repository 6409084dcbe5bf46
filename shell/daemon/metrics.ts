/** The daemon's figures for Prometheus. */
import { formatMetrics, type MetricFamily } from "../../core/tracker_server/metrics/prometheus.ts";
import { TORRENT_STATUS } from "../../core/rpc/torrent_view.ts";
import type { Daemon } from "./daemon.ts";

const STATES: readonly (readonly [string, readonly number[]])[] = [
  ["stopped", [TORRENT_STATUS.stopped]],
  ["checking", [TORRENT_STATUS.checkQueued, TORRENT_STATUS.checking]],
  ["queued", [TORRENT_STATUS.downloadQueued, TORRENT_STATUS.seedQueued]],
  ["downloading", [TORRENT_STATUS.downloading]],
  ["seeding", [TORRENT_STATUS.seeding]],
];

/** The text of `/metrics`. No names of torrents: there may be thousands. */
export function daemonMetrics(daemon: Daemon): string {
  const stats = daemon.stats();
  const { usage } = daemon.session;
  const views = daemon.views(daemon.torrents.list());
  const count = (isCounted: (view: typeof views[number]) => boolean) =>
    views.filter(isCounted).length;
  const sum = (pick: (view: typeof views[number]) => number) =>
    views.reduce((total, view) => total + pick(view), 0);
  const one = (
    name: string,
    type: MetricFamily["type"],
    help: string,
    value: number,
  ): MetricFamily => ({ name, type, help, samples: [{ labels: [], value }] });
  return formatMetrics([
    {
      name: "tt_daemon_torrents",
      type: "gauge",
      help: "Torrents by state.",
      samples: STATES.map(([state, statuses]) => ({
        labels: [["state", state]],
        value: count(({ status }) => statuses.includes(status)),
      })),
    },
    one(
      "tt_daemon_torrents_failed",
      "gauge",
      "Torrents that stopped for an error.",
      count(({ error }) => error === 3),
    ),
    one("tt_daemon_peers", "gauge", "Connected peers.", sum((view) => view.peersConnected)),
    one("tt_daemon_open_files", "gauge", "Content files that are open.", usage.openFiles),
    one(
      "tt_daemon_piece_buffer_bytes",
      "gauge",
      "Memory of pieces that are not written yet.",
      usage.pieceBytes,
    ),
    one("tt_daemon_download_rate_bytes", "gauge", "Payload received a second.", stats.downRate),
    one("tt_daemon_upload_rate_bytes", "gauge", "Payload sent a second.", stats.upRate),
    one(
      "tt_daemon_downloaded_bytes_total",
      "counter",
      "Payload received in all runs.",
      stats.cumulative.downloadedBytes,
    ),
    one(
      "tt_daemon_uploaded_bytes_total",
      "counter",
      "Payload sent in all runs.",
      stats.cumulative.uploadedBytes,
    ),
    one("tt_daemon_content_bytes", "gauge", "Size of all torrents.", sum((view) => view.totalSize)),
    one(
      "tt_daemon_missing_bytes",
      "gauge",
      "Wanted bytes that are not here yet.",
      sum((view) => view.leftUntilDone),
    ),
    one(
      "tt_daemon_uptime_seconds",
      "gauge",
      "Seconds since the start.",
      stats.current.secondsActive,
    ),
  ]);
}
