/** `tt replay`: a recorded run goes through the core again. */
import type { ReplayCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { addressText } from "../../core/bytes/address.ts";
import type { ReplayedResult } from "../../core/cli/replay_results.ts";
import { factsOf } from "../../core/torrent/facts.ts";
import { whyNotAsked } from "../../core/torrent/why.ts";
import { describeTraceError, type TraceError } from "../../core/trace/format.ts";
import { openReplay, type Replay, replayLine } from "../../core/trace/replay.ts";
import { findPeer, viewState } from "../../core/trace/state_view.ts";
import { namedFileError } from "../disk/named_file.ts";
import { sha1 } from "../hash/sha1.ts";
import { readLines } from "../trace/read_lines.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

export async function replay(command: ReplayCommand, { output, signal }: Context): Promise<void> {
  const { path, at, why } = command;
  const replay = await run(path, at ?? Infinity, signal);
  if (at !== undefined) checkReached(replay, at, path);
  const { torrent, events, now } = replay;
  const seconds = (now - replay.startedMs) / 1000;
  if (at !== undefined) {
    output.result({ event: "state", at: events, seconds, ...viewState(torrent, now) });
  }
  if (why !== undefined) {
    const peer = findPeer(torrent, why);
    if (peer === undefined) throw noSuchPeer(replay, why);
    const address = addressText(peer.address);
    const reason = whyNotAsked(torrent, peer, now);
    output.result({ event: "why", at: events, peer: peer.key, address, why: reason });
  }
  output.result(summaryOf(replay, at !== undefined));
  judge(replay, path);
}

/** Feeds whole lines until the trace ends, differs, or the turn of event `until` is over. */
async function run(path: string, until: number, signal: AbortSignal): Promise<Replay> {
  let replay: Replay | undefined;
  try {
    for await (const line of readLines(path)) {
      signal.throwIfAborted();
      if (replay === undefined) {
        const opened = openReplay(line, sha1);
        if (!opened.ok) throw badTrace(path, opened.error);
        replay = opened.value;
        continue;
      }
      const taken = replayLine(replay, line);
      if (!taken.ok) throw badTrace(path, taken.error);
      if (replay.end !== undefined) break;
      if (replay.events >= until && replay.pending === 0) break;
    }
  } catch (error) {
    if (error instanceof CommandError || signal.aborted) throw error;
    const { message } = namedFileError(error, "read", path, "check the path");
    throw new CommandError(EXIT.input, "unreadable", message);
  }
  if (replay === undefined) throw badTrace(path, { code: "not-a-trace" });
  return replay;
}

function summaryOf(replay: Replay, stops: boolean): ReplayedResult {
  const { torrent, end, events, blocks, turns, connections, pending } = replay;
  const verdict = end === undefined || end.kind === "end" ? "same" : end.kind;
  const { piecesHave, pieceCount, downloaded, uploaded } = factsOf(torrent, replay.now);
  const { downloadedBefore, uploadedBefore } = torrent.options;
  return {
    event: "replayed",
    verdict,
    truncated: end === undefined && !stops,
    stopped: end === undefined && stops,
    ...{ events, blocks, turns, unchecked: pending, connections },
    seconds: (replay.now - replay.startedMs) / 1000,
    piecesHave,
    pieces: pieceCount,
    downloaded: downloaded - downloadedBefore,
    uploaded: uploaded - uploadedBefore,
    effects: end?.kind === "differs" ? end.effects : undefined,
  };
}

function judge({ end, events, line, torrent }: Replay, path: string): void {
  if (end?.kind === "differs") {
    const message = `The replay of ${path} differs at event ${events} (line ${line}): the trace ` +
      `was changed, or this tt decides differently from ${torrent.options.clientName}`;
    throw new CommandError(EXIT.mismatch, "differs", message);
  }
  if (end?.kind === "failed") {
    const message =
      `The core fails at event ${events} (line ${line}) of ${path}: ${end.message}; ` +
      "this is a bug in tt, please report it with the trace";
    throw new CommandError(EXIT.internal, "internal", message);
  }
}

function checkReached({ events, end }: Replay, at: number, path: string): void {
  if (events >= at || (end !== undefined && end.kind !== "end")) return;
  const message = `Cannot stop at event ${at}: ${path} has ${events}; give a smaller number`;
  throw new CommandError(EXIT.usage, "bad-value", message);
}

function noSuchPeer({ torrent, events }: Replay, name: string): CommandError {
  const known = [...torrent.swarm.connections.keys()].join(", ") || "none";
  const message = `Peer ${name} is not connected after event ${events}; connected are: ${known}`;
  return new CommandError(EXIT.usage, "bad-value", message);
}

function badTrace(path: string, error: TraceError): CommandError {
  const message = `Cannot replay ${path}: ${describeTraceError(error)}`;
  return new CommandError(EXIT.input, "bad-trace", message);
}
