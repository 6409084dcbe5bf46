/** What happened to a torrent, as a line of the log. */
import { unreachable } from "../../core/bytes/result.ts";
import { resumedText } from "../../core/cli/events.ts";
import { formatBytes, formatDuration, formatPart } from "../../core/cli/format.ts";
import { printable } from "../../core/cli/text.ts";
import type { TorrentEvent } from "../life/types.ts";
import type { LogLevel } from "./log.ts";

export interface EventText {
  readonly level: LogLevel;
  readonly message: string;
}

/** Undefined for what is not worth a line. */
export function eventText(event: TorrentEvent, name: string): EventText | undefined {
  const info = (message: string): EventText => ({ level: "info", message: printable(message) });
  const warning = (message: string): EventText => ({
    level: "warning",
    message: printable(message),
  });
  switch (event.kind) {
    case "resumed":
      return info(`${name}: ${resumedText(event)}`);
    case "reused":
      return info(
        `${name}: copied ${formatBytes(event.bytes)} from other torrents in the folder: ` +
          event.files.join(", "),
      );
    case "checked":
      return info(`${name}: ${formatPart(event.piecesGood, event.pieces, "piece")} good`);
    case "tracker":
      return event.error === undefined
        ? info(`${name}: tracker ${event.url} answered`)
        : warning(`${name}: tracker ${event.url} failed: ${event.error}`);
    case "share":
      return info(
        `${name}: shared ${formatBytes(event.sharedBytes)} of the ` +
          `${formatBytes(event.owedBytes)} owed (${event.state})`,
      );
    case "piece-failed":
      return warning(
        `${name}: piece ${event.piece} failed the hash check` +
          `${event.peers.length > 0 ? ` (from ${event.peers.join(", ")})` : ""}`,
      );
    case "peer-banned":
      return warning(`${name}: banned ${event.peer}: ${event.reason}`);
    case "complete":
      return info(
        `${name}: complete, ${formatBytes(event.bytes)} in ${formatDuration(event.seconds)}`,
      );
    case "unreadable":
    case "trace-failed":
      return warning(event.failure.message);
    case "failed":
      return { level: "error", message: printable(event.failure.message) };
    case "moved":
      return info(`${name}: moved to ${event.dir}`);
    case "joined":
    case "stopped":
    case "finished":
    case "left":
    case "left-out":
    case "missing-files":
    case "changed":
    case "web-seed-failed":
    case "super-seeding-done":
      return undefined;
    default:
      return unreachable(event);
  }
}
