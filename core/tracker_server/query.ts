/**
 * The query of an announce or a scrape, byte for byte: info hashes and peer ids are raw bytes behind
 * percent escapes, so nothing here goes through text decoding. Each parameter is checked when it is
 * there; an error is a sentence for whoever wrote the client.
 */
import { bytesOfByteText } from "../bencode/node.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { infoHashFromBytes } from "../metainfo/info_hash.ts";
import type { InfoHash } from "../metainfo/types.ts";
import { percentDecode } from "../tracker/percent.ts";
import type { AnnounceEvent } from "../tracker/types.ts";
import type { AnnounceQuery } from "./announce.ts";

/** An announce takes about 350 characters, each info hash of a scrape 71. */
export const QUERY_LENGTH_MAX = 8_192;
/** Clients send 8 characters. */
export const KEY_LENGTH_MAX = 64;
/** As many as a UDP scrape may name. Spec: BEP 15, scrape. */
export const SCRAPE_HASHES_MAX = 74;

const HASH_SIZE = 20;
/** Digits of 2^64: some clients send the largest 64-bit number for a size that they don't know yet. */
const COUNT_DIGITS_MAX = 20;
const PORT_MAX = 65_535;

const EVENTS: readonly string[] = ["started", "completed", "stopped"] satisfies AnnounceEvent[];

export interface HttpAnnounceQuery extends AnnounceQuery {
  /** Spec: BEP 23; compact unless told otherwise. */
  readonly compact: boolean;
  /** Dictionary answers carry peer ids. */
  readonly wantsPeerIds: boolean;
}

/** Values of each parameter as found, still escaped. */
type Parameters = ReadonlyMap<string, readonly string[]>;

/**
 * Reads the part of an announce URL after "?". Unknown parameters and events are ignored.
 *
 * Spec: BEP 3, tracker GET requests. Errors: a sentence.
 */
export function parseAnnounceQuery(query: string): Result<HttpAnnounceQuery, string> {
  const parameters = splitQuery(query);
  if (!parameters.ok) return parameters;
  const values: Record<string, string | undefined> = {};
  for (const name of NAMES) {
    const found = parameters.value.get(name) ?? [];
    if (found.length > 1) return fail(`${name} is given more than once`);
    if (found.length === 0) continue;
    const value = percentDecode(found[0]!);
    if (value === undefined) return brokenEscape(name);
    values[name] = value;
  }

  const { info_hash: hash, peer_id: peerId, port, left, numwant, key, event } = values;
  const problem = sizeProblem("info_hash", hash) ?? sizeProblem("peer_id", peerId) ??
    (port === undefined ? "port is missing" : undefined) ??
    (left === undefined ? "left is missing" : undefined) ??
    COUNTS.map((name) => countProblem(name, values[name])).find(Boolean);
  if (problem !== undefined) return fail(problem);
  if (Number(port) < 1 || Number(port) > PORT_MAX) {
    return fail(`port must be a number from 1 to ${PORT_MAX}`);
  }
  if (key !== undefined && key.length > KEY_LENGTH_MAX) {
    return fail(`key is longer than ${KEY_LENGTH_MAX} bytes`);
  }
  return ok({
    infoHash: infoHashFromBytes(bytesOfByteText(hash!)),
    peerId: peerId!,
    key,
    port: Number(port),
    isComplete: Number(left) === 0,
    event: EVENTS.includes(event ?? "") ? event as AnnounceEvent : undefined,
    numWant: numwant === undefined ? undefined : Number(numwant),
    ip: values.ip,
    compact: values.compact !== "0",
    wantsPeerIds: values.no_peer_id !== "1",
  });
}

/** Reads the info hashes after "?" of a scrape URL. Spec: BEP 48. Errors: a sentence. */
export function parseScrapeQuery(query: string): Result<InfoHash[], string> {
  const parameters = splitQuery(query);
  if (!parameters.ok) return parameters;
  const found = parameters.value.get("info_hash") ?? [];
  if (found.length > SCRAPE_HASHES_MAX) {
    return fail(`A scrape may name ${SCRAPE_HASHES_MAX} info hashes, not ${found.length}`);
  }
  const hashes: InfoHash[] = [];
  for (const escaped of found) {
    const hash = percentDecode(escaped);
    if (hash === undefined) return brokenEscape("info_hash");
    const problem = sizeProblem("info_hash", hash);
    if (problem !== undefined) return fail(problem);
    hashes.push(infoHashFromBytes(bytesOfByteText(hash)));
  }
  return hashes.length > 0 ? ok(hashes) : fail("info_hash is missing");
}

const COUNTS = ["port", "left", "uploaded", "downloaded", "numwant"] as const;
const NAMES = [
  ...COUNTS,
  "info_hash",
  "peer_id",
  "key",
  "event",
  "ip",
  "compact",
  "no_peer_id",
] as const;

function splitQuery(query: string): Result<Parameters, string> {
  if (query.length > QUERY_LENGTH_MAX) {
    return fail(`The query is longer than ${QUERY_LENGTH_MAX} characters`);
  }
  const parameters = new Map<string, string[]>();
  for (const part of query.split("&")) {
    const equals = part.indexOf("=");
    if (equals < 0) continue;
    const name = part.slice(0, equals);
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [part.slice(equals + 1)]);
    else values.push(part.slice(equals + 1));
  }
  return ok(parameters);
}

function brokenEscape(name: string): Result<never, string> {
  return fail(`${name} is not escaped properly, write each byte as itself or as %XX`);
}

function sizeProblem(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return `${name} is missing`;
  if (value.length !== HASH_SIZE) return `${name} must be ${HASH_SIZE} bytes, not ${value.length}`;
}

function countProblem(name: string, value: string | undefined): string | undefined {
  if (value === undefined || /^\d+$/.test(value) && value.length <= COUNT_DIGITS_MAX) {
    return undefined;
  }
  return `${name} must be a number, 0 or more and below 2^64`;
}
