/**
 * A method with its parameters as a typed command. Every command is plain data: the daemon carries it
 * out, and nothing of a request reaches it but this.
 *
 * Spec: Transmission 4.1, rpc-spec, sections 3 and 4.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import { type Json, type JsonObject, RPC_ERROR, type RpcFailure } from "./json.ts";
import { currentName } from "./names.ts";
import {
  bool,
  int,
  type Kind,
  list,
  type Params,
  type Read,
  readParams,
  text,
  word,
} from "./params.ts";
import {
  GROUP_PARAMS,
  type GroupChange,
  SESSION_PARAMS,
  type SessionChange,
} from "./session_settings.ts";
import {
  absolute,
  FILE_PARAMS,
  TORRENT_PARAMS,
  TORRENT_SETTING_PARAMS,
  type TorrentChange,
} from "./torrent_settings.ts";

/** Which torrents: a number is this run's id, a string an info hash in lower-case hex. */
export type Ids = "all" | "recently_active" | readonly (number | string)[];

/** Where a new torrent comes from. */
export type TorrentSource =
  | { readonly kind: "metainfo"; readonly bytes: Uint8Array }
  | { readonly kind: "magnet"; readonly link: string }
  /** `cookies` as a client gives them: "name1=content1; name2=content2". */
  | { readonly kind: "url"; readonly url: string; readonly cookies: string | undefined }
  /** A file on the daemon's machine. */
  | { readonly kind: "path"; readonly path: string };

export type TorrentAction =
  | "torrent_start"
  | "torrent_start_now"
  | "torrent_stop"
  | "torrent_verify"
  | "torrent_reannounce"
  | "queue_move_top"
  | "queue_move_up"
  | "queue_move_down"
  | "queue_move_bottom";

export interface TorrentGet {
  readonly method: "torrent_get";
  readonly ids: Ids;
  /** As asked for, in whatever spelling. */
  readonly fields: readonly string[];
  readonly format: "objects" | "table";
}

export interface TorrentAdd {
  readonly method: "torrent_add";
  readonly source: TorrentSource;
  readonly downloadDir: string | undefined;
  /** Ours: where its content goes from there once it is complete. */
  readonly moveTo: string | undefined;
  /** Undefined is as the session says. */
  readonly paused: boolean | undefined;
  readonly change: TorrentChange;
}

export type RpcCommand =
  | { readonly method: TorrentAction; readonly ids: Ids }
  | TorrentGet
  | { readonly method: "torrent_set"; readonly ids: Ids; readonly change: TorrentChange }
  | TorrentAdd
  | { readonly method: "torrent_remove"; readonly ids: Ids; readonly deleteData: boolean }
  | {
    readonly method: "torrent_set_location";
    readonly ids: Ids;
    readonly location: string;
    readonly move: boolean;
  }
  | {
    readonly method: "torrent_rename_path";
    readonly ids: Ids;
    readonly path: string;
    readonly name: string;
  }
  | { readonly method: "session_get"; readonly fields: readonly string[] | undefined }
  | { readonly method: "session_set"; readonly change: SessionChange }
  | { readonly method: "session_stats" | "session_close" | "blocklist_update" }
  | { readonly method: "free_space"; readonly path: string }
  | { readonly method: "port_test"; readonly ipProtocol: "ipv4" | "ipv6" | undefined }
  | { readonly method: "group_get"; readonly names: readonly string[] | undefined }
  | { readonly method: "group_set"; readonly name: string; readonly change: GroupChange }
  /** Ours: what happened, from a number on. */
  | { readonly method: "tt_log"; readonly since: number; readonly ids: Ids }
  /** Ours: the DHT node. */
  | { readonly method: "tt_dht" };

export type RpcMethod = RpcCommand["method"];

/** Names of fields that one request may ask for; Transmission has some 80. */
const FIELDS_MAX = 500;

/** Characters of a `.torrent` in base64: a third more than the bytes accepted. */
const METAINFO_LENGTH_MAX = 45 * 1024 * 1024;

const ID_PARAM = { ids };
const ACTION_METHODS: readonly string[] = [
  "torrent_start",
  "torrent_start_now",
  "torrent_stop",
  "torrent_verify",
  "torrent_reannounce",
  "queue_move_top",
  "queue_move_up",
  "queue_move_down",
  "queue_move_bottom",
] satisfies readonly TorrentAction[];
const BARE_METHODS: readonly string[] = [
  "session_stats",
  "session_close",
  "blocklist_update",
  "tt_dht",
];

