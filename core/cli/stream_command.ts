/** `tt stream`: its options, and what it was asked for. */
import type { PeerSettings, TraceSettings } from "./common_settings.ts";
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
    "Prints a URL for a player such as mpv or vlc, and the URL of a playlist. FILE is a path in the " +
    "torrent or a file's number in tt show, counted from 1; without it, the largest playable file " +
    "is served. Only that file is downloaded, and others of the playlist once they are played; with " +
    "--keep the others follow.",
    "Pieces that the player needs next are downloaded first. tt exits 30 seconds after the player " +
    "disconnects; with --keep it continues like tt get.",
  ],
  options: {
    tracker: one("URL", readTrackerUrl, "Look up names and info hashes in this tracker's catalog"),
    dir: oneOr("DIR", readText, "downloads", "Save the content in this folder"),
    streamPort: oneOr("N", readPort, "0", "Serve HTTP on this port; 0 picks a free one"),
    keep: flag("Continue to download and seed after the player disconnects"),
    shareRule: oneOr(
      "RULE",
      readShareRule,
      "10",
      "Percentage to upload before the last piece is requested, or strict, or off",
    ),
    ...peer,
    ...trace,
    ...output,
  },
  conflicts: [],
  examples: ["tt stream film.torrent", "tt stream series.torrent 3 --keep"],
});
