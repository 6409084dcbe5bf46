/** The table of commands, continued: the daemon, and what speaks to it. */
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
    summary: "Run many torrents in one process, for remotes and the page",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Keeps every torrent across restarts. Speaks Transmission's RPC on --rpc; the page is at the " +
      "same address. Whoever connects shows the token in the file token of the state folder (as a " +
      "bearer, or as the password of any user), or --rpc-user and --rpc-password.",
      "It stays in the foreground. In the background: run it as a service (docs/tt.service), or with " +
      "setsid tt daemon --quiet &.",
      "Off the loopback addresses it needs --cert and --key.",
    ],
    options: {
      dir: oneOr("DIR", readText, "downloads", "Put content in this folder"),
      incompleteDir: one("DIR", readText, "Keep it in this one until it is complete"),
      rpc: oneOr("IP:PORT", readRpcAddress, "127.0.0.1:9091", "Serve RPC and page there"),
      state,
      host: one("IP", readHost, "Listen for peers on this address", { shownDefault: "all" }),
      port: one("N", readPort, "Listen for peers on this port; 0 picks a free one", {
        shownDefault: "6881, else the next free one",
      }),
      announceIp: one("IP", readHost, "Have trackers note this address for us", {
        shownDefault: "the one they see",
      }),
      allowLocal: flag("Ask what a torrent names on this machine and in private networks"),
      ...dhtOptions,
      ...discoveryOptions,
      upLimit: one("RATE", readLimit, "Upload at most this many bytes a second in all"),
      downLimit: one("RATE", readLimit, "Download at most this many bytes a second in all"),
      altUpLimit: one("RATE", readLimit, "The same, while the alternate rates are on"),
      altDownLimit: one("RATE", readLimit, "The same, while the alternate rates are on"),
      altTime: one("SPAN", readTimeSpan, "Alternate rates each day, such as 22:00-06:30"),
      altDays: one("DAYS", readDays, "Days of --alt-time, such as mon-fri", {
        shownDefault: "all",
      }),
      maxDownloads: oneOr("N", readWhole(0, 1_000_000), "5", "Downloads at once; 0 is no limit"),
      maxSeeds: oneOr("N", readWhole(0, 1_000_000), "0", "Seeds at once; 0 is no limit"),
      shareRule: oneOr(
        "RULE",
        readShareRule,
        "10",
        "Share rule of every download; see tt help get",
      ),
      seedRatio: one("R", readRatio, "Stop seeding once the upload is R times the size"),
      seedIdle: one("MIN", readWhole(1, MINUTES_MAX), "Stop seeding after so long without upload"),
      maxPeers: one("N", readCount, "Maximum number of peers in all", { setting: "max-peers-all" }),
      paused: flag("Add torrents without starting them"),
      allowHost: many("NAME", readHostName, "Allow this host name, for a proxy; may be repeated"),
      rpcUser: one("NAME", readText, "Let in this user with --rpc-password, too"),
      rpcPassword: one("TEXT", readText, "Password; better in TT_RPC_PASSWORD or the config file"),
      cert: one("FILE", readText, "Certificate of the RPC server, PEM"),
      key: one("FILE", readText, "Key of the certificate, PEM"),
      allowPlainHttp: flag("Serve an address other than loopback without --cert"),
      watchFolder: one("DIR", readText, "Add each .torrent and .magnet file that appears there"),
      blocklist: one("FILE", readText, "Refuse peers in these address ranges"),
      webhook: one("URL", readHttpUrl, "POST there when a download is complete"),
      log: one("FILE", readText, "Append events there, a JSON object a line", {
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
      dir: one("DIR", readText, "Put the content in this folder", {
        shownDefault: "that of the daemon",
        setting: "add-dir",
      }),
      paused: flag("Add without starting"),
      label: many("TEXT", readText, "Give it this label; may be repeated"),
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
      "Active torrents come first. With -w the table stays fresh: s changes the order, r reverses it, " +
      "the arrows choose a torrent, p pauses or resumes it, Enter shows its details, q ends.",
    ],
    options: {
      watch: flag("Keep it fresh until stopped; the same as -w"),
      sort: oneOr(
        "ORDER",
        readStatusSort,
        "activity",
        "activity, name, progress, size, ratio or added",
      ),
      ...remote,
    },
    conflicts: [],
    examples: ["tt status", "tt status -w --sort ratio", "tt status film --json"],
  }),
  pause: defineCommand({
    summary: "Stop torrents of the daemon until they are resumed",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: remote,
    conflicts: [],
    examples: ["tt pause film", "tt pause all"],
  }),
  resume: defineCommand({
    summary: "Start torrents of the daemon again",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: { now: flag("Start past the queue"), ...remote },
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
      "content, and peers that share it, are left alone.",
    ],
    options: {
      data: flag("Delete their content, too"),
      // A tracker that is set for other commands must not make this one mean something else.
      tracker: one("URL", readTrackerUrl, "Remove from the catalog of this tracker instead", {
        setting: "remove-tracker",
      }),
      catalogToken: one("TOKEN", readToken, "Token of the tracker's catalog"),
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
    summary: "Check the content of the daemon's torrents again",
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
    options: { find: flag("Move nothing: the content is there already"), ...remote },
    conflicts: [],
    examples: ["tt move film /media/films"],
  }),
  limit: defineCommand({
    summary: "Limit the rates of torrents, or of the whole daemon",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: [`${NAMES} Without a NAME the limits are those of all torrents together.`],
    options: {
      down: one("RATE", readLimit, "Download at most this many bytes a second; off is no limit", {
        setting: "limit-down",
      }),
      up: one("RATE", readLimit, "Upload at most this many bytes a second; off is no limit", {
        setting: "limit-up",
      }),
      ratio: one("R", readRatio, "Stop seeding once the upload is R times the size", {
        setting: "limit-ratio",
      }),
      ...remote,
    },
    conflicts: [],
    examples: ["tt limit --up 500K", "tt limit film --down 2M --ratio 1.5"],
  }),
  why: defineCommand({
    summary: "Say what a torrent of the daemon waits for, and what would help",
    usage: ["NAME... [options]"],
    operands: torrents,
    about: [NAMES],
    options: remote,
    conflicts: [],
    examples: ["tt why film"],
  }),
  log: defineCommand({
    summary: "Print what happened in the daemon",
    usage: ["[NAME...] [options]"],
    operands: { name: "NAME", min: 0, max: Infinity },
    about: ["The newest come last."],
    options: { follow: flag("Go on with what happens, until stopped"), ...remote },
    conflicts: [],
    examples: ["tt log", "tt log film --follow"],
  }),
  shell: defineCommand({
    summary: "Open a prompt on the daemon, or on a session of its own",
    usage: ["[options]"],
    operands: NO_OPERANDS,
    about: [
      "Words of the prompt: seed, download, list, number_of_piece, peerlist, clear, end; and add, " +
      "status, pause, resume, remove, recheck, move, limit, why, peers, log, show, create, verify, " +
      "config, help. Tab completes them, options and names of torrents; the arrows go through " +
      "earlier lines, which are kept.",
      "Without a running daemon the torrents run while the prompt is open.",
    ],
    options: {
      dir: one("DIR", readText, "Put the content in this folder, in a session of its own", {
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
    about: ["Returns once every torrent's state is saved."],
    options: remote,
    conflicts: [],
    examples: ["tt stop"],
  }),
};