const fields = list(text(200), FIELDS_MAX);

type Command = Result<RpcCommand, RpcFailure>;

/** One reader a method. */
const READERS: Readonly<Record<string, (params: JsonObject) => Command>> = {
  torrent_get: (params) =>
    read({ ...ID_PARAM, fields, format: word("objects", "object", "table") }, params, (given) => {
      if (given.fields === undefined) return invalid("fields must be a list of names");
      const format = given.format === "table" ? "table" : "objects";
      return ok({ method: "torrent_get", ids: given.ids ?? "all", fields: given.fields, format });
    }),
  torrent_set: (params) =>
    read(
      { ...ID_PARAM, ...TORRENT_PARAMS },
      params,
      ({ ids = "all", ...change }) => ok({ method: "torrent_set", ids, change }),
    ),
  torrent_add: readAdd,
  torrent_remove: (params) =>
    read({ ...ID_PARAM, delete_local_data: bool }, params, (given) =>
      ok({
        method: "torrent_remove",
        ids: given.ids ?? "all",
        deleteData: given.delete_local_data ?? false,
      })),
  torrent_set_location: (params) =>
    read({ ...ID_PARAM, location: text(4096), move: bool }, params, (given) => {
      if (given.location === undefined) return invalid("location is missing");
      const path = absolute(given.location);
      if (!path.ok) return notAbsolute("location");
      return ok({
        method: "torrent_set_location",
        ids: given.ids ?? "all",
        location: path.value,
        move: given.move ?? false,
      });
    }),
  torrent_rename_path: (params) =>
    read({ ...ID_PARAM, path: text(4096), name: text(255) }, params, (given) => {
      const { ids = "all", path, name } = given;
      if (path === undefined || name === undefined) return invalid("path and name are needed");
      return ok({ method: "torrent_rename_path", ids, path, name });
    }),
  session_get: (params) =>
    read({ fields }, params, (given) => ok({ method: "session_get", fields: given.fields })),
  session_set: (params) =>
    read(SESSION_PARAMS, params, (change) => ok({ method: "session_set", change })),
  free_space: (params) =>
    read({ path: text(4096) }, params, ({ path }) => {
      if (path === undefined) return invalid("path is missing");
      return absolute(path).ok ? ok({ method: "free_space", path }) : notAbsolute("path");
    }),
  port_test: (params) =>
    read(
      { ip_protocol: word("ipv4", "ipv6") },
      params,
      (given) => ok({ method: "port_test", ipProtocol: given.ip_protocol }),
    ),
  group_get: (params) =>
    read({ name: names }, params, (given) => ok({ method: "group_get", names: given.name })),
  group_set: (params) =>
    read(GROUP_PARAMS, params, ({ name, ...change }) => {
      const trimmed = name?.trim() ?? "";
      if (trimmed === "") return invalid("name is missing");
      return ok({ method: "group_set", name: trimmed, change });
    }),
  tt_log: (params) =>
    read(
      { ...ID_PARAM, since: int(0, Number.MAX_SAFE_INTEGER) },
      params,
      (given) => ok({ method: "tt_log", since: given.since ?? 0, ids: given.ids ?? "all" }),
    ),
};

/** Every method that `readCommand` supports, in the current spelling. */
export const RPC_METHODS: readonly RpcMethod[] = [
  ...Object.keys(READERS),
  ...ACTION_METHODS,
  ...BARE_METHODS,
] as RpcMethod[];

/**
 * `method` in either spelling. Errors: `methodNotFound`, `invalidParams`, `pathNotAbsolute`,
 * `unrecognized`.
 */
export function readCommand(method: string, params: JsonObject): Command {
  const name = currentName(method);
  if (Object.hasOwn(READERS, name)) return READERS[name]!(params);
  if (ACTION_METHODS.includes(name)) {
    return read(
      ID_PARAM,
      params,
      (given) => ok({ method: name as TorrentAction, ids: given.ids ?? "all" }),
    );
  }
  if (BARE_METHODS.includes(name)) return ok({ method: name as "session_stats" });
  const code = RPC_ERROR.methodNotFound;
  return fail({ code, message: `Method ${JSON.stringify(method.slice(0, 100))} is unknown` });
}

