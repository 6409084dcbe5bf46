/** The daemon's commands, fully resolved; see command.ts. */
import type { PeerAddress } from "../bytes/address.ts";
import type { SessionChange } from "../rpc/session_settings.ts";
import type { OutputSettings } from "./common_settings.ts";
import type { RpcAddress, StatusSort } from "./daemon_values.ts";
import type { SelectionSettings } from "./selection_options.ts";
import type { ShareRule } from "./values.ts";

export type DaemonCommands =
  | DaemonCommand
  | AddCommand
  | StatusCommand
  | TorrentsCommand
  | RemoveCommand
  | MoveCommand
  | LimitCommand
  | LogCommand
  | ShellCommand
  | StopCommand;

export interface DaemonCommand extends OutputSettings {
  readonly kind: "daemon";
  readonly rpc: RpcAddress;
  /** Undefined is the customary one. */
  readonly state: string | undefined;
  readonly host: string | undefined;
  readonly announceIp: string | undefined;
  readonly allowLocal: boolean;
  /** In place of the well-known DHT nodes; none: those. */
  readonly dhtNodes: readonly PeerAddress[];
  readonly shareRule: ShareRule;
  readonly dir: string;
  /** Settings of the session: of config file and defaults, and of options and variables. */
  readonly weak: SessionChange;
  readonly strong: SessionChange;
  readonly allowHost: readonly string[];
  readonly rpcUser: string | undefined;
  readonly rpcPassword: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly allowPlainHttp: boolean;
  readonly watchFolder: string | undefined;
  readonly blocklist: string | undefined;
  readonly webhook: string | undefined;
  readonly log: string | undefined;
}

/** Sends requests to a running daemon. */
export interface RemoteSettings extends OutputSettings {
  readonly state: string | undefined;
}

export interface AddCommand extends RemoteSettings, SelectionSettings {
  readonly kind: "add";
  readonly sequential: boolean;
  readonly firstLast: boolean;
  readonly sources: readonly string[];
  readonly dir: string | undefined;
  readonly moveTo: string | undefined;
  readonly paused: boolean;
  readonly labels: readonly string[];
}

export interface StatusCommand extends RemoteSettings {
  readonly kind: "status";
  readonly names: readonly string[];
  readonly watch: boolean;
  readonly sort: StatusSort;
}

export interface TorrentsCommand extends RemoteSettings {
  readonly kind: "pause" | "resume" | "recheck" | "why";
  readonly names: readonly string[];
  /** Past the queue. */
  readonly now: boolean;
}

export interface RemoveCommand extends RemoteSettings {
  readonly kind: "remove";
  readonly names: readonly string[];
  readonly data: boolean;
  /** Announce URL: remove from this tracker's catalog, not from the daemon. */
  readonly tracker: string | undefined;
  readonly catalogToken: string | undefined;
}

export interface MoveCommand extends RemoteSettings {
  readonly kind: "move";
  readonly names: readonly string[];
  readonly dir: string;
  /** The content is there already. */
  readonly find: boolean;
}

export interface LimitCommand extends RemoteSettings {
  readonly kind: "limit";
  /** None: the whole daemon. */
  readonly names: readonly string[];
  /** Bytes a second; null is no limit, undefined leaves it as it is. */
  readonly down: number | null | undefined;
  readonly up: number | null | undefined;
  readonly ratio: number | undefined;
}

export interface LogCommand extends RemoteSettings {
  readonly kind: "log";
  readonly names: readonly string[];
  readonly follow: boolean;
}

export interface ShellCommand {
  readonly kind: "shell";
  readonly state: string | undefined;
  /** Options of a daemon, for a session of its own. */
  readonly session: readonly string[];
}

export interface StopCommand extends RemoteSettings {
  readonly kind: "stop";
}
