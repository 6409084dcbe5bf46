/**
 * The table of commands: operands, options, conflicts and examples. The parser obeys it and the help
 * prints it. A command is listed here once it works.
 */
import { SYSTEM_FILES_TEXT } from "../metainfo/system_files.ts";
import { PEERS_MAX, SWARMS_MAX } from "../tracker_server/swarms/swarm_store.ts";
import { defineCommand, handOver, NO_OPERANDS, output, state } from "./command_spec.ts";
import { DAEMON_COMMANDS } from "./daemon_commands.ts";
import { DHT_COMMAND } from "./dht_command.ts";
import { flag, many, one, oneOr, type Options } from "./option.ts";
import { peer, trace } from "./peer_options.ts";
import { STREAM_COMMAND } from "./stream_command.ts";
import {
  readContentSize,
  readCount,
  readFormat,
  readGlob,
  readHost,
  readIntervalSeconds,
  readLinkRate,
  readNetwork,
  readPercent,
  readPieceLength,
  readPort,
  readShareRule,
  readText,
  readToken,
  readTrackerStore,
  readTrackerTier,
  readTrackerUrl,
  readWebSeedUrl,
  readWhole,
} from "./values.ts";

export type { CommandSpec } from "./command_spec.ts";
export { PEER_PORT_DEFAULT } from "./peer_options.ts";

/** Announce URL of the tracker whose catalog is asked when none is named. */
export const CATALOG_DEFAULT = "http://127.0.0.1:8000/announce";

const torrentFile = {
  out: one("FILE", readText, "Write the .torrent there; - is stdout", {
    shownDefault: "NAME.torrent",
  }),
  force: flag("Replace a file that is there already"),
};

const creation = {
  tracker: many(
    "URL[,URL]",
    readTrackerTier,
    "Announce to this tracker, http, https or udp; repeat it for several, which are tried in order; " +
      "those behind commas are of equal rank",
  ),
  private: flag("Mark the torrent private: peers come from its trackers only"),
  pieceLength: one(
    "SIZE",
    readPieceLength,
    "Bytes of a piece, a power of two, such as 256K or 1M",
    {
      shownDefault: "chosen by the size of the content",
    },
  ),
  format: one("FORMAT", readFormat, "Make a v1, v2 or hybrid torrent", { shownDefault: "v1" }),
  webSeed: many("URL", readWebSeedUrl, "Name a web server that has the content; may be repeated"),
  source: one("TEXT", readText, "Source tag; gives the same content another info hash"),
  exclude: many("GLOB", readGlob, "Leave out files and folders such as *.tmp; may be repeated"),
  keepSystemFiles: flag(`Share ${SYSTEM_FILES_TEXT}, which are left out otherwise`),
  followSymlinks: flag("Share what symbolic links below PATH or in DIR point to"),
  ...torrentFile,
};

const saveTorrent = one("FILE", readText, "Write the .torrent of a magnet link there");

/** What it takes to meet peers, without content. */
const { upLimit: _up, downLimit: _down, seedRatio: _ratio, seedTime: _time, ...meeting } = peer;

const contentDir = one("DIR", readText, "Folder that holds the content of a .torrent", {
  shownDefault: "the folder of the .torrent",
});

/** The tracker whose catalog is asked. */
const catalogTracker = oneOr(
  "URL",
  readTrackerUrl,
  CATALOG_DEFAULT,
  "Ask this tracker, by its announce URL or HOST:PORT",
);

/** For a change of the catalog. */
const catalogToken = one("TOKEN", readToken, "Token of the tracker's catalog");

