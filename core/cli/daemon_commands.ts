/** The table of commands, continued: the daemon, and the commands that control it. */
import { defineCommand, NO_OPERANDS, output, state } from "./command_spec.ts";
import {
  readDays,
  readHostName,
  readHttpUrl,
  readLimit,
  readRpcAddress,
  readStatusSort,
  readTimeSpan,
} from "./daemon_values.ts";
import { discoveryOptions } from "./discovery_options.ts";
import { dhtOptions } from "./dht_command.ts";
import { flag, many, one, oneOr } from "./option.ts";
import { addOptions } from "./selection_options.ts";
import {
  readCount,
  readHost,
  readPort,
  readRatio,
  readShareRule,
  readText,
  readToken,
  readTrackerUrl,
  readWhole,
} from "./values.ts";

const MINUTES_MAX = 1_000_000;

const remote = { state, ...output };

const NAMES = "NAME is a torrent's name, the beginning of one, its info hash or its number in tt " +
  "status; all is every torrent.";

const torrents = { name: "NAME", min: 1, max: Infinity };

export const DAEMON_COMMANDS = {
  daemon: defineCommand({
    summary: "Run many torrents in one process, with RPC and a web page",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Keeps all torrents across restarts. Serves Transmission's RPC and a web page at --rpc. Clients " +
      "present the token from the file named token in the state folder (as a bearer token, or as the " +
      "password of any user), or log in with --rpc-user and --rpc-password.",
      "It stays in the foreground. To run it in the background, use a service manager " +
      "(docs/tt.service) or setsid tt daemon --quiet &.",
      "Addresses other than loopback need --cert and --key.",
    ],
    options: {
      dir: oneOr("DIR", readText, "downloads", "Save content in this folder"),
      incompleteDir: one("DIR", readText, "Save incomplete content in this folder"),
      rpc: oneOr(
        "IP:PORT",
        readRpcAddress,
        "127.0.0.1:9091",
        "Serve RPC and the web page at this address",
      ),
      state,
      host: one("IP", readHost, "Listen for peers on this address", { shownDefault: "all" }),
      port: one("N", readPort, "Listen for peers on this port; 0 picks a free one", {
        shownDefault: "6881, else the next free one",
      }),
      announceIp: one("IP", readHost, "Address to announce to trackers", {
        shownDefault: "the one that they see",
      }),
      allowLocal: flag(
        "Do not restrict URLs in a torrent that point to this machine or private networks",
      ),
      ...dhtOptions,
      ...discoveryOptions,
      upLimit: one("RATE", readLimit, "Maximum total upload rate in bytes per second"),
      downLimit: one("RATE", readLimit, "Maximum total download rate in bytes per second"),
      altUpLimit: one("RATE", readLimit, "Alternate maximum upload rate"),
      altDownLimit: one("RATE", readLimit, "Alternate maximum download rate"),
      altTime: one("SPAN", readTimeSpan, "When the alternate rates apply, such as 22:00-06:30"),
      altDays: one("DAYS", readDays, "Days on which --alt-time applies, such as mon-fri", {
        shownDefault: "all",
      }),
      maxDownloads: oneOr(
        "N",
        readWhole(0, 1_000_000),
        "5",
        "Maximum number of active downloads; 0 means no limit",
      ),
      maxSeeds: oneOr(
        "N",
        readWhole(0, 1_000_000),
        "0",
        "Maximum number of active seeds; 0 means no limit",
      ),
      shareRule: oneOr(
        "RULE",
        readShareRule,
        "10",
        "Share rule of all downloads; see tt help get",
      ),
      seedRatio: one("R", readRatio, "Stop seeding once the upload reaches R times the size"),
      seedIdle: one(
        "MIN",
        readWhole(1, MINUTES_MAX),
        "Stop seeding after this many minutes without upload",
      ),
      maxPeers: one("N", readCount, "Maximum number of peers in total", {
        setting: "max-peers-all",
      }),
      paused: flag("Add torrents without starting them"),
      allowHost: many(
        "NAME",
        readHostName,
        "Accept requests for this host name, as behind a proxy; may be repeated",
      ),
      rpcUser: one("NAME", readText, "Also accept this user, with --rpc-password"),
      rpcPassword: one(
        "TEXT",
        readText,
        "Password of --rpc-user; safer in TT_RPC_PASSWORD or the config file",
      ),
      cert: one("FILE", readText, "TLS certificate of the RPC server, in PEM format"),
      key: one("FILE", readText, "Private key of the certificate, in PEM format"),
      allowPlainHttp: flag("Serve other addresses than loopback without TLS"),
      watchFolder: one(
        "DIR",
        readText,
        "Add .torrent and .magnet files that appear in this folder",
      ),
      blocklist: one("FILE", readText, "Refuse peers in the address ranges listed in this file"),
      webhook: one(
        "URL",
        readHttpUrl,
        "Send a POST request to this URL when a download is complete",
      ),
      log: one("FILE", readText, "Append events to this file, as one JSON object per line", {
        setting: "daemon-log",
      }),
      ...output,
    },
    conflicts: [],
    examples: ["tt daemon", "tt daemon --dir /media --rpc 127.0.0.1:9999 --max-downloads 3"],
  }),
  add: defineCommand({
    summary: "Add torrents to the daemon",
    usage: ["SOURCE... [options]"],
    operands: { name: "SOURCE", min: 1, max: Infinity },
    about: ["SOURCE is a .torrent file, the http(s) URL of one, or a magnet link."],
    options: {
      dir: one("DIR", readText, "Save the content in this folder", {
        shownDefault: "that of the daemon",
        setting: "add-dir",
      }),
      moveTo: one("DIR", readText, "Move the content to this folder once it is complete", {
        setting: "add-move-to",
      }),
      paused: flag("Add the torrents without starting them"),
      label: many(
        "TEXT",
        readText,
        "Labels for the torrents, separated by commas; may be repeated",
      ),
      ...addOptions,
      ...remote,
    },
    conflicts: [],
    examples: ["tt add film.torrent", "tt add film.torrent --dir /media/films --label films"],
  }),
  status: defineCommand({
    summary: "Show the daemon's torrents",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: [
      "Active torrents come first. With -w the table is updated continuously: s changes the sort order, " +
      "r reverses it, the arrow keys select a torrent, p pauses or resumes it, Enter shows its details, " +
      "q quits.",
    ],
    options: {
      watch: flag("Update the table until stopped"),
      sort: oneOr(
        "ORDER",
        readStatusSort,
        "activity",
        "Sort by activity, name, progress, size, ratio or added",
      ),
      ...remote,
    },
    conflicts: [],
    examples: ["tt status", "tt status -w --sort ratio", "tt status film --json"],
  }),
  pause: defineCommand({
    summary: "Pause torrents of the daemon",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: remote,
    conflicts: [],
    examples: ["tt pause film", "tt pause all"],
  }),
  resume: defineCommand({
    summary: "Resume paused torrents of the daemon",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: { now: flag("Start now, regardless of the queue"), ...remote },
    conflicts: [],
    examples: ["tt resume film --now"],
  }),
  remove: defineCommand({
    summary: "Remove torrents from the daemon, or from a tracker's catalog",
    usage: ["NAME... [options]", "NAME... --tracker URL [options]"],
    operands: torrents,
    about: [
      NAMES,
      "With --tracker, NAME is the name of a torrent as tt list shows it, or its info hash; the " +
      "content is kept, and its peers are not affected.",
    ],
    options: {
      data: flag("Also delete their content"),
      // A tracker that is set for other commands must not make this one mean something else.
      tracker: one("URL", readTrackerUrl, "Remove from the catalog of this tracker instead", {
        setting: "remove-tracker",
      }),
      catalogToken: one("TOKEN", readToken, "Token for changes to the tracker's catalog"),
      ...remote,
    },
    conflicts: [["data", "tracker"]],
    examples: [
      "tt remove film",
      "tt remove film --data",
      "tt remove film.mkv --tracker 192.168.1.5:8000",
    ],
  }),
  recheck: defineCommand({
    summary: "Recheck the content of the daemon's torrents",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: remote,
    conflicts: [],
    examples: ["tt recheck film"],
  }),
  move: defineCommand({
    summary: "Move a torrent's content to another folder",
    usage: ["NAME... DIR [options]"],
    operands: { name: "NAME and a DIR", min: 2, max: Infinity },
    about: [NAMES],
    options: { find: flag("Do not move anything: the content is already there"), ...remote },
    conflicts: [],
    examples: ["tt move film /media/films"],
  }),
  limit: defineCommand({
    summary: "Limit the rates of torrents, or of the whole daemon",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: [`${NAMES} Without a NAME, the limits apply to all torrents together.`],
    options: {
      down: one(
        "RATE",
        readLimit,
        "Maximum download rate in bytes per second; off means no limit",
        {
          setting: "limit-down",
        },
      ),
      up: one("RATE", readLimit, "Maximum upload rate in bytes per second; off means no limit", {
        setting: "limit-up",
      }),
      ratio: one("R", readRatio, "Stop seeding once the upload reaches R times the size", {
        setting: "limit-ratio",
      }),
      ...remote,
    },
    conflicts: [],
    examples: ["tt limit --up 500K", "tt limit film --down 2M --ratio 1.5"],
  }),
  why: defineCommand({
    summary: "Explain what a torrent of the daemon is waiting for, and what would help",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES, "Lists the connected peers, and where the address of each came from."],
    options: remote,
    conflicts: [],
    examples: ["tt why film"],
  }),
  log: defineCommand({
    summary: "Print the daemon's event log",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: ["The newest events come last."],
    options: { follow: flag("Print new events as they happen, until stopped"), ...remote },
    conflicts: [],
    examples: ["tt log", "tt log film --follow"],
  }),
  shell: defineCommand({
    summary: "Open an interactive prompt on the daemon, or on its own session",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Commands of the prompt: seed, download, list, number_of_piece, peerlist, clear, end; and add, " +
      "status, pause, resume, remove, recheck, move, limit, why, peers, log, show, create, verify, " +
      "config, help. Tab completes commands, options and names of torrents; the arrow keys recall " +
      "earlier lines, which are saved.",
      "Without a running daemon, torrents run for as long as the prompt is open.",
    ],
    options: {
      dir: one("DIR", readText, "Save the content in this folder, if no daemon is running", {
        shownDefault: "downloads",
        setting: "dir",
      }),
      host: one("IP", readHost, "Listen for peers on this address", { shownDefault: "all" }),
      port: one("N", readPort, "Listen for peers on this port; 0 picks a free one", {
        shownDefault: "6881, else the next free one",
      }),
      state,
    },
    conflicts: [],
    examples: ["tt shell"],
  }),
  stop: defineCommand({
    summary: "Stop the daemon",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: ["Returns once the state of all torrents has been saved."],
    options: remote,
    conflicts: [],
    examples: ["tt stop"],
  }),
};
