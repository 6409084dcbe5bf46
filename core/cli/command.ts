/**
 * What a user asked for, fully resolved: flags, environment, config file and defaults are already
 * merged. The shell switches on `kind` and looks nowhere else.
 */
import type { TorrentFormat } from "../metainfo/identity.ts";
import type { OutputSettings, PeerSettings, TraceSettings } from "./common_settings.ts";
import type { DhtCommand } from "./dht_command.ts";
import type { Glob } from "../metainfo/glob.ts";
import type { StreamCommand } from "./stream_command.ts";
import type { SwarmOptions } from "../sim/swarm.ts";
import type { Network } from "../tracker_server/access/networks.ts";
import type { Shell } from "./completions.ts";
import type { DaemonCommands } from "./daemon_command.ts";
export type { ShellCommand } from "./daemon_command.ts";
import type { SelectionSettings } from "./selection_options.ts";
import type { SettingInForce } from "./settings.ts";
import type { ShareRule, TrackerStore } from "./values.ts";

export type { StreamCommand } from "./stream_command.ts";

export type Command =
  | TrackerCommand
  | SeedCommand
  | GetCommand
  | StreamCommand
  | CreateCommand
  | ShowCommand
  | VerifyCommand
  | ReplayCommand
  | ListCommand
  | FetchCommand
  | PeersCommand
  | DhtCommand
  | SimulateCommand
  | ConfigCommand
  | DaemonCommands
  | DemoCommand
  | CompletionsCommand
  | ManCommand
  | HelpCommand
  | VersionCommand;

export interface TrackerCommand extends OutputSettings {
  readonly kind: "tracker";
  /** An IP address. */
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly intervalSeconds: number;
  /** The file that keeps catalog and swarms. */
  readonly data: string;
  /** Where swarms are kept. */
  readonly store: TrackerStore;
  /** File for a line about each request; "-" is stdout. */
  readonly accessLog: string | undefined;
  /** Who shows it may change the catalog. */
  readonly catalogToken: string | undefined;
  /** Serve only torrents of the catalog. */
  readonly registeredOnly: boolean;
  /** File of info hashes that are not served. */
  readonly deny: string | undefined;
  /** Proxies whose X-Forwarded-For is trusted. */
  readonly trustedProxy: readonly Network[];
  /** Clients of this machine and private networks may name their address. */
  readonly trustIpParam: boolean;
  /** A scrape may ask for all torrents. */
  readonly fullScrape: boolean;
  /** Announces a second from one address, and from all. */
  readonly addressRate: number | undefined;
  readonly totalRate: number | undefined;
  /** Peers and torrents that are known at one time. */
  readonly maxPeers: number | undefined;
  readonly maxTorrents: number | undefined;
}

/** What goes into a new torrent. */
export interface CreationSettings {
  /** Tiers of announce URLs. */
  readonly announceTiers: readonly (readonly string[])[];
  readonly isPrivate: boolean;
  /** Bytes, a power of two; undefined is chosen by size. */
  readonly pieceLength: number | undefined;
  /** Undefined: DEFAULT_FORMAT. */
  readonly format: TorrentFormat | undefined;
  /** HTTP URLs of the content. */
  readonly webSeeds: readonly string[];
  readonly source: string | undefined;
  /** What is not part of the content. */
  readonly exclude: readonly Glob[];
  readonly keepSystemFiles: boolean;
  readonly followSymlinks: boolean;
  /** Where the `.torrent` goes, "-" for stdout; undefined is NAME.torrent in the current folder. */
  readonly out: string | undefined;
  /** Replace whatever is there. */
  readonly force: boolean;
}

/** The daemon that takes torrents over; its state folder, undefined for the customary one. */
export interface HandOver {
  readonly state: string | undefined;
}

export interface SeedCommand extends PeerSettings, CreationSettings {
  readonly kind: "seed";
  /** Spec: BEP 16. */
  readonly superSeed: boolean;
  /** For the catalogs of trackers that ask for one. */
  readonly catalogToken: string | undefined;
  /** Put the torrent into no tracker's catalog. */
  readonly noRegister: boolean;
  readonly handOver: HandOver | undefined;
  /** What earlier runs seeded, too. */
  readonly resume: boolean;
  /** Files and folders to make a torrent of, and `.torrent` files; none only with `resume`. */
  readonly sources: readonly string[];
  /** Where a `.torrent`'s content is; undefined is the `.torrent`'s own folder. */
  readonly dir: string | undefined;
  readonly trace: TraceSettings | undefined;
}

