/** Everything about one torrent, in tabs. */
import { useEffect, useState } from "preact/hooks";
import { FileList } from "./files.tsx";
import { duration, percent, rate, ratio, size } from "./format.ts";
import { PieceMap } from "./piece_map.tsx";
import { act, type LogEntry } from "./state.ts";
import { toggle } from "./toggle.ts";
import {
  type Details,
  ERROR_LOCAL,
  fetchLog,
  type Logged,
  type Share,
  STATUS,
  type Torrent,
  type TrackerStat,
} from "./torrents.ts";
import { leftToShare } from "./list.tsx";

const TABS = ["Overview", "Files", "Peers", "Trackers", "Log"] as const;
type Tab = typeof TABS[number];

interface DetailsProps {
  readonly torrent: Torrent;
  /** Undefined until the daemon answered. */
  readonly details: Details | undefined;
  readonly log: readonly LogEntry[];
  readonly onClose: () => void;
  readonly onRemove: () => void;
}

export function DetailsPanel(props: DetailsProps) {
  const [tab, setTab] = useState<Tab>("Overview");
  const { torrent, details, log, onClose, onRemove } = props;
  const ids = [torrent.id];
  const isPaused = torrent.status === STATUS.stopped;
  return (
    <aside class="details" aria-label="Details">
      <div class="title">
        <h2 title={torrent.name}>{torrent.name}</h2>
        <button type="button" class="plain" aria-label="Close details" onClick={onClose}>✕</button>
      </div>
      <div class="buttons left">
        <button type="button" onClick={() => toggle(torrent)}>
          {isPaused ? "Resume" : "Pause"}
        </button>
        <button
          type="button"
          onClick={() => act(`${torrent.name}: verifying`, "torrent_verify", { ids })}
        >
          Verify
        </button>
        <button
          type="button"
          onClick={() => act(`${torrent.name}: announcing`, "torrent_reannounce", { ids })}
        >
          Ask trackers
        </button>
        <button type="button" class="danger" onClick={onRemove}>Remove</button>
      </div>
      <div class="tabs" role="tablist">
        {TABS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === tab}
            onClick={() => setTab(name)}
          >
            {name}
          </button>
        ))}
      </div>
      <div class="sheet" role="tabpanel">
        {tab === "Log"
          ? <Log torrent={torrent} details={details} log={log} />
          : details === undefined
          ? <p class="hint">Loading…</p>
          : <Sheet tab={tab} torrent={torrent} details={details} />}
      </div>
    </aside>
  );
}

interface SheetProps {
  readonly tab: Tab;
  readonly torrent: Torrent;
  readonly details: Details;
}

function Sheet({ tab, torrent, details }: SheetProps) {
  switch (tab) {
    case "Files":
      return <Files torrent={torrent} details={details} />;
    case "Peers":
      return <Peers details={details} />;
    case "Trackers":
      return <Trackers trackers={details.tracker_stats} />;
    default:
      return <Overview torrent={torrent} details={details} />;
  }
}

function Overview({ torrent, details }: Omit<SheetProps, "tab">) {
  const { tt_share: share } = torrent;
  const owes = share.owed_bytes > 0 && (share.state !== "none" || torrent.percent_done < 1);
  const facts: [string, string][] = [
    ["Size", size(torrent.size_when_done)],
    ["Downloaded", size(details.downloaded_ever)],
    ["Uploaded", `${size(torrent.uploaded_ever)} (ratio ${ratio(torrent.upload_ratio)})`],
    ["Pieces", `${details.piece_count} of ${size(details.piece_size)}`],
    ["Folder", details.download_dir],
    ["Info hash", torrent.hash_string],
    ...(details.comment === "" ? [] : [["Comment", details.comment] as [string, string]]),
  ];
  return (
    <>
      {details.tt_why !== "" && (
        <p class={torrent.error === ERROR_LOCAL ? "why bad" : "why"}>{details.tt_why}</p>
      )}
      <PieceMap details={details} />
      {owes && <ShareRule share={share} isDone={torrent.percent_done === 1} />}
      <dl class="facts">
        {facts.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={value}>{value}</dd>])}
      </dl>
      <Limits torrent={torrent} details={details} />
      <p>
        <button
          type="button"
          onClick={() => navigator.clipboard.writeText(details.magnet_link)}
        >
          Copy magnet link
        </button>
      </p>
    </>
  );
}

interface ShareRuleProps {
  readonly share: Share;
  /** All that is wanted is here. */
  readonly isDone: boolean;
}

function ShareRule({ share, isDone }: ShareRuleProps) {
  const left = leftToShare(share);
  const shared = `${size(share.shared_bytes)} of ${size(share.owed_bytes)} shared`;
  const text = share.state === "waived"
    ? `${shared}; waived, since no peer was left to share with`
    : left === 0
    ? `${share.percent} % of the size is shared`
    : isDone
    ? shared
    : `${shared}; the last piece is fetched after ${size(left)} more`;
  return (
    <div class="share">
      <p>
        <b>Share rule</b> {text}
      </p>
      <div class="bar">
        <i style={{ width: `${100 * (share.owed_bytes - left) / share.owed_bytes}%` }} />
      </div>
    </div>
  );
}

