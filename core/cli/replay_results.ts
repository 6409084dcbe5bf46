/** What `tt replay` answers: the verdict, the state at an event, why a peer is not asked. */
import type { PeerView, StateView } from "../trace/state_view.ts";
import type { WhyNot } from "../torrent/why.ts";
import type { Obstacle } from "../transfer/obstacles.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatPart,
  formatPercent,
  formatRate,
} from "./format.ts";
import { printable } from "./text.ts";

export type ReplayResult = ReplayedResult | StateResult | WhyResult;

/** The end of a replay. */
export interface ReplayedResult {
  readonly event: "replayed";
  /** `same` as far as it was compared; `failed`: the core threw. */
  readonly verdict: "same" | "differs" | "failed";
  /** The run was killed: the trace has no end. */
  readonly truncated: boolean;
  /** Stopped early, as --at asked. */
  readonly stopped: boolean;
  /** Events and blocks, and the batches that they came in. */
  readonly events: number;
  readonly blocks: number;
  readonly turns: number;
  /** Events at the end whose effects were not recorded. */
  readonly unchecked: number;
  readonly connections: number;
  readonly seconds: number;
  readonly piecesHave: number;
  readonly pieces: number;
  readonly downloaded: number;
  readonly uploaded: number;
  /** Of a difference: the turn's effects now, as JSON. */
  readonly effects: readonly string[] | undefined;
}

/** The torrent after an event of a replay. */
export interface StateResult extends StateView {
  readonly event: "state";
  /** The last event that it knows of. */
  readonly at: number;
  /** Since the run began. */
  readonly seconds: number;
}

/** Why a peer is not asked after an event of a replay. */
export interface WhyResult {
  readonly event: "why";
  readonly at: number;
  readonly peer: number;
  readonly address: string;
  readonly why: WhyNot;
}

const MAP_WIDTH = 64;
/** A larger map shows several pieces as one character. */
const MAP_LINES_MAX = 32;
/** Effects of a difference that are printed; `--json` gives all. */
const EFFECTS_SHOWN = 5;
const EFFECT_WIDTH = 200;

/** Lines for people, without a newline at the end. */
export function replayText(result: ReplayResult): string {
  return linesOf(result).map(printable).join("\n");
}

function linesOf(result: ReplayResult): string[] {
  switch (result.event) {
    case "replayed":
      return replayedLines(result);
    case "state":
      return stateLines(result);
    case "why":
      return [`Peer ${result.peer}, ${result.address}: ${whyText(result.why)}`];
  }
}

/** A clause that says why a peer is not asked. */
export function whyText(why: WhyNot): string {
  switch (why.kind) {
    case "not-running":
      return `nothing is requested: the torrent is ${why.stage}`;
    case "no-metadata":
      return "nothing is requested: the metadata is not known yet";
    case "complete":
      return "nothing is requested: the content is complete";
    case "disk-failed":
      return "nothing is requested: the disk failed";
    case "nothing-wanted":
      return "it has no missing piece";
    case "withheld":
      return `the only piece it has for us is ${why.piece}, which the share rule withholds`;
    case "dead":
      return `it has been silent for ${formatDuration(why.silentMs / 1000)} and is considered dead`;
    case "chokes-us":
      return "it chokes us";
    case "pipeline-full": {
      const owes = `${formatCount(why.outstanding, "request")} of ${why.target} are outstanding`;
      return why.snubbed ? `${owes}, and it is snubbed for not answering in time` : owes;
    }
    case "pieces": {
      const standings = Object.entries(why.standings) as [Obstacle, number][];
      const parts = standings.map(([standing, count]) =>
        `${formatCount(count, "piece")} ${STANDINGS[standing]}`
      );
      return parts.join(", ");
    }
    case "nothing":
      return `nothing prevents it: piece ${why.piece} is next`;
  }
}

const STANDINGS: Readonly<Record<Obstacle, string>> = {
  lacking: "that it lacks",
  "no-hashes": "that cannot be verified before their hashes arrive",
  asked: "already requested",
  arrived: "received but not yet on disk",
  choked: "not available while it chokes us",
  refused: "that it just rejected",
  reserved: "reserved for another peer",
  parole: "started by others, which it may not join after a failed piece",
  "buffers-full": "not started, since unfinished pieces fill the buffers",
  withheld: "withheld by the share rule",
};

