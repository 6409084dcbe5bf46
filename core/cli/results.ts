/** What commands answer: an object with `--json`, text for people otherwise. */
import { type CatalogResult, catalogText } from "./catalog_results.ts";
import { type DhtResult, dhtText } from "./dht_results.ts";
import { type DaemonResult, daemonText, whyLines } from "./daemon_results.ts";
import { type SettingResult, settingText } from "./config_results.ts";
import type { TorrentFormat } from "../metainfo/identity.ts";
import { formatBytes, formatCount, formatPart, formatPieceLength } from "./format.ts";
import { type ReplayResult, replayText } from "./replay_results.ts";
import { type SimulatedResult, simulatedText } from "./simulation_text.ts";
import { printable } from "./text.ts";

export type ResultEvent =
  | CreatedResult
  | StreamResult
  | TorrentResult
  | FilesResult
  | VerifiedResult
  | CatalogResult
  | DhtResult
  | ReplayResult
  | SimulatedResult
  | SettingResult
  | DaemonResult;

/** `tt stream`: where a player finds the file. */
export interface StreamResult {
  readonly event: "stream";
  readonly file: string;
  readonly url: string;
  readonly playlist: string;
}

interface TorrentFigures {
  /** The 40 digits that name the torrent everywhere in tt. */
  readonly infoHash: string;
  /** 64 digits, where the torrent has a v2 part. */
  readonly infoHashV2: string | undefined;
  readonly format: TorrentFormat;
  readonly name: string;
  /** Size of the content. */
  readonly bytes: number;
  readonly pieceLength: number;
  readonly pieces: number;
  readonly magnet: string;
}

/** `tt create` wrote a `.torrent`. */
export interface CreatedResult extends TorrentFigures {
  readonly event: "created";
  /** Where it was written. */
  readonly path: string;
}

/** `tt show`: what a `.torrent` says. */
export interface TorrentResult extends TorrentFigures {
  readonly event: "torrent";
  readonly files: readonly { readonly path: string; readonly length: number }[];
  readonly trackers: readonly (readonly string[])[];
  readonly private: boolean;
  readonly comment: string | undefined;
  readonly createdBy: string | undefined;
}

/** `tt show --files`. */
export interface FilesResult {
  readonly event: "files";
  readonly infoHash: string;
  readonly name: string;
  readonly files: readonly FileRow[];
}

/** A file as `--select` knows it. */
export interface FileRow {
  /** 1 or more; padding is not counted. */
  readonly number: number;
  readonly path: string;
  readonly length: number;
}

/** `tt verify` hashed the content. */
export interface VerifiedResult {
  readonly event: "verified";
  readonly infoHash: string;
  readonly name: string;
  readonly piecesGood: number;
  readonly pieces: number;
  /** Files that were checked, where not all were. */
  readonly filesChecked?: number | undefined;
  /** Files that hold a wrong or missing piece. */
  readonly badFiles: readonly string[];
  /** What is wrong or missing, as runs of bytes in files. */
  readonly badRanges: readonly BadRange[];
}

export interface BadRange {
  readonly path: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly length: number;
  /**
   * Of v2 torrents: whether these are blocks of 16 KiB that are bad, or pieces that hold bad blocks, whose
   * own hashes are not known here.
   */
  readonly unit?: "block" | "piece";
}

/** Files named in one sentence of `verify`; `--json` names all. */
const BAD_FILES_SHOWN = 5;
/** Lines below that sentence; `--json` has all. */
const BAD_RANGES_SHOWN = 20;

/** Lines for stdout, without a newline at the end. */
export function resultText(result: ResultEvent): string {
  switch (result.event) {
    case "created":
      return printable(
        `Created ${result.path}: ${formatBytes(result.bytes)} in ${piecesText(result)}, ` +
          hashesText(result),
      );
    case "stream":
      return result.url;
    case "torrent":
      return torrentLines(result).map(printable).join("\n");
    case "files":
      return fileLines(result.files);
    case "verified":
      return verifiedText(result).split("\n").map(printable).join("\n");
    case "replayed":
    case "state":
    case "why":
      return replayText(result);
    case "added":
    case "duplicate":
    case "paused":
    case "started":
    case "rechecking":
    case "removed":
    case "moved":
    case "limited":
    case "daemon-stopped":
    case "status":
    case "logged":
    case "connected":
      return printable(daemonText(result));
    case "why-waiting":
      return whyLines(result).map(printable).join("\n");
    case "dht":
    case "dht-lookup":
    case "dht-value":
    case "dht-stored":
      return dhtText(result);
    case "setting":
      return settingText(result);
    case "simulated":
      return simulatedText(result);
    default:
      return printable(catalogText(result));
  }
}

