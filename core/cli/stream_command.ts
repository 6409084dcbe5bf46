/** `tt stream`: its options, and what it was asked for. */
import type { PeerSettings, TraceSettings } from "./command.ts";
import { defineCommand, output } from "./command_spec.ts";
import { flag, one, oneOr } from "./option.ts";
import { peer, trace } from "./peer_options.ts";
import { readPort, readShareRule, readText, readTrackerUrl, type ShareRule } from "./values.ts";

export interface StreamCommand extends PeerSettings {
  readonly kind: "stream";
  /** As of `get`. */
  readonly source: string;
  /** A number from 1, or a path; undefined is the largest that can be played. */
  readonly file: string | undefined;
  readonly tracker: string | undefined;
  readonly dir: string;
  /** 0 picks a free one. */
  readonly streamPort: number;
  /** Go on as a normal download when the reader has left. */
  readonly keep: boolean;
  readonly shareRule: ShareRule;
  readonly trace: TraceSettings | undefined;
}

export const STREAM_COMMAND = defineCommand({
  summary: "Serve a file over HTTP on this machine while it downloads",
  usage: ["SOURCE [FILE] [options]"],
  operands: { name: "SOURCE", min: 1, max: 2 },
  about: [
    "Prints an address for a player such as mpv or vlc, and the address of a playlist. FILE is a " +
    "number as in tt show, counted from 1, or a path; without it the largest file that can be " +
    "played is served.",
    "What the player is about to need is downloaded first. Half a minute after the player has left, " +
    "tt ends; with --keep it goes on as tt get does.",
  ],
  options: {
    tracker: one("URL", readTrackerUrl, "Find names and info hashes in this tracker's catalog"),
    dir: oneOr("DIR", readText, "downloads", "Put the content in this folder"),
    streamPort: oneOr("N", readPort, "0", "Serve HTTP on this port; 0 picks a free one"),
    keep: flag("Go on downloading and seeding when the player has left"),
    shareRule: oneOr(
      "RULE",
      readShareRule,
      "10",
      "Percentage to upload before the last piece, strict or off",
    ),
    ...peer,
    ...trace,
    ...output,
  },
  conflicts: [],
  examples: ["tt stream film.torrent", "tt stream series.torrent 3 --keep"],
});