export const COMMANDS = {
  tracker: defineCommand({
    summary: "Run a tracker, where peers find each other",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Serves every torrent that peers announce, until stopped. The announce URL is " +
      "http://HOST:PORT/announce. Keeps a catalog of .torrent files, with a page for people at " +
      "http://HOST:PORT/.",
      "Everybody may read the catalog. On a loopback address every program of this machine may change " +
      "it; elsewhere, or with --catalog-token, only who shows the token.",
      "Trackers on one Redis, Valkey or cluster serve the same swarms. While it is away they answer " +
      "from memory, with a warning.",
    ],
    options: {
      host: oneOr("IP", readHost, "127.0.0.1", "Listen on this address; 0.0.0.0 is all", {
        setting: "tracker-host",
      }),
      port: oneOr("N", readPort, "8000", "Listen on this port; 0 picks a free one", {
        setting: "tracker-port",
      }),
      interval: oneOr("SECONDS", readIntervalSeconds, "300", "Ask peers to announce so often", {
        setting: "tracker-interval",
      }),
      data: oneOr("FILE", readText, "tt-tracker.db", "Keep catalog and swarms in this file", {
        setting: "tracker-data",
      }),
      store: oneOr(
        "WHERE",
        readTrackerStore,
        "file",
        "Keep them in the file, or in memory only; redis://HOST:PORT shares them through Redis or Valkey",
        { setting: "tracker-store" },
      ),
      accessLog: one("FILE", readText, "Append a line about each request there; - is stdout", {
        setting: "tracker-access-log",
      }),
      catalogToken: one(
        "TOKEN",
        readToken,
        "Let only those change the catalog who show this token",
      ),
      registeredOnly: flag("Serve only torrents of the catalog"),
      deny: one("FILE", readText, "Do not serve the info hashes in this file, one a line"),
      addressRate: one("N", readCount, "Take so many announces a second from one address"),
      totalRate: one("N", readCount, "Take so many announces a second from all together"),
      maxPeers: one("N", readCount, "Know at most so many peers", {
        shownDefault: String(PEERS_MAX),
      }),
      maxTorrents: one("N", readCount, "Serve at most so many torrents", {
        shownDefault: String(SWARMS_MAX),
      }),
      fullScrape: flag("Answer a scrape without info hashes with all torrents"),
      trustedProxy: many(
        "CIDR",
        readNetwork,
        "Believe X-Forwarded-For from there; repeat it for several",
      ),
      trustIpParam: flag("Believe ip= of announces from this machine and private networks"),
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
    summary: "Share files, folders or the content of .torrent files",
    usage: ["PATH... [options]", "X.torrent... [options]"],
    operands: { name: "PATH", min: 1, max: Infinity },
    about: [
      "Makes NAME.torrent for a file or a folder and seeds it until stopped. The content of a " +
      ".torrent is checked first.",
      "A tracker that keeps a catalog gets the .torrent, so that tt list shows it and tt get finds it " +
      "by its name; a private torrent is found by its info hash only.",
    ],
    options: {
      ...creation,
      dir: contentDir,
      catalogToken,
      noRegister: flag("Put the .torrent into no catalog"),
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
    summary: "Download torrents, then go on seeding",
    usage: ["SOURCE... [options]", "--resume [--dir DIR] [options]"],
    operands: { name: "SOURCE", min: 0, max: Infinity },
    about: [
      "SOURCE is a .torrent file or the http(s) URL of one, a magnet link, or the name or info hash " +
      "of a torrent in the tracker's catalog. With --resume and no SOURCE, everything unfinished in " +
      "DIR goes on.",
      "The share rule: the last missing piece is requested once you have uploaded 10 % of the " +
      "torrent's size. When nobody is there to be served, the rest of the debt is waived; strict " +
      "never waives. Examples: 20 or 20,strict or strict (that is 10,strict) or off.",
    ],
    options: {
      tracker: one(
        "URL",
        readTrackerUrl,
        "Find names and info hashes in this tracker's catalog, and announce to it",
        { shownDefault: `${CATALOG_DEFAULT} for names` },
      ),
      dir: oneOr("DIR", readText, "downloads", "Put the content in this folder"),
      moveTo: one("DIR", readText, "Move the content to this folder once it is complete"),
      resume: flag("Go on from the saved state without checking unchanged files again"),
      noSeed: flag("Leave once the download is complete"),
      saveTorrent,
      shareRule: oneOr(
        "RULE",
        readShareRule,
        "10",
        "Percentage to upload before the last piece, strict or off",
      ),
      ...handOver,
      ...peer,
      ...trace,
      ...output,
    },
    conflicts: [["noSeed", "seedRatio"], ["noSeed", "seedTime"]],
    examples: [
      "tt get film.torrent --no-seed",
      "tt get 'magnet:?xt=urn:btih:...' --save-torrent film.torrent",
      "tt get https://example.org/film.torrent --dir films --seed-ratio 2",
      "tt get film.mkv --tracker http://127.0.0.1:8000",
      "tt get --resume --dir films",
    ],
  }),
  stream: STREAM_COMMAND,
  create: defineCommand({
    summary: "Make .torrent files without seeding",
    usage: ["PATH... [options]"],
    operands: { name: "PATH", min: 1, max: Infinity },
    about: ["The same content and options give the same .torrent, byte for byte."],
    options: {
      ...creation,
      comment: one("TEXT", readText, "Put this remark into the .torrent"),
      ...output,
    },
    conflicts: [],
    examples: ["tt create photos --tracker http://127.0.0.1:8000/announce --out photos.torrent"],
  }),
  show: defineCommand({
    summary: "Print what a .torrent or a magnet link's torrent says",
    usage: ["SOURCE... [options]"],
    operands: { name: "SOURCE", min: 1, max: Infinity },
    about: [
      "SOURCE is a .torrent file, the http(s) URL of one, or a magnet link, whose metadata is fetched " +
      "from peers. Prints its name, info hash, pieces, files, trackers and magnet link.",
    ],
    options: { saveTorrent, ...meeting, json: output.json },
    conflicts: [],
    examples: [
      "tt show film.torrent",
      "tt show 'magnet:?xt=urn:btih:...' --save-torrent f.torrent",
    ],
  }),
  verify: defineCommand({
    summary: "Check content against a .torrent, piece by piece",
    usage: ["X.torrent... [options]"],
    operands: { name: "X.torrent", min: 1, max: Infinity },
    about: ["The exit code is 0 when every piece is there and right, else 6."],
    options: { dir: contentDir, ...output },
    conflicts: [],
    examples: ["tt verify film.torrent --dir downloads"],
  }),
  replay: defineCommand({
    summary: "Run a recorded download again and compare every decision",
    usage: ["FILE [options]"],
    operands: { name: "FILE", min: 1, max: 1 },
    about: [
      "FILE was recorded with tt get --trace or tt seed --trace. The exit code is 0 when all " +
      "decisions are the same as then, else 6.",
    ],
    options: {
      at: one("N", readCount, "Stop after event N and print the state of the torrent"),
      why: one(
        "PEER",
        readText,
        "Say why this peer is not asked there; PEER is its number or address",
      ),
      json: output.json,
    },
    conflicts: [],
    examples: ["tt replay run.trace", "tt replay run.trace --at 4711 --why 3"],
  }),
  list: defineCommand({
    summary: "List the torrents of a tracker's catalog",
    usage: ["[WORD...] [options]"],
    operands: { name: "WORD", min: 0, max: Infinity },
    about: [
      "With words, only torrents that have all of them in their names. The newest come first.",
    ],
    options: { tracker: catalogTracker, ...output },
    conflicts: [],
    examples: ["tt list", "tt list debian iso --tracker http://127.0.0.1:8000"],
  }),
  fetch: defineCommand({
    summary: "Save a .torrent of a tracker's catalog",
    usage: ["NAME... [options]"],
    operands: { name: "NAME", min: 1, max: Infinity },
    about: ["NAME is the name of a torrent as tt list shows it, or its info hash."],
    options: { tracker: catalogTracker, ...torrentFile, ...output },
    conflicts: [],
    examples: ["tt fetch film.mkv", "tt fetch film.mkv --out /tmp/film.torrent"],
  }),
  peers: defineCommand({
    summary: "Show who is connected, or who is in the swarm of a torrent",
    usage: ["NAME... [options]"],
    operands: { name: "NAME", min: 1, max: Infinity },
    about: [
      "NAME is a torrent of the daemon, as in tt status. With --tracker it is one of the tracker's " +
      "catalog, as in tt list, and of a large swarm 200 peers are shown.",
    ],
    options: {
      tracker: one("URL", readTrackerUrl, "Ask this tracker instead, by its announce URL", {
        setting: "peers-tracker",
      }),
      state,
      ...output,
    },
    conflicts: [],
    examples: ["tt peers film", "tt peers film.mkv --tracker http://127.0.0.1:8000"],
  }),
  dht: DHT_COMMAND,
  simulate: defineCommand({
    summary: "Run a whole swarm on a virtual clock",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Every peer is the real one, and so is the tracker; only the network, the disks and the clock " +
      "are made up. The same seed gives the same run, decision for decision.",
      "Prints how the swarm filled up, when everybody was complete and how near that is to the least " +
      "possible: content has to leave the seeders once, and what is taken has to be sent.",
    ],
    options: {
      peers: oneOr("N", readWhole(1, 20_000), "50", "Downloaders"),
      seeders: oneOr("N", readWhole(1, 1_000), "1", "Peers that are complete from the start"),
      seed: oneOr("N", readWhole(0, 0xffff_ffff), "1", "What chance decides follows from it", {
        setting: "simulate-seed",
      }),
      size: oneOr("SIZE", readContentSize, "64M", "Bytes of the content"),
      pieceLength: creation.pieceLength,
      format: one(
        "FORMAT",
        readFormat,
        "Share a v1, v2 or hybrid torrent; of v2 layers, downloaders begin with none",
        { shownDefault: "v1" },
      ),
      up: oneOr("RATE", readLinkRate, "1M", "Bytes a second that each peer can send"),
      down: oneOr("RATE", readLinkRate, "10M", "Bytes a second that each peer can take"),
      shareRule: oneOr("RULE", readShareRule, "10", "Share rule of the downloaders"),
      freeRiders: oneOr("PERCENT", readPercent, "0", "Downloaders that give nothing"),
      churn: oneOr("PERCENT", readPercent, "0", "Downloaders that leave and are replaced"),
      plot: one("FILE", readText, "Draw the run as an SVG picture there"),
      ...output,
    },
    conflicts: [],
    examples: [
      "tt simulate --peers 200 --size 256M",
      "tt simulate --free-riders 30 --churn 20 --plot swarm.svg",
    ],
  }),
  ...DAEMON_COMMANDS,
  config: defineCommand({
    summary: "Print the settings that hold, and where each comes from",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: [
      "Prints every setting as a line of the config file, or those named; defaults are comments. The config file is the one " +
      "of --config or TT_CONFIG, else $XDG_CONFIG_HOME/tt/config.toml if it is there. Passwords and " +
      "tokens are not shown.",
    ],
    options: { json: output.json },
    conflicts: [],
    examples: ["tt config", "tt config port dir"],
  }),
  demo: defineCommand({
    summary: "Watch a tracker, a seeder and two downloaders on this machine",
    usage: [""],
    operands: NO_OPERANDS,
    about: [
      "Moves a made-up file over real sockets of this machine, in temporary folders, and ends with a " +
      "table and a verdict. The exit code is 0 when every byte arrived.",
    ],
    options: {},
    conflicts: [],
    examples: [],
  }),
  completions: defineCommand({
    summary: "Print a script that completes command lines in a shell",
    usage: ["bash|zsh|fish"],
    operands: { name: "bash, zsh or fish", min: 1, max: 1 },
    about: ["Each script says in its first lines where it goes."],
    options: {},
    conflicts: [],
    examples: ["tt completions bash"],
  }),
  man: defineCommand({
    summary: "Print the manual page, for man",
    usage: ["> tt.1"],
    operands: NO_OPERANDS,
    about: [],
    options: {},
    conflicts: [],
    examples: ["tt man"],
  }),
  help: defineCommand({
    summary: "Explain a command",
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