const ADD_PARAMS = {
  ...TORRENT_SETTING_PARAMS,
  ...FILE_PARAMS,
  cookies: text(8192),
  download_dir: text(4096),
  filename: text(),
  metainfo: text(METAINFO_LENGTH_MAX),
  paused: bool,
  tt_move_to: text(4096),
};

function readAdd(params: JsonObject): Command {
  return read(ADD_PARAMS, params, (given) => {
    const { cookies, download_dir: downloadDir, filename, metainfo, paused, ...rest } = given;
    const { tt_move_to: moveTo, ...change } = rest;
    if (downloadDir !== undefined && downloadDir !== "" && !absolute(downloadDir).ok) {
      return notAbsolute("download_dir");
    }
    if (moveTo !== undefined && !absolute(moveTo).ok) return notAbsolute("tt_move_to");
    const source = readSource(filename, metainfo, cookies);
    if (!source.ok) return source;
    return ok({
      method: "torrent_add",
      source: source.value,
      downloadDir: downloadDir || undefined,
      moveTo,
      paused,
      change,
    });
  });
}

function readSource(
  filename: string | undefined,
  metainfo: string | undefined,
  cookies: string | undefined,
): Result<TorrentSource, RpcFailure> {
  if (filename) {
    const name = filename.trim();
    if (/^magnet:/i.test(name)) return ok({ kind: "magnet", link: name });
    if (/^https?:\/\//i.test(name)) return ok({ kind: "url", url: name, cookies });
    // An info hash alone is short for its magnet link.
    if (/^([0-9a-f]{40}|[a-z2-7]{32})$/i.test(name)) {
      return ok({ kind: "magnet", link: `magnet:?xt=urn:btih:${name}` });
    }
    return ok({ kind: "path", path: name.replace(/^file:\/\//i, "") });
  }
  if (!metainfo) return invalid("filename or metainfo is needed");
  const bytes = fromBase64(metainfo);
  if (bytes !== undefined) return ok({ kind: "metainfo", bytes });
  return fail({ code: RPC_ERROR.unrecognized, message: "metainfo is not valid base64" });
}

/** With line breaks and either alphabet, as clients write it; undefined when it is none. */
function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(
      text.replace(/\s+/g, "").replaceAll("-", "+").replaceAll("_", "/"),
    );
  } catch {
    return undefined;
  }
}

/**
 * An id, a hash, a list of both, or the word for what changed lately. An empty list is none: a script
 * that found nothing to remove must not remove everything.
 */
function ids(value: Json): Result<Ids, string> {
  const wrong = "must be a torrent id, a hash, a list of these, or recently_active";
  if (typeof value === "number" && Number.isInteger(value)) return ok([value]);
  if (typeof value === "string") {
    if (value === "recently_active" || value === "recently-active") return ok("recently_active");
    const hash = hashOf(value);
    return hash === undefined ? fail(wrong) : ok([hash]);
  }
  const read = list(idOrHash)(value);
  return read.ok ? read : fail(wrong);
}

const idOrHash: Kind<number | string> = (value) => {
  if (typeof value === "number" && Number.isInteger(value)) return ok(value);
  const hash = typeof value === "string" ? hashOf(value) : undefined;
  return hash === undefined ? fail("is neither an id nor a hash") : ok(hash);
};

function hashOf(text: string): string | undefined {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(text) ? text.toLowerCase() : undefined;
}

/** One name or several. */
function names(value: Json): Result<readonly string[], string> {
  return list(text(200), FIELDS_MAX)(typeof value === "string" ? [value] : value);
}

function read<P extends Params>(
  table: P,
  params: JsonObject,
  toCommand: (given: Read<P>) => Command,
): Command {
  const given = readParams(table, params);
  return given.ok ? toCommand(given.value) : given;
}

function invalid(message: string): { readonly ok: false; readonly error: RpcFailure } {
  return fail({ code: RPC_ERROR.invalidParams, message });
}

function notAbsolute(name: string): Command {
  return fail({ code: RPC_ERROR.pathNotAbsolute, message: `${name} must be an absolute path` });
}
