/**
 * The frame around methods, in both dialects: the older one, `{"method", "arguments", "tag"}` with
 * `{"result", "arguments", "tag"}` as its answer, and JSON-RPC 2.0 with its batches and
 * notifications. A body becomes calls; their outcomes become the body of the answer.
 *
 * Spec: Transmission 4.0.6 and 4.1, rpc-spec, section 2; JSON-RPC 2.0.
 */
import {
  ERROR_TITLES,
  isObject,
  type Json,
  type JsonObject,
  property,
  RPC_ERROR,
  type RpcFailure,
  type RpcOutcome,
} from "./json.ts";
import { readCommand, type RpcCommand } from "./commands.ts";
import { legacyKey, renameKeys } from "./names.ts";
import { fail, type Result } from "../bytes/result.ts";

export type Dialect = "legacy" | "jsonrpc";

/** One thing asked for. */
export interface Call {
  readonly dialect: Dialect;
  /** JSON-RPC's id or the older dialect's tag; undefined when there is none. */
  readonly id: Json | undefined;
  /** The answer is not awaited. */
  readonly isNotification: boolean;
  readonly command: Result<RpcCommand, RpcFailure>;
}

export interface Request {
  readonly calls: readonly Call[];
  readonly isBatch: boolean;
}

/** Calls in one body: a page asks a handful of things at once. */
export const BATCH_MAX = 100;

/** Never fails: what can't be read is a call that fails. */
export function parseRequest(body: string): Request {
  let value: Json;
  try {
    value = JSON.parse(body);
  } catch {
    return single(failedCall(null, RPC_ERROR.parse, "The body is not JSON"));
  }
  if (!Array.isArray(value)) return single(parseCall(value));
  if (value.length === 0 || value.length > BATCH_MAX) {
    const message = `A batch must have 1 to ${BATCH_MAX} calls`;
    return single(failedCall(null, RPC_ERROR.invalidRequest, message));
  }
  return { calls: value.map((item: Json) => parseBatchCall(item)), isBatch: true };
}

function single(call: Call): Request {
  return { calls: [call], isBatch: false };
}

/** The older dialect has no batches. */
function parseBatchCall(value: Json): Call {
  if (isObject(value) && property(value, "jsonrpc") === "2.0") return parseCall(value);
  return failedCall(null, RPC_ERROR.invalidRequest, "A call of a batch must be JSON-RPC 2.0");
}

function parseCall(value: Json): Call {
  if (!isObject(value)) {
    return failedCall(null, RPC_ERROR.invalidRequest, "A request must be an object");
  }
  const version = property(value, "jsonrpc");
  if (version === undefined) return parseLegacy(value);
  const id = property(value, "id");
  if (version !== "2.0") {
    return failedCall(null, RPC_ERROR.invalidRequest, "The JSON-RPC version must be 2.0");
  }
  if (id !== undefined && id !== null && typeof id !== "string" && typeof id !== "number") {
    return failedCall(null, RPC_ERROR.invalidRequest, "The id must be a string, a number or null");
  }
  const method = property(value, "method");
  if (typeof method !== "string") {
    return failedCall(id, RPC_ERROR.invalidRequest, "The method must be a string");
  }
  const params = property(value, "params") ?? {};
  const command = isObject(params)
    ? readCommand(method, params)
    : failure(RPC_ERROR.invalidParams, "The params must be an object");
  return { dialect: "jsonrpc", id, isNotification: id === undefined, command };
}

function parseLegacy(value: JsonObject): Call {
  const method = property(value, "method");
  const params = property(value, "arguments") ?? {};
  let command: Call["command"];
  if (typeof method !== "string") {
    command = failure(RPC_ERROR.methodNotFound, "no method name");
  } else if (!isObject(params)) {
    command = failure(RPC_ERROR.invalidParams, "The arguments must be an object");
  } else {
    command = readCommand(method, params);
  }
  return { dialect: "legacy", id: property(value, "tag"), isNotification: false, command };
}

function failedCall(id: Json | undefined, code: number, message: string): Call {
  return { dialect: "jsonrpc", id, isNotification: false, command: failure(code, message) };
}

function failure(
  code: number,
  message: string,
): { readonly ok: false; readonly error: RpcFailure } {
  return fail({ code, message });
}

/**
 * The body of the answer: one outcome for each call, in their order. Undefined when no client waits
 * for one, which HTTP says with 204.
 */
export function formatAnswer(
  request: Request,
  outcomes: readonly RpcOutcome[],
): string | undefined {
  const answers: Json[] = [];
  for (const [index, call] of request.calls.entries()) {
    if (!call.isNotification) answers.push(answerOf(call, outcomes[index]!));
  }
  if (answers.length === 0) return undefined;
  return JSON.stringify(request.isBatch ? answers : answers[0]!);
}

function answerOf(call: Call, outcome: RpcOutcome): Json {
  return call.dialect === "legacy" ? legacyAnswer(call, outcome) : jsonRpcAnswer(call, outcome);
}

function jsonRpcAnswer({ id = null }: Call, outcome: RpcOutcome): Json {
  if (outcome.ok) return { jsonrpc: "2.0", result: outcome.result, id };
  const { code, message, result } = outcome.error;
  const data = { error_string: message, ...(result === undefined ? {} : { result }) };
  return {
    jsonrpc: "2.0",
    error: { code, message: ERROR_TITLES[code] ?? message, data },
    id,
  };
}

function legacyAnswer({ id, command }: Call, outcome: RpcOutcome): Json {
  const method = command.ok ? command.value.method : "";
  const given = outcome.ok ? outcome.result : outcome.error.result ?? {};
  return {
    arguments: legacyResult(method, given),
    result: outcome.ok ? "success" : outcome.error.message,
    ...(id === undefined ? {} : { tag: id }),
  };
}

/** The answer to `method` respelled. The torrents of `torrent_get` are in the right one already. */
function legacyResult(method: string, result: JsonObject): Json {
  if (method === "torrent_get") return result;
  const renamed = renameKeys(result, (key) => legacyKey(method, key));
  return method === "session_get" && isObject(renamed) && renamed.encryption === "allowed"
    ? { ...renamed, encryption: "tolerated" }
    : renamed;
}
