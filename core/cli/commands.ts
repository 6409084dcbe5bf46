/**
 * The table of commands: operands, options, conflicts and examples. The parser follows it and the help
 * prints it. A command is listed here once it works.
 */
import { SYSTEM_FILES_TEXT } from "../metainfo/system_files.ts";
import { PEERS_MAX, SWARMS_MAX } from "../tracker_server/swarms/swarm_store.ts";
import { contentDir, defineCommand, handOver, NO_OPERANDS, output, state } from "./command_spec.ts";
import { DAEMON_COMMANDS } from "./daemon_commands.ts";
import { VERIFY_COMMAND } from "./verify_command.ts";
import { DHT_COMMAND } from "./dht_command.ts";
import { selectionOptions } from "./selection_options.ts";
import { flag, many, one, oneOr, type Options } from "./option.ts";
import { peer, trace } from "./peer_options.ts";
import { SIMULATE_COMMAND } from "./simulate_command.ts";
import { STREAM_COMMAND } from "./stream_command.ts";
import {
  readCount,
  readFormat,
  readGlob,
  readHost,
  readIntervalSeconds,
  readNetwork,
  readPieceLength,
  readPort,
  readShareRule,
  readText,
  readToken,
  readTrackerStore,
  readTrackerTier,
  readTrackerUrl,
  readWebSeedUrl,
} from "./values.ts";

export type { CommandSpec } from "./command_spec.ts";
export { PEER_PORT_DEFAULT } from "./peer_options.ts";

/** Announce URL of the tracker whose catalog is asked when none is named. */
export const CATALOG_DEFAULT = "http://127.0.0.1:8000/announce";

const torrentFile = {
  out: one("FILE", readText, "Write the .torrent to this file; - is stdout", {
    shownDefault: "NAME.torrent",
  }),
  force: flag("Overwrite an existing file"),
};

const creation = {
  tracker: many(
    "URL[,URL]",
    readTrackerTier,
    "Announce to this tracker (http, https or udp); may be repeated, and trackers are tried in order; " +
      "comma-separated trackers form one tier",
  ),
  private: flag("Mark the torrent private: peers come from its trackers only"),
  pieceLength: one(
    "SIZE",
    readPieceLength,
    "Piece length in bytes, a power of two, such as 256K or 1M",
    {
      shownDefault: "depends on the size of the content",
    },
  ),
  format: one(
    "FORMAT",
    readFormat,
    "Torrent format: v1, which every client accepts, v2 or hybrid, which some cannot open",
    { shownDefault: "v1" },
  ),
  webSeed: many("URL", readWebSeedUrl, "Web server that has the content; may be repeated"),
  source: one("TEXT", readText, "Source tag; changes the info hash of the same content"),
  exclude: many(
    "GLOB",
    readGlob,
    "Exclude matching files and folders, such as *.tmp; may be repeated",
  ),
  keepSystemFiles: flag(`Include ${SYSTEM_FILES_TEXT}, which are skipped by default`),
  followSymlinks: flag("Follow symbolic links in PATH or DIR and share their targets"),
  ...torrentFile,
};

const saveTorrent = one("FILE", readText, "Write the .torrent of a magnet link to this file");

/** Options for connecting to peers, without those about content. */
const { upLimit: _up, downLimit: _down, seedRatio: _ratio, seedTime: _time, ...meeting } = peer;

/** The tracker whose catalog is asked. */
const catalogTracker = oneOr(
  "URL",
  readTrackerUrl,
  CATALOG_DEFAULT,
  "Tracker to query: its announce URL, or HOST:PORT",
);

/** For a change of the catalog. */
const catalogToken = one("TOKEN", readToken, "Token for changes to the tracker's catalog");

