/**
 * A recorded run, again: the trace's inputs go through the core, and what the core decides is compared
 * with what was recorded. Lines are fed one at a time, so a trace of any length can be replayed.
 *
 * A replay ends at the first difference: after it the two runs have no more to do with each other.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import type { Sha1 } from "../metainfo/digests.ts";
import { receiveBlock } from "../torrent/data_plane.ts";
import type { Effect } from "../torrent/protocol.ts";
import { createTorrent, type Torrent } from "../torrent/state.ts";
import { settle, step } from "../torrent/step.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../bytes/value_hash.ts";
import { decodeHeader, decodeRow, hexOfBytes, type Row, type TraceError } from "./format.ts";

/** What stands in the way of going on. */
export type ReplayEnd =
  /** The run ended in order here. */
  | { readonly kind: "end" }
  /** The core decides something else than it did; `effects` are those of this turn, as JSON. */
  | { readonly kind: "differs"; readonly effects: readonly string[] }
  /** The core threw, as it may have done when the trace was recorded. */
  | { readonly kind: "failed"; readonly message: string };

export interface Replay {
  readonly torrent: Torrent;
  readonly startedMs: number;
  /** Monotonic milliseconds of the recorded run. */
  now: number;
  /** Lines taken, the header included. */
  line: number;
  /** Events and blocks taken; settles are not counted. */
  events: number;
  blocks: number;
  connections: number;
  turns: number;
  /** Events since the last settle: their effects are not compared yet. */
  pending: number;
  end: ReplayEnd | undefined;
  hash: number;
  effects: Effect[];
}

/** Starts with a trace's first line. Errors: see `decodeHeader`. */
export function openReplay(headerLine: string, sha1: Sha1): Result<Replay, TraceError> {
  const header = decodeHeader(headerLine);
  if (!header.ok) return header;
  const { at, options } = header.value;
  return ok({
    torrent: createTorrent({ ...options, sha1 }, at),
    startedMs: at,
    now: at,
    line: 1,
    events: 0,
    blocks: 0,
    connections: 0,
    turns: 0,
    pending: 0,
    end: undefined,
    hash: NO_EFFECTS,
    effects: [],
  });
}

/** Takes the next whole line; none when the replay has ended. Error: `trace-row`. */
export function replayLine(replay: Replay, line: string): Result<void, TraceError> {
  if (replay.end !== undefined) return ok(undefined);
  replay.line++;
  const row = decodeRow(line);
  if (row === undefined) return fail({ code: "trace-row", line: replay.line });
  try {
    takeRow(replay, row);
  } catch (error) {
    replay.end = { kind: "failed", message: error instanceof Error ? error.message : `${error}` };
  }
  return ok(undefined);
}

function takeRow(replay: Replay, row: Row): void {
  const { torrent, now, effects } = replay;
  switch (row.kind) {
    case "time":
      replay.now = row.at;
      return;
    case "block":
      countEvent(replay);
      replay.blocks++;
      receiveBlock(torrent, row.peer, row.piece, row.begin, row.length, now, effects);
      return;
    case "event":
      countEvent(replay);
      if (row.event.kind === "connected") replay.connections++;
      return step(torrent, row.event, now, effects);
    case "settle":
      return settleAndCompare(replay, row.hash);
    case "end":
      replay.end = { kind: "end" };
      return;
  }
}

function countEvent(replay: Replay): void {
  replay.events++;
  replay.pending++;
}

function settleAndCompare(replay: Replay, recorded: string): void {
  const { torrent, now, effects } = replay;
  settle(torrent, now, effects);
  for (const effect of effects) replay.hash = hashValue(replay.hash, effect);
  replay.turns++;
  replay.pending = 0;
  if (formatHash(replay.hash) !== recorded) {
    const texts = effects.map((effect) => JSON.stringify(effect, hexOfBytes));
    replay.end = { kind: "differs", effects: texts };
  }
  effects.length = 0;
}