function replayedLines(result: ReplayedResult): string[] {
  const { events, blocks, turns, unchecked, connections, pieces } = result;
  const lines = [
    `${formatCount(events, "event")} (${formatCount(blocks, "block")}) in ` +
    `${formatCount(turns, "turn")} over ${spanText(result.seconds)}`,
    `${formatCount(connections, "connection")}, ` +
    `${formatPart(result.piecesHave, pieces, "piece")}, ` +
    `${formatBytes(result.downloaded)} down, ${formatBytes(result.uploaded)} up`,
  ];
  if (result.truncated) {
    const rest = unchecked > 0
      ? `; its last ${formatCount(unchecked, "event")} were not checked`
      : "";
    lines.push(`The run was interrupted, and the trace ends early${rest}`);
  }
  if (result.verdict === "same") {
    lines.push(`Verdict: the same decisions${result.stopped ? ` up to event ${events}` : ""}`);
  }
  const { effects = [] } = result;
  for (const effect of effects.slice(0, EFFECTS_SHOWN)) {
    lines.push(`  now: ${effect.slice(0, EFFECT_WIDTH)}`);
  }
  const hidden = effects.length - EFFECTS_SHOWN;
  if (hidden > 0) lines.push(`  and ${formatCount(hidden, "more effect")}`);
  return lines;
}

/** Most traces that people look at are short. */
function spanText(seconds: number): string {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : formatDuration(seconds);
}

function stateLines(state: StateResult): string[] {
  const { facts, peers, deadline } = state;
  const have = formatPart(facts.piecesHave, facts.pieceCount, "piece");
  const percent = formatPercent(facts.bytesHave, facts.bytesTotal);
  const row = (label: string, text: string) => `${`${label}:`.padEnd(12)}${text}`;
  const share = facts.share === undefined ? "" : ` (${facts.share})`;
  const next = deadline === undefined
    ? "nothing scheduled"
    : `${deadline.reason} in ${(deadline.inMs / 1000).toFixed(3)} s`;
  return [
    row("Event", `${state.at}, ${state.seconds.toFixed(3)} s into the run, ${facts.stage}`),
    row("Pieces", `${have}, ${percent}${state.inEndgame ? ", endgame" : ""}`),
    ...mapLines(state.pieces),
    row("Memory", `${formatBytes(state.bufferedBytes)} of unfinished pieces`),
    row("Down", `${formatBytes(facts.downloaded)}, ${formatRate(facts.downRate)}`),
    row("Up", `${formatBytes(facts.uploaded)}, ${formatRate(facts.upRate)}`),
    row("Share rule", `${formatBytes(facts.owedBytes)} owed${share}`),
    row("Addresses", `${state.candidates} to dial, ${state.dialling} dialling`),
    row("Banned", formatCount(state.banned, "peer")),
    row("Next", next),
    row("Peers", peers.length === 0 ? "none" : String(peers.length)),
    ...peerLines(peers),
  ];
}

function mapLines(map: string): string[] {
  const perMark = Math.ceil(map.length / (MAP_WIDTH * MAP_LINES_MAX));
  const lines: string[] = [];
  for (let line = 0; line < map.length; line += MAP_WIDTH * perMark) {
    let marks = "";
    const end = Math.min(map.length, line + MAP_WIDTH * perMark);
    for (let at = line; at < end; at += perMark) marks += markOf(map.slice(at, at + perMark));
    lines.push(`${String(line).padStart(10)}  ${marks}`);
  }
  const several = perMark > 1 ? `; ${perMark} pieces per mark, + is a mixture` : "";
  const legend =
    `# complete, w being written, c being checked, 0-9 tenths received, . missing${several}`;
  return [...lines, `            ${legend}`];
}

function markOf(pieces: string): string {
  return [...pieces].every((mark) => mark === pieces[0]) ? pieces[0]! : "+";
}

function peerLines(peers: readonly PeerView[]): string[] {
  const rows = peers.map((peer) => [
    String(peer.peer),
    peer.address,
    peer.client ?? "?",
    `has ${peer.piecesHave}`,
    `offers ${peer.offered}`,
    `requests ${peer.outstanding}/${peer.target}`,
    `queued ${peer.queued}`,
    `down ${formatRate(peer.downRate)}`,
    `up ${formatRate(peer.upRate)}`,
    statesOf(peer).join(", "),
  ]);
  const width = (column: number) => Math.max(...rows.map((cells) => cells[column]!.length));
  return rows.map((cells) =>
    `  ${cells.map((cell, column) => cell.padEnd(width(column))).join("  ")}`.trimEnd()
  );
}

function statesOf(peer: PeerView): string[] {
  const states = [
    peer.amInterested ? "interesting" : "not interesting",
    peer.isChoking ? "chokes us" : "unchokes us",
    peer.isInterested ? "interested" : "not interested",
    peer.amChoking ? "choked" : peer.optimistic ? "optimistically unchoked" : "unchoked",
  ];
  if (peer.snubbed) states.push("snubbed");
  if (peer.onParole) states.push("on parole");
  if (peer.isDead) states.push("dead");
  return states;
}
