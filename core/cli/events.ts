/**
 * What a running command reports, one JSON object a line with `--json`, a sentence otherwise. The
 * shapes are a contract with scripts: names in camelCase, sizes in bytes, rates in bytes a second;
 * a field that is undefined is left out of the JSON.
 */
import { unreachable } from "../bytes/result.ts";
import { formatBytes, formatCount, formatDuration, formatPart, formatPercent } from "./format.ts";
import { type LeftOutReason, leftOutText } from "./left_out.ts";
import type { ProgressState, ProgressView } from "./progress_view.ts";
import { printable } from "./text.ts";

interface OfTorrent {
  readonly infoHash: string;
  readonly name: string;
}

export type OutputEvent =
  | ListeningEvent
  | ReachableEvent
  | PortMappedEvent
  | ServingEvent
  | ResumedEvent
  | CheckedEvent
  | TrackerEvent
  | RegisteredEvent
  | ProgressEvent
  | ShareEvent
  | PieceFailedEvent
  | MetadataEvent
  | PeerBannedEvent
  | WebSeedFailedEvent
  | LeftOutEvent
  | SuperSeedingDoneEvent
  | ChangedEvent
  | MovedEvent
  | MissingFilesEvent
  | ReusedEvent
  | CompleteEvent
  | StoppedEvent
  | ErrorEvent;

/** Whether this is what happens to every torrent: among many of them it would hide the rest. */
export function isRoutineEvent(event: OutputEvent): boolean {
  return (event.event === "tracker" || event.event === "registered") && event.error === undefined;
}

/** A port is open: for peers, or a tracker's, which has a `url`. */
export interface ListeningEvent {
  readonly event: "listening";
  /** An IP address; undefined is all of them. */
  readonly host: string | undefined;
  readonly port: number;
  /** A tracker's announce URL. */
  readonly url: string | undefined;
}

/** A peer from outside dialled us: others can reach this port. Reported once. */
export interface ReachableEvent {
  readonly event: "reachable";
  /** "192.0.2.1:6881". */
  readonly peer: string;
}

/** The router lets peers reach our port, or stopped doing so. */
export interface PortMappedEvent {
  readonly event: "port-mapped";
  readonly isMapped: boolean;
  readonly method: "pcp" | "nat-pmp" | "upnp" | undefined;
  readonly externalIp: string | undefined;
  readonly externalPort: number | undefined;
}

/** The daemon can be reached: RPC and page. */
export interface ServingEvent {
  readonly event: "serving";
  readonly url: string;
}

/** Saved state was found. */
export interface ResumedEvent extends OfTorrent {
  readonly event: "resumed";
  readonly piecesKept: number;
  readonly pieces: number;
  /** Of pieces that are not complete, in v2 torrents. */
  readonly blocksKept?: number;
}

/** Content on disk was hashed. */
export interface CheckedEvent extends OfTorrent {
  readonly event: "checked";
  readonly piecesGood: number;
  readonly pieces: number;
}

/** A tracker answered, or failed to. */
export interface TrackerEvent extends OfTorrent {
  readonly event: "tracker";
  readonly url: string;
  /** Peers in the answer. */
  readonly peers: number | undefined;
  readonly seeders: number | undefined;
  readonly leechers: number | undefined;
  readonly error: string | undefined;
}

/** A tracker's catalog has taken the torrent, or refused to. */
export interface RegisteredEvent extends OfTorrent {
  readonly event: "registered";
  /** The catalog. */
  readonly url: string;
  /** It was not there before. */
  readonly isNew: boolean | undefined;
  readonly error: string | undefined;
}

export interface ProgressEvent extends OfTorrent {
  readonly event: "progress";
  readonly state: ProgressState;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly downRate: number;
  readonly upRate: number;
  readonly peers: number;
  readonly waitingFor: string | undefined;
}

/** The debt of the share rule changed its state. */
export interface ShareEvent extends OfTorrent {
  readonly event: "share";
  /** The whole debt. */
  readonly owedBytes: number;
  /** Uploaded so far, over all runs. */
  readonly sharedBytes: number;
  readonly state: "owing" | "paid" | "waived";
}

export interface PieceFailedEvent extends OfTorrent {
  readonly event: "piece-failed";
  readonly piece: number;
  /** Who sent blocks of it: "192.0.2.1:6881". */
  readonly peers: readonly string[];
}