export const COMMANDS = {
  tracker: defineCommand({
    summary: "Run a tracker, through which peers find each other",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Serves every torrent that peers announce, until stopped. The announce URL is " +
      "http://HOST:PORT/announce. Also keeps a catalog of .torrent files, with a web page at " +
      "http://HOST:PORT/.",
      "The catalog can be read by all clients. On a loopback address every program on this machine can " +
      "change it; on other addresses, or with --catalog-token, only clients that present the token can.",
      "Trackers that share one Redis or Valkey server or cluster serve the same swarms. While it is " +
      "unreachable they answer from memory and log a warning.",
    ],
    options: {
      host: oneOr("IP", readHost, "127.0.0.1", "Listen on this address; 0.0.0.0 means all", {
        setting: "tracker-host",
      }),
      port: oneOr("N", readPort, "8000", "Listen on this port; 0 picks a free one", {
        setting: "tracker-port",
      }),
      interval: oneOr("SECONDS", readIntervalSeconds, "300", "Announce interval, in seconds", {
        setting: "tracker-interval",
      }),
      data: oneOr(
        "FILE",
        readText,
        "tt-tracker.db",
        "Database file for the catalog and the swarms",
        {
          setting: "tracker-data",
        },
      ),
      store: oneOr(
        "WHERE",
        readTrackerStore,
        "file",
        "Where to store them: file, memory, or redis://HOST:PORT to share them through Redis or Valkey",
        { setting: "tracker-store" },
      ),
      accessLog: one("FILE", readText, "Append a line per request to this file; - is stdout", {
        setting: "tracker-access-log",
      }),
      catalogToken: one(
        "TOKEN",
        readToken,
        "Token that clients must present to change the catalog",
      ),
      registeredOnly: flag("Serve only torrents that are in the catalog"),
      deny: one("FILE", readText, "Refuse the info hashes listed in this file, one per line"),
      addressRate: one("N", readCount, "Maximum number of announces per second from one address"),
      totalRate: one("N", readCount, "Maximum number of announces per second in total"),
      maxPeers: one("N", readCount, "Maximum number of peers", {
        shownDefault: String(PEERS_MAX),
      }),
      maxTorrents: one("N", readCount, "Maximum number of torrents", {
        shownDefault: String(SWARMS_MAX),
      }),
      fullScrape: flag("Answer a scrape without info hashes with all torrents"),
      trustedProxy: many(
        "CIDR",
        readNetwork,
        "Trust X-Forwarded-For from this network; may be repeated",
      ),
      trustIpParam: flag("Trust ip= in announces from this machine and private networks"),
      ...output,
    },
    conflicts: [],
    examples: [
      "tt tracker",
      "tt tracker --host 0.0.0.0 --port 6969",
      "tt tracker --store memory",
      "tt tracker --store redis://127.0.0.1:6379",
    ],
  }),
  seed: defineCommand({
    summary: "Share files and folders, or the content of .torrent files",
    usage: ["PATH... [options]", "X.torrent... [options]", "--resume [options]"],
    operands: { name: "PATH", min: 0, max: Infinity },
    about: [
      "Creates NAME.torrent for a file or folder and seeds it until stopped. Given a .torrent, checks " +
      "its content first. --resume seeds what earlier runs seeded and is still there.",
      "Trackers with a catalog are sent the .torrent, so that tt list shows it and tt get finds it by " +
      "name; a private torrent can be found only by its info hash.",
      "--super-seed is for the only seeder of new content with a slow uplink: it uploads little more " +
      "than one copy until other peers have everything.",
    ],
    options: {
      ...creation,
      dir: contentDir,
      catalogToken,
      noRegister: flag("Do not add the .torrent to any catalog"),
      resume: flag("Seed what earlier runs seeded, too", { setting: "seed-resume" }),
      superSeed: flag(
        "Offer each piece to one peer until others have it, as the only seeder (BEP 16)",
      ),
      ...handOver,
      ...peer,
      ...trace,
      ...output,
    },
    conflicts: [],
    examples: [
      "tt seed film.mkv --tracker http://127.0.0.1:8000/announce",
      "tt seed film.torrent --dir /media/films --up-limit 2M",
    ],
  }),
  get: defineCommand({
    summary: "Download torrents, then seed them",
    usage: ["SOURCE... [options]", "--resume [--dir DIR] [options]"],
    operands: { name: "SOURCE", min: 0, max: Infinity },
    about: [
      "SOURCE is a .torrent file or the http(s) URL of one, a magnet link, or the name or info hash " +
      "of a torrent in the tracker's catalog. With --resume and no SOURCE, all unfinished downloads " +
      "in DIR are resumed.",
      "The share rule: the last missing piece is requested once you have uploaded 10 % of the " +
      "size of what is wanted. When no peer can be served, the rest is waived; strict never waives " +
      "it. Examples: 20; 20,strict; strict (the same as 10,strict); off.",
      "Files that are not selected are not created. The selection holds for later runs of the same " +
      "download until --select, --exclude or --choose replaces it.",
    ],
    options: {
      tracker: one(
        "URL",
        readTrackerUrl,
        "Look up names and info hashes in this tracker's catalog, and announce to it",
        { shownDefault: `${CATALOG_DEFAULT} for names` },
      ),
      dir: oneOr("DIR", readText, "downloads", "Save the content in this folder"),
      moveTo: one("DIR", readText, "Move the content to this folder once it is complete"),
      resume: flag("Resume from the saved state without rechecking unchanged files"),
      noSeed: flag("Exit once the download is complete"),
      saveTorrent,
      shareRule: oneOr(
        "RULE",
        readShareRule,
        "10",
        "Percentage to upload before the last piece is requested, or strict, or off",
      ),
      ...selectionOptions,
      ...handOver,
      ...peer,
      ...trace,
      ...output,
    },
    conflicts: [
      ["noSeed", "seedRatio"],
      ["noSeed", "seedTime"],
      ["choose", "select"],
      ["choose", "exclude"],
    ],
    examples: [
      "tt get film.torrent --no-seed",
      "tt get 'magnet:?xt=urn:btih:...' --save-torrent film.torrent",
      "tt get https://example.org/film.torrent --dir films --seed-ratio 2",
      "tt get film.mkv --tracker http://127.0.0.1:8000",
      "tt get --resume --dir films",
      "tt get season.torrent --select '*.mkv' --exclude sample --sequential",
    ],
  }),
  stream: STREAM_COMMAND,
  create: defineCommand({
    summary: "Create .torrent files without seeding",
    usage: ["PATH... [options]"],
    operands: { name: "PATH", min: 1, max: Infinity },
    about: ["The same content and options give the same .torrent, byte for byte."],
    options: {
      ...creation,
      comment: one("TEXT", readText, "Comment to store in the .torrent"),
      ...output,
    },
    conflicts: [],
    examples: ["tt create photos --tracker http://127.0.0.1:8000/announce --out photos.torrent"],
  }),
  show: defineCommand({
    summary: "Print the metadata of a .torrent file or a magnet link",
    usage: ["SOURCE... [options]"],
    operands: { name: "SOURCE", min: 1, max: Infinity },
    about: [
      "SOURCE is a .torrent file, the http(s) URL of one, or a magnet link, whose metadata is fetched " +
      "from peers. Prints its name, info hash, pieces, files, trackers and magnet link.",
    ],
    options: {
      files: flag("Print the files only, with the numbers that --select takes"),
      saveTorrent,
      ...meeting,
      json: output.json,
    },
    conflicts: [],
    examples: [
      "tt show film.torrent",
      "tt show 'magnet:?xt=urn:btih:...' --save-torrent f.torrent",
    ],
  }),
  verify: VERIFY_COMMAND,
  replay: defineCommand({
    summary: "Run a recorded download again and compare every decision",
    usage: ["FILE [options]"],
    operands: { name: "FILE", min: 1, max: 1 },
    about: [
      "FILE was recorded with tt get --trace or tt seed --trace. The exit code is 0 if all decisions " +
      "are the same as in the recording, otherwise 6.",
    ],
    options: {
      at: one("N", readCount, "Stop after event N and print the state of the torrent"),
      why: one(
        "PEER",
        readText,
        "Explain why nothing is requested from this peer at that point; PEER is its number or address",
      ),
      json: output.json,
    },
    conflicts: [],
    examples: ["tt replay run.trace", "tt replay run.trace --at 4711 --why 3"],
  }),
  list: defineCommand({
    summary: "List the torrents in a tracker's catalog",
    usage: ["[WORD...] [options]"],
    operands: { name: "WORD", min: 0, max: Infinity },
    about: [
      "With WORDs, lists only torrents whose names contain all of them. Newest first.",
    ],
    options: { tracker: catalogTracker, ...output },
    conflicts: [],
    examples: ["tt list", "tt list debian iso --tracker http://127.0.0.1:8000"],
  }),
  fetch: defineCommand({
    summary: "Save a .torrent from a tracker's catalog",
    usage: ["NAME... [options]"],
    operands: { name: "NAME", min: 1, max: Infinity },
    about: ["NAME is the name of a torrent as tt list shows it, or its info hash."],
    options: { tracker: catalogTracker, ...torrentFile, ...output },
    conflicts: [],
    examples: ["tt fetch film.mkv", "tt fetch film.mkv --out /tmp/film.torrent"],
  }),
  peers: defineCommand({
    summary: "Show the connected peers of a torrent, or the peers in its swarm",
    usage: ["NAME... [options]"],
    operands: { name: "NAME", min: 1, max: Infinity },
    about: [
      "NAME is a torrent of the daemon, as in tt status. With --tracker, NAME is a torrent in the " +
      "tracker's catalog, as in tt list; at most 200 peers of its swarm are shown.",
    ],
    options: {
      tracker: one(
        "URL",
        readTrackerUrl,
        "Query this tracker instead: its announce URL, or HOST:PORT",
        {
          setting: "peers-tracker",
        },
      ),
      state,
      ...output,
    },
    conflicts: [],
    examples: ["tt peers film", "tt peers film.mkv --tracker http://127.0.0.1:8000"],
  }),
  dht: DHT_COMMAND,
  simulate: SIMULATE_COMMAND,
  ...DAEMON_COMMANDS,
  config: defineCommand({
    summary: "Print the effective settings, and where each comes from",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: [
      "Prints all settings, or those named, in the format of the config file; defaults are printed as " +
      "comments. The config file is that of --config or TT_CONFIG, otherwise " +
      "$XDG_CONFIG_HOME/tt/config.toml if it exists. Passwords and tokens are not shown.",
    ],
    options: { json: output.json },
    conflicts: [],
    examples: ["tt config", "tt config port dir"],
  }),
  demo: defineCommand({
    summary: "Run a tracker, a seeder and two downloaders on this machine",
    usage: [""],
    operands: NO_OPERANDS,
    about: [
      "Transfers a generated file over loopback sockets, in temporary folders, and ends with a table " +
      "and a verdict. The exit code is 0 if every byte arrived.",
    ],
    options: {},
    conflicts: [],
    examples: [],
  }),
  completions: defineCommand({
    summary: "Print a completion script for a shell",
    usage: ["bash|zsh|fish"],
    operands: { name: "bash, zsh or fish", min: 1, max: 1 },
    about: ["The first lines of each script say where to install it."],
    options: {},
    conflicts: [],
    examples: ["tt completions bash"],
  }),
  man: defineCommand({
    summary: "Print the manual page in man format",
    usage: ["> tt.1"],
    operands: NO_OPERANDS,
    about: [],
    options: {},
    conflicts: [],
    examples: ["tt man"],
  }),
  help: defineCommand({
    summary: "Show the help of a command",
    usage: ["[COMMAND]"],
    operands: { name: "COMMAND", min: 0, max: 1 },
    about: [],
    options: {},
    conflicts: [],
    examples: ["tt help get"],
  }),
  version: defineCommand({
    summary: "Print the version",
    usage: [""],
    operands: NO_OPERANDS,
    about: [],
    options: {},
    conflicts: [],
    examples: [],
  }),
};

export type CommandName = keyof typeof COMMANDS;

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** Accepted by every command. `configFile` is read by the shell before the command is parsed. */
export const GLOBAL_OPTIONS = {
  config: one("FILE", readText, "Read settings from this file"),
  help: flag("Print this help"),
  version: flag("Print the version"),
};

/** One-letter forms. */
export const SHORT_OPTIONS: Readonly<Record<string, string>> = {
  h: "help",
  V: "version",
  w: "watch",
};

/** Whether `text` is exactly a command's name. */
export function isCommandName(text: string): text is CommandName {
  return Object.hasOwn(COMMANDS, text);
}

/** A command's own options and those of every command. */
export function optionsOf(name: CommandName): Options {
  return { ...COMMANDS[name].options, ...GLOBAL_OPTIONS };
}
