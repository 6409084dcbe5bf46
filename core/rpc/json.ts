/** JSON as plain data, and the ways a method can fail. */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** True for an object that is neither null nor an array. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An own property; undefined for a missing one, never something inherited. */
export function property(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Why a method was not carried out. */
export interface RpcFailure {
  readonly code: number;
  /** One sentence. */
  readonly message: string;
  /** What the method can tell all the same. */
  readonly result?: JsonObject;
}

/** What became of one call. */
export type RpcOutcome =
  | { readonly ok: true; readonly result: JsonObject }
  | { readonly ok: false; readonly error: RpcFailure };

/**
 * Numbers of failures: those below zero by JSON-RPC, the others by Transmission.
 *
 * Spec: JSON-RPC 2.0, section 5.1; Transmission 4.1, rpc-spec, section 2.1.
 */
export const RPC_ERROR = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  announceList: 1,
  trackerList: 2,
  pathNotAbsolute: 3,
  unrecognized: 4,
  system: 5,
  fileIndex: 6,
  pieceIndex: 7,
  http: 8,
  corruptTorrent: 9,
  blocklist: 10,
} as const;

/** What JSON-RPC's `message` says for each number; the sentence goes into `data`. */
export const ERROR_TITLES: Readonly<Record<number, string>> = {
  [RPC_ERROR.parse]: "Parse error",
  [RPC_ERROR.invalidRequest]: "Invalid Request",
  [RPC_ERROR.methodNotFound]: "Method not found",
  [RPC_ERROR.invalidParams]: "Invalid params",
  [RPC_ERROR.internal]: "Internal error",
  [RPC_ERROR.announceList]: "Cannot set the announce list",
  [RPC_ERROR.trackerList]: "Invalid tracker list",
  [RPC_ERROR.pathNotAbsolute]: "Path is not absolute",
  [RPC_ERROR.unrecognized]: "Unrecognized torrent",
  [RPC_ERROR.system]: "System error",
  [RPC_ERROR.fileIndex]: "File index out of range",
  [RPC_ERROR.pieceIndex]: "Piece index out of range",
  [RPC_ERROR.http]: "HTTP error",
  [RPC_ERROR.corruptTorrent]: "Invalid torrent file",
  [RPC_ERROR.blocklist]: "Invalid blocklist",
};