export interface PeerBannedEvent extends OfTorrent {
  readonly event: "peer-banned";
  readonly peer: string;
  /** Completes "Banned PEER: ...". */
  readonly reason: string;
}

/** A file is not as it was when it was checked: it is checked again, and not shared meanwhile. */
export interface ChangedEvent extends OfTorrent {
  readonly event: "changed";
  readonly path: string;
}

/** A web server that has the content failed; reported once per kind of failure. */
export interface WebSeedFailedEvent extends OfTorrent {
  readonly event: "web-seed-failed";
  readonly url: string;
  /** It is not asked again. */
  readonly isDropped: boolean;
  /** What it did: "it answered 404". */
  readonly reason: string;
}

/** Pieces are offered to every peer from now on. */
export interface SuperSeedingDoneEvent extends OfTorrent {
  readonly event: "super-seeding-done";
  /** Other peers have everything, or peers do not pass pieces on. */
  readonly why: "seeds" | "stalled";
}

/** Files that were there at the end of the last run are gone. */
export interface MissingFilesEvent extends OfTorrent {
  readonly event: "missing-files";
  readonly files: readonly string[];
  /** What is fetched again because of that. */
  readonly bytes: number;
}

/**
 * Files that other torrents of the folder have, by their root hash, were copied; a check follows.
 */
export interface ReusedEvent extends OfTorrent {
  readonly event: "reused";
  readonly files: readonly string[];
  readonly bytes: number;
}

/** The content is in another folder now. */
export interface MovedEvent extends OfTorrent {
  readonly event: "moved";
  readonly dir: string;
}

/** Peers gave the metadata of a magnet link. */
export interface MetadataEvent extends OfTorrent {
  readonly event: "metadata";
  /** Of the info dictionary. */
  readonly bytes: number;
  /** From the start of the search. */
  readonly seconds: number;
}

/** A file is not shared, or not created, though the user did not request that. */
export interface LeftOutEvent {
  readonly event: "left-out";
  /** On this machine for content that is shared, in the torrent for content that is fetched. */
  readonly path: string;
  readonly reason: LeftOutReason;
}

export interface CompleteEvent extends OfTorrent {
  readonly event: "complete";
  /** Size of the content. */
  readonly bytes: number;
  /** From the start of this run. */
  readonly seconds: number;
}

export interface StoppedEvent extends OfTorrent {
  readonly event: "stopped";
  /** Over all runs. */
  readonly uploaded: number;
  readonly downloaded: number;
}

export interface ErrorEvent {
  readonly event: "error";
  /** A literal such as "disk-full". */
  readonly code: string;
  /** One sentence: what failed, on what, what to do. */
  readonly message: string;
}

/** The `--json` form of what the progress bars show. */
export function progressEvent(view: ProgressView): ProgressEvent {
  const { infoHash, name, state, bytesDone, bytesTotal, downRate, upRate, peers } = view;
  return {
    event: "progress",
    ...{ infoHash, name, state, bytesDone, bytesTotal },
    downRate: Math.round(downRate),
    upRate: Math.round(upRate),
    peers,
    waitingFor: view.waitingFor,
  };
}

/** The sentence for stderr; undefined for `progress`, which has bars and lines of its own. */
export function eventText(event: OutputEvent): string | undefined {
  const text = sentence(event);
  return text === undefined ? undefined : printable(text);
}

