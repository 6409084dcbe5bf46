/** Why a torrent does not move, or not faster: one paragraph out of what is known of it. */
import { TORRENT_STATUS, type TorrentView } from "./torrent_view.ts";

/** What is asked of a view. */
export type Explained = Pick<
  TorrentView,
  | "name"
  | "status"
  | "errorText"
  | "error"
  | "why"
  | "wantedSize"
  | "haveWanted"
  | "downRate"
  | "upRate"
  | "peersConnected"
  | "isFinished"
  | "isStalled"
  | "isPrivate"
  | "queuePosition"
  | "startedAt"
  | "activeAt"
  | "settings"
  | "share"
  | "trackers"
  | "peers"
>;

/** What it waits for, since when, what was tried, what would help. `now` in seconds since 1970. */
export function explain(torrent: Explained, now: number): string {
  return [...state(torrent, now), ...tried(torrent, now), ...advice(torrent)].join(" ");
}

function state(torrent: Explained, now: number): string[] {
  const { name, status, downRate, upRate, haveWanted, wantedSize } = torrent;
  const percent = Math.floor(100 * (wantedSize > 0 ? haveWanted / wantedSize : 1));
  switch (status) {
    case TORRENT_STATUS.stopped:
      if (torrent.error === 3) return [`${name} failed: ${torrent.errorText}.`];
      return torrent.isFinished
        ? [`${name} is finished: it reached its ratio or idle limit.`]
        : [`${name} is paused at ${percent} %.`];
    case TORRENT_STATUS.downloadQueued:
    case TORRENT_STATUS.seedQueued:
      return [`${name} is waiting in the queue as number ${torrent.queuePosition + 1}.`];
    case TORRENT_STATUS.checkQueued:
    case TORRENT_STATUS.checking:
      return [`${name} is being checked: its files are compared with the hashes.`];
    case TORRENT_STATUS.seeding:
      return upRate > 0
        ? [`${name} is complete and uploading.`]
        : [`${name} is complete${quiet(torrent, now)} and seeding: no peer requests anything now.`];
    default:
      break;
  }
  if (torrent.why !== "") return [`${name} at ${percent} %: ${torrent.why}.${since(torrent, now)}`];
  return downRate > 0
    ? [`${name} at ${percent} % is downloading from ${count(sending(torrent), "peer")}.`]
    : [`${name} at ${percent} % is receiving nothing.${since(torrent, now)}`];
}

function quiet({ activeAt }: Explained, now: number): string {
  return activeAt > 0 ? `, has sent nothing for ${span(now - activeAt)},` : "";
}

function since({ activeAt, startedAt }: Explained, now: number): string {
  const last = Math.max(activeAt, startedAt);
  return last > 0 ? ` Nothing has moved for ${span(now - last)}.` : "";
}

/** Trackers that answered and those that failed; peers that could give something. */
function tried(torrent: Explained, now: number): string[] {
  if (torrent.status !== TORRENT_STATUS.downloading || torrent.downRate > 0) return [];
  const sentences: string[] = [];
  const trackers = torrent.trackers().filter(({ hasAnnounced }) => hasAnnounced);
  for (const tracker of trackers.slice(0, 3)) {
    const host = URL.canParse(tracker.announce) ? new URL(tracker.announce).host : tracker.announce;
    const next = tracker.nextAnnounceAt > now
      ? `; next announce in ${span(tracker.nextAnnounceAt - now)}`
      : "";
    sentences.push(
      tracker.lastAnnounceSucceeded
        ? `Tracker ${host} reports ${count(Math.max(0, tracker.seeders), "seeder")} and ` +
          `${count(Math.max(0, tracker.leechers), "leecher")}${next}.`
        : `Tracker ${host} failed: ${tracker.lastAnnounceResult}${next}.`,
    );
  }
  const peers = torrent.peers();
  if (peers.length > 0) {
    const willing = peers.filter((peer) => peer.clientIsInterested);
    const choking = willing.filter((peer) => peer.clientIsChoked);
    sentences.push(
      `Of ${count(peers.length, "connected peer")} ${verb(willing.length, "has", "have")} ` +
        "something for us" +
        (choking.length > 0
          ? `, ${verb(choking.length, "of them chokes", "of them choke")} us.`
          : "."),
    );
  }
  return sentences;
}

function advice(torrent: Explained): string[] {
  const { status, settings, share } = torrent;
  switch (status) {
    case TORRENT_STATUS.stopped:
      return torrent.error === 3
        ? ["Once that is fixed, tt resume tries again."]
        : ["tt resume starts it."];
    case TORRENT_STATUS.downloadQueued:
    case TORRENT_STATUS.seedQueued:
      return [
        "tt resume --now starts it regardless of the queue; --max-downloads allows more at once.",
      ];
    case TORRENT_STATUS.downloading:
      break;
    default:
      return [];
  }
  const sentences: string[] = [];
  if (settings.download_limited && torrent.downRate > 0) {
    sentences.push(`Its own limit is ${settings.download_limit} kB/s: tt limit changes it.`);
  }
  if (torrent.downRate > 0) return sentences;
  if (share.state === "owing") {
    sentences.push("It continues once peers have downloaded what is owed.");
  }
  if (torrent.peersConnected === 0) {
    sentences.push(
      torrent.isPrivate
        ? "The torrent is private: only its own trackers can name peers."
        : "What would help: another tracker, or a peer's address.",
    );
  }
  return sentences;
}

function sending(torrent: Explained): number {
  return torrent.peers().filter(({ rateToClient }) => rateToClient > 0).length;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function verb(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}

function span(seconds: number): string {
  if (seconds < 120) return count(Math.max(0, Math.round(seconds)), "second");
  if (seconds < 7200) return count(Math.round(seconds / 60), "minute");
  return seconds < 172_800
    ? count(Math.round(seconds / 3600), "hour")
    : count(Math.round(seconds / 86_400), "day");
}