export interface GetCommand extends PeerSettings, SelectionSettings {
  readonly kind: "get";
  /** Ask on the terminal which files are wanted. */
  readonly choose: boolean;
  readonly sequential: boolean;
  readonly firstLast: boolean;
  /**
   * `.torrent` paths, http(s) URLs, and names and info hashes in the catalog of `tracker`; none with
   * `resume` is everything unfinished in `dir`.
   */
  readonly sources: readonly string[];
  /** Announce URL of the tracker whose catalog knows the names; undefined is CATALOG_DEFAULT. */
  readonly tracker: string | undefined;
  readonly dir: string;
  /** Where the content goes once it is complete. */
  readonly moveTo: string | undefined;
  /** Texts of the options, by their keys, that hold for later runs of this download, too. */
  readonly typed: ReadonlyMap<string, readonly string[]>;
  /** Trust the saved state where sizes and times agree. */
  readonly resume: boolean;
  /** Leave once complete. */
  readonly noSeed: boolean;
  /** Where the `.torrent` of a magnet link is written. */
  readonly saveTorrent: string | undefined;
  readonly shareRule: ShareRule;
  readonly handOver: HandOver | undefined;
  readonly trace: TraceSettings | undefined;
}

export interface CreateCommand extends CreationSettings, OutputSettings {
  readonly kind: "create";
  /** Files and folders, one or more: a torrent each. */
  readonly paths: readonly string[];
  readonly comment: string | undefined;
}

export interface ShowCommand extends PeerSettings {
  readonly kind: "show";
  /** Print files with their numbers and nothing else. */
  readonly files: boolean;
  /** `.torrent` paths, http(s) URLs and magnet links, one or more. */
  readonly sources: readonly string[];
  /** Where the `.torrent` of a magnet link is written. */
  readonly saveTorrent: string | undefined;
}

export interface VerifyCommand
  extends OutputSettings, Pick<SelectionSettings, "select" | "exclude"> {
  readonly kind: "verify";
  /** `.torrent` files, one or more. */
  readonly torrents: readonly string[];
  /** Where the content is; undefined is the `.torrent`'s own folder. */
  readonly dir: string | undefined;
}

export interface ReplayCommand {
  readonly kind: "replay";
  readonly path: string;
  /** Stop after the turn of this event, counted from 1, and show the state. */
  readonly at: number | undefined;
  /** Say why this peer is not asked: its number or its address. */
  readonly why: string | undefined;
  readonly json: boolean;
}

export interface ListCommand extends OutputSettings {
  readonly kind: "list";
  /** All of them must be in a name; none lists everything. */
  readonly words: readonly string[];
  /** Announce URL. */
  readonly tracker: string;
}

export interface FetchCommand extends OutputSettings {
  readonly kind: "fetch";
  /** Names and info hashes, one or more. */
  readonly names: readonly string[];
  /** Announce URL. */
  readonly tracker: string;
  /** Where the `.torrent` goes, "-" for stdout; undefined is NAME.torrent in the current folder. */
  readonly out: string | undefined;
  /** Replace whatever is there. */
  readonly force: boolean;
}

export interface PeersCommand extends OutputSettings {
  readonly kind: "peers";
  /** Torrents of the daemon, or with `tracker` names and info hashes of its catalog; one or more. */
  readonly names: readonly string[];
  /** Announce URL; undefined asks the daemon. */
  readonly tracker: string | undefined;
  readonly state: string | undefined;
}

export interface SimulateCommand extends OutputSettings {
  readonly kind: "simulate";
  readonly swarm: SwarmOptions;
  /** Where an SVG goes. */
  readonly plot: string | undefined;
}

export interface ConfigCommand {
  readonly kind: "config";
  /** Settings to print; none is all. */
  readonly names: readonly string[];
  readonly json: boolean;
  readonly settings: readonly SettingInForce[];
}

export interface DemoCommand {
  readonly kind: "demo";
}

export interface CompletionsCommand {
  readonly kind: "completions";
  readonly shell: Shell;
}

export interface ManCommand {
  readonly kind: "man";
}

export interface HelpCommand {
  readonly kind: "help";
  /** Undefined is the overview. */
  readonly topic: Command["kind"] | undefined;
}

export interface VersionCommand {
  readonly kind: "version";
}