function Limits({ torrent, details }: Omit<SheetProps, "tab">) {
  const field = (label: string, key: "download" | "upload") => {
    const isLimited = details[`${key}_limited`];
    const limit = details[`${key}_limit`];
    const set = (text: string) => {
      const value = Number(text);
      if (text !== "" && !(value >= 0)) return;
      act(`${torrent.name}: ${key} limit set`, "torrent_set", {
        ids: [torrent.id],
        [`${key}_limited`]: text !== "",
        ...(text !== "" && { [`${key}_limit`]: value }),
      });
    };
    return (
      <label>
        {label}, kB/s
        <input
          type="number"
          min="0"
          placeholder="none"
          value={isLimited ? limit : ""}
          onChange={(event) => set(event.currentTarget.value)}
        />
      </label>
    );
  };
  return (
    <div class="limits">
      {field("Download limit", "download")}
      {field("Upload limit", "upload")}
    </div>
  );
}

const PRIORITY_KEYS: Readonly<Record<number, string>> = {
  [-1]: "priority_low",
  0: "priority_normal",
  1: "priority_high",
};

function Files({ torrent, details }: Omit<SheetProps, "tab">) {
  if (details.files.length === 0) {
    return <p class="hint">The files are known once the metadata is here.</p>;
  }
  const set = (params: object) =>
    act(`${torrent.name}: files changed`, "torrent_set", { ids: [torrent.id], ...params });
  return (
    <FileList
      files={details.files}
      stats={details.file_stats}
      onWanted={(indexes, wanted) => set({ [wanted ? "files_wanted" : "files_unwanted"]: indexes })}
      onPriority={(index, priority) => set({ [PRIORITY_KEYS[priority]!]: [index] })}
    />
  );
}

function Peers({ details: { peers } }: { readonly details: Details }) {
  if (peers.length === 0) return <p class="hint">No peer is connected.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th>Address</th>
          <th>Client</th>
          <th>Source</th>
          <th>Flags</th>
          <th class="number">Has</th>
          <th class="number">Down</th>
          <th class="number">Up</th>
        </tr>
      </thead>
      <tbody>
        {peers.map((peer) => (
          <tr key={`${peer.address}:${peer.port}`}>
            <td>{peer.address}:{peer.port}</td>
            <td>{peer.client_name}</td>
            <td>{peer.tt_source}</td>
            <td>{peer.flag_str}</td>
            <td class="number">{percent(peer.progress)}</td>
            <td class="number down">{rate(peer.rate_to_client)}</td>
            <td class="number up">{rate(peer.rate_to_peer)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Trackers({ trackers }: { readonly trackers: readonly TrackerStat[] }) {
  if (trackers.length === 0) return <p class="hint">This torrent names no tracker.</p>;
  return (
    <ul class="trackers">
      {trackers.map((tracker) => (
        <li key={tracker.announce}>
          <b>{tracker.announce}</b>
          <span class={tracker.has_announced && !tracker.last_announce_succeeded ? "bad" : ""}>
            {trackerText(tracker)}
          </span>
        </li>
      ))}
    </ul>
  );
}

function trackerText(tracker: TrackerStat): string {
  if (!tracker.has_announced) return "Not asked yet";
  const waitSeconds = Math.max(0, tracker.next_announce_time - Date.now() / 1000);
  const next = tracker.next_announce_time > 0 ? `; asked again in ${duration(waitSeconds)}` : "";
  if (!tracker.last_announce_succeeded) return tracker.last_announce_result + next;
  const count = (value: number, name: string) => value < 0 ? "" : `${value} ${name}, `;
  return count(tracker.seeder_count, "seeders") + count(tracker.leecher_count, "leechers") +
    `${tracker.last_announce_peer_count} peers named${next}`;
}

interface LogProps {
  readonly torrent: Torrent;
  /** As fresh as they are, the log is. */
  readonly details: Details | undefined;
  readonly log: readonly LogEntry[];
}

/** What the daemon logged of the torrent, and what failed on this page; the newest first. */
function Log({ torrent: { id, name }, details, log }: LogProps) {
  const [logged, setLogged] = useState<readonly Logged[]>([]);
  useEffect(() => {
    fetchLog(id).then(setLogged, () => {});
  }, [id, details]);
  const failed = log.filter(({ text, isError }) => isError && text.startsWith(name));
  const lines = [
    ...[...logged].reverse().map(({ at, message, level }) => ({
      at: new Date(1000 * at),
      text: message,
      isError: level === "error",
    })),
    ...failed,
  ].sort((a, b) => b.at.getTime() - a.at.getTime());
  if (lines.length === 0) return <p class="hint">Nothing happened yet.</p>;
  return (
    <ul class="log">
      {lines.map(({ at, text, isError }, index) => (
        <li key={index} class={isError ? "bad" : ""}>
          <time>{at.toLocaleTimeString()}</time>{" "}
          {text.startsWith(`${name}: `) ? text.slice(name.length + 2) : text}
        </li>
      ))}
    </ul>
  );
}