function sentence(event: OutputEvent): string | undefined {
  switch (event.event) {
    case "listening":
      return event.url === undefined
        ? `Listening for peers on port ${event.port}`
        : `Tracker is ready: announce to ${event.url}`;
    case "serving":
      return `Serving RPC and the web page at ${event.url}`;
    case "reachable":
      return `Peers can reach us: ${event.peer} did`;
    case "port-mapped":
      return event.isMapped
        ? `The router lets peers reach us at ${event.externalIp ?? "its address"}, port ` +
          `${event.externalPort} (${event.method})`
        : "The router lets no peer reach us any more";
    case "resumed":
      return `${event.name}: ${resumedText(event)}`;
    case "checked":
      return `${event.name}: checked, ${formatPart(event.piecesGood, event.pieces, "piece")} good`;
    case "tracker":
      return event.error === undefined
        ? `${event.name}: tracker ${event.url} answered with ${swarmText(event)}`
        : `${event.name}: tracker ${event.url} failed: ${event.error}`;
    case "registered":
      return event.error === undefined
        ? `${event.name}: ${event.isNew ? "added to" : "already in"} the catalog ${event.url}`
        : `${event.name}: the catalog ${event.url} rejected it: ${event.error}`;
    case "progress":
      return undefined;
    case "share":
      return `${event.name}: ${shareText(event)}`;
    case "piece-failed":
      return `${event.name}: piece ${event.piece} failed the hash check` +
        `${event.peers.length > 0 ? ` (from ${event.peers.join(", ")})` : ""}; requesting it again`;
    case "peer-banned":
      return `${event.name}: banned ${event.peer}: ${event.reason}`;
    case "changed":
      return `${event.name}: ${event.path} changed on disk; it is being rechecked and is not ` +
        "shared meanwhile";
    case "web-seed-failed":
      return `${event.name}: web seed ${event.url} ${
        event.isDropped ? "was dropped" : "will be retried later"
      }: ${event.reason}`;
    case "super-seeding-done":
      return `${event.name}: super-seeding is over, since ${
        event.why === "seeds" ? "other peers have everything" : "peers do not pass pieces on"
      }; seeding as usual`;
    case "reused":
      return `${event.name}: copied ${
        formatBytes(event.bytes)
      } from other torrents in the folder ` +
        `that have the same content, to be checked: ${namedText(event.files)}`;
    case "missing-files":
      return `${event.name}: missing files: ${namedText(event.files)}; ` +
        `${formatBytes(event.bytes)} will be fetched again`;
    case "moved":
      return `${event.name}: moved to ${event.dir}`;
    case "metadata":
      return `${event.name}: received ${formatBytes(event.bytes)} of metadata in ` +
        formatDuration(event.seconds);
    case "left-out":
      return `Skipped ${event.path}: ${leftOutText(event.reason)}`;
    case "complete":
      return `${event.name}: complete, ${formatBytes(event.bytes)} in ` +
        formatDuration(event.seconds);
    case "stopped":
      return `${event.name}: stopped, uploaded ${formatBytes(event.uploaded)}, ` +
        `downloaded ${formatBytes(event.downloaded)}`;
    case "error":
      return `Error: ${event.message}`;
    default:
      return unreachable(event);
  }
}

/** Files named in the sentence; `--json` names all. */
const MISSING_SHOWN = 5;

function namedText(files: readonly string[]): string {
  const hidden = files.length - MISSING_SHOWN;
  const shown = files.slice(0, MISSING_SHOWN).join(", ");
  return hidden > 0 ? `${shown} and ${formatCount(hidden, "more file")}` : shown;
}

/** Without the torrent's name. */
export function resumedText(
  { piecesKept, pieces, blocksKept = 0 }: Pick<
    ResumedEvent,
    "piecesKept" | "pieces" | "blocksKept"
  >,
): string {
  const text = `resumed with ${formatPart(piecesKept, pieces, "piece")}`;
  return blocksKept === 0 ? text : `${text} and ${formatCount(blocksKept, "block")} of others`;
}

function swarmText(event: TrackerEvent): string {
  const parts = [formatCount(event.peers ?? 0, "peer")];
  if (event.seeders !== undefined) parts.push(formatCount(event.seeders, "seeder"));
  if (event.leechers !== undefined) parts.push(formatCount(event.leechers, "leecher"));
  return parts.length > 1 ? `${parts[0]} (${parts.slice(1).join(", ")} in the swarm)` : parts[0]!;
}

function shareText(event: ShareEvent): string {
  const owed = formatBytes(event.owedBytes);
  const shared = formatBytes(event.sharedBytes);
  switch (event.state) {
    case "owing":
      return `owes the swarm ${owed} before its last piece, shared ${shared} ` +
        `(${formatPercent(event.sharedBytes, event.owedBytes)})`;
    case "paid":
      return `shared ${shared} of the ${owed} owed; the debt is paid`;
    case "waived":
      return `shared ${shared} of the ${owed} owed; no peer can be served in time, so the last piece ` +
        "is requested now and the rest is shared by seeding";
  }
}