function torrentLines(torrent: TorrentResult): string[] {
  const row = (label: string, text: string) => `${`${label}:`.padEnd(14)}${text}`;
  const lines = [
    row("Name", torrent.name),
    ...hashRows(torrent).map(([label, text]) => row(label, text)),
    row("Size", `${formatBytes(torrent.bytes)} (${formatCount(torrent.bytes, "byte")})`),
    row("Pieces", piecesText(torrent)),
    row("Private", torrent.private ? "yes" : "no"),
  ];
  if (torrent.comment !== undefined) lines.push(row("Comment", torrent.comment));
  if (torrent.createdBy !== undefined) lines.push(row("Created by", torrent.createdBy));
  lines.push(row("Magnet", torrent.magnet), "", `${formatCount(torrent.files.length, "file")}:`);
  for (const file of torrent.files) {
    lines.push(`  ${formatBytes(file.length).padStart(9)}  ${file.path}`);
  }
  lines.push("", torrent.trackers.length === 0 ? "No trackers" : "Trackers:");
  for (const [index, tier] of torrent.trackers.entries()) {
    for (const url of tier) lines.push(`  tier ${index + 1}  ${url}`);
  }
  return lines;
}

/** One line per file: number, size, path. */
export function fileLines(files: readonly FileRow[]): string {
  const digits = String(files.at(-1)?.number).length;
  return files.map(({ number, length, path }) =>
    printable(`${String(number).padStart(digits)}  ${formatBytes(length).padStart(9)}  ${path}`)
  ).join("\n");
}

function verifiedText(result: VerifiedResult): string {
  const bad = result.pieces - result.piecesGood;
  if (bad === 0) {
    const of = result.filesChecked === undefined
      ? ""
      : ` of ${formatCount(result.filesChecked, "selected file")}`;
    return `${result.name}: all good, ${formatCount(result.pieces, "piece")}${of} checked`;
  }
  const shown = result.badFiles.slice(0, BAD_FILES_SHOWN).join(", ");
  const hidden = result.badFiles.length - BAD_FILES_SHOWN;
  const files = hidden > 0 ? `${shown} and ${formatCount(hidden, "more file")}` : shown;
  const summary = `${result.name}: ${
    formatPart(bad, result.pieces, "piece")
  } bad or missing, in ${files}`;
  const lines = [summary, ...result.badRanges.slice(0, BAD_RANGES_SHOWN).map(rangeText)];
  const hiddenRanges = result.badRanges.length - BAD_RANGES_SHOWN;
  if (hiddenRanges > 0) lines.push(`  and ${formatCount(hiddenRanges, "more range")}`);
  return lines.join("\n");
}

function rangeText({ path, offset, length, unit }: BadRange): string {
  const text = `  ${path}: bytes ${offset} to ${offset + length - 1}`;
  return unit === "piece" ? `${text}, or some of them: hashes of blocks are not kept here` : text;
}

function hashesText({ format, infoHash, infoHashV2 }: TorrentFigures): string {
  switch (format) {
    case "v1":
      return `info hash ${infoHash}`;
    case "v2":
      return `v2 info hash ${infoHashV2}`;
    case "hybrid":
      return `info hashes ${infoHash} and ${infoHashV2}`;
  }
}

function hashRows({ format, infoHash, infoHashV2 }: TorrentFigures): [string, string][] {
  const rows: [string, string][] = [];
  if (format !== "v2") rows.push(["Info hash", infoHash]);
  if (infoHashV2 !== undefined) rows.push(["Info hash v2", infoHashV2]);
  return rows;
}

function piecesText(torrent: TorrentFigures): string {
  return `${formatCount(torrent.pieces, "piece")} of ${formatPieceLength(torrent.pieceLength)}`;
}
