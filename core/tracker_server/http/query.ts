/**
 * The query of an announce or a scrape, byte for byte: info hashes and peer ids are raw bytes behind
 * percent escapes, so nothing here goes through text decoding. Each parameter is looked at once, where
 * it stands, and checked when it is there; an error is a sentence for the client's author.
 */
import { fail, ok, type Result } from "../../bytes/result.ts";
import type { AnnounceEvent } from "../../tracker/types.ts";
import { type AnnounceQuery, NUM_WANT_DEFAULT, NUM_WANT_MAX } from "../types.ts";

/** An announce takes about 350 characters, each info hash of a scrape 71. */
export const QUERY_LENGTH_MAX = 8_192;
/** Over HTTP as over UDP. Spec: BEP 15, scrape, "up to about 74 torrents". */
export const SCRAPE_HASHES_MAX = 74;

const HASH_SIZE = 20;
/** Digits of 2^64: some clients send the largest 64-bit number for a size that they don't know yet. */
const COUNT_DIGITS_MAX = 20;
const PORT_MAX = 65_535;

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
const DIGIT_0 = 0x30;
const DIGIT_9 = 0x39;
const ASCII_MAX = 0x7f;

/** An announce by HTTP; filled in again for each request. */
export interface HttpAnnounceQuery extends AnnounceQuery {
  infoHash: Uint8Array;
  peerId: Uint8Array;
  /** Set by the transport, which knows the trusted proxies. */
  ip: Uint8Array;
  port: number;
  isComplete: boolean;
  event: AnnounceEvent | undefined;
  numWant: number;
  wantsBothFamilies: boolean;
  wantsPeerIds: boolean;
  /** Spec: BEP 23; compact by default. */
  isCompact: boolean;
  /** The client's own word on its address. */
  claimedIp: string | undefined;
}

/** A query to fill in. */
export function createHttpAnnounceQuery(): HttpAnnounceQuery {
  return {
    infoHash: new Uint8Array(HASH_SIZE),
    peerId: new Uint8Array(HASH_SIZE),
    ip: new Uint8Array(0),
    port: 0,
    isComplete: false,
    event: undefined,
    numWant: NUM_WANT_DEFAULT,
    wantsBothFamilies: true,
    wantsPeerIds: false,
    isCompact: true,
    claimedIp: undefined,
  };
}

type Name =
  | "info_hash"
  | "peer_id"
  | "port"
  | "uploaded"
  | "downloaded"
  | "left"
  | "numwant"
  | "event"
  | "compact"
  | "no_peer_id"
  | "key"
  | "trackerid"
  | "ip";

interface Parameter {
  readonly name: Name;
  readonly bytes: Uint8Array;
  /** One bit, to notice what is missing and what is given twice. */
  readonly mark: number;
}

const NAMES: readonly Name[] = [
  // Required of every announce, then of those that do not say that they stop.
  "info_hash",
  "peer_id",
  "port",
  "left",
  "uploaded",
  "downloaded",
  "numwant",
  "event",
  "compact",
  "no_peer_id",
  "key",
  "trackerid",
  "ip",
];
const REQUIRED = 4;
const REQUIRED_TO_STOP = 2;
const MINUS = 0x2d;
const PARAMETERS = NAMES.map((name, i): Parameter => ({
  name,
  bytes: bytesOf(name),
  mark: 1 << i,
}));
/** Those that begin with each letter. */
const BY_LETTER: readonly (readonly Parameter[])[] = Array.from(
  { length: ASCII_MAX + 1 },
  (_, letter) => PARAMETERS.filter(({ bytes }) => bytes[0] === letter),
);
const INFO_HASH = PARAMETERS[0]!;
const EVENTS = (["started", "completed", "stopped", "paused"] satisfies AnnounceEvent[]).map((
  name,
) => ({
  name,
  bytes: bytesOf(name),
}));

/** What a byte is worth as a hexadecimal digit; 16 for what is none. */
const HEX_VALUES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 16 : value;
});

/**
 * Reads the part of an announce URL after "?", `bytes` from `start` to `end`, into `query`, all but its
 * `ip`. Unknown parameters and events are ignored, and of a
 * known one all but the first. A negative count is one that the client does not know. `stopped` needs
 * neither port nor left. Returns what is wrong, a sentence, or undefined.
 *
 * Spec: BEP 3, tracker GET requests; BEP 7; BEP 23.
 */
export function readAnnounceQuery(
  bytes: Uint8Array,
  start: number,
  end: number,
  query: HttpAnnounceQuery,
): string | undefined {
  if (end - start > QUERY_LENGTH_MAX) return tooLong();
  query.event = undefined;
  query.numWant = NUM_WANT_DEFAULT;
  query.wantsPeerIds = true;
  query.isCompact = true;
  query.claimedIp = undefined;
  query.port = 0;
  query.isComplete = false;
  let seen = 0;
  for (let at = start; at < end;) {
    const parameter = parameterAt(bytes, at, end);
    let stop = at;
    while (stop < end && bytes[stop] !== AMPERSAND) stop++;
    if (parameter !== undefined) {
      // Some clients repeat a parameter; the first one counts, whatever the others say.
      const isRepeated = (seen & parameter.mark) !== 0;
      seen |= parameter.mark;
      const valueAt = at + parameter.bytes.length + 1;
      const problem = isRepeated
        ? undefined
        : readValue(bytes, valueAt, stop, parameter.name, query);
      if (problem !== undefined) return problem;
    }
    at = stop + 1;
  }
  const required = query.event === "stopped" ? REQUIRED_TO_STOP : REQUIRED;
  for (let i = 0; i < required; i++) {
    if ((seen & (1 << i)) === 0) return `${NAMES[i]} is missing`;
  }
  if (query.isCompact) query.wantsPeerIds = false;
}

/** Reads the info hashes after "?" of a scrape URL; none asks for all. Spec: BEP 48. Errors: a sentence. */
export function readScrapeQuery(
  bytes: Uint8Array,
  start: number,
  end: number,
): Result<Uint8Array[], string> {
  if (end - start > QUERY_LENGTH_MAX) return fail(tooLong());
  const hashes: Uint8Array[] = [];
  for (let at = start; at < end;) {
    const isHash = parameterAt(bytes, at, end) === INFO_HASH;
    let stop = at;
    while (stop < end && bytes[stop] !== AMPERSAND) stop++;
    if (isHash) {
      if (hashes.length === SCRAPE_HASHES_MAX) {
        return fail(`A scrape may name ${SCRAPE_HASHES_MAX} info hashes and no more`);
      }
      const hash = new Uint8Array(HASH_SIZE);
      const problem = readTwenty(bytes, at + INFO_HASH.bytes.length + 1, stop, "info_hash", hash);
      if (problem !== undefined) return fail(problem);
      hashes.push(hash);
    }
    at = stop + 1;
  }
  return ok(hashes);
}

/** The parameter whose name and "=" stand at `at`. */
function parameterAt(bytes: Uint8Array, at: number, end: number): Parameter | undefined {
  for (const parameter of BY_LETTER[bytes[at]!] ?? []) {
    const { bytes: name } = parameter;
    const equals = at + name.length;
    if (equals >= end || bytes[equals] !== EQUALS) continue;
    let i = 1;
    while (i < name.length && bytes[at + i] === name[i]) i++;
    if (i === name.length) return parameter;
  }
}

function readValue(
  bytes: Uint8Array,
  at: number,
  end: number,
  name: Name,
  query: HttpAnnounceQuery,
): string | undefined {
  switch (name) {
    case "info_hash":
      return readTwenty(bytes, at, end, name, query.infoHash);
    case "peer_id":
      return readTwenty(bytes, at, end, name, query.peerId);
    case "uploaded":
    case "downloaded":
    case "left":
    case "port":
    case "numwant":
      return readCount(bytes, at, end, name, query);
    case "event":
      query.event = eventAt(bytes, at, end);
      return undefined;
    default:
      return readText(bytes, at, end, name, query);
  }
}

/** Undoes escapes; "+" is a space, as form encoders write it. */
function readTwenty(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Name,
  target: Uint8Array,
): string | undefined {
  let size = 0;
  for (let at = start; at < end; size++) {
    let byte = bytes[at++]!;
    if (byte === PERCENT) {
      if (at + 1 >= end) return brokenEscape(name);
      const high = HEX_VALUES[bytes[at]!]!, low = HEX_VALUES[bytes[at + 1]!]!;
      if (high === 16 || low === 16) return brokenEscape(name);
      byte = high * 16 + low;
      at += 2;
    } else if (byte === PLUS) {
      byte = SPACE;
    } else if (byte > ASCII_MAX) {
      return brokenEscape(name);
    }
    if (size < HASH_SIZE) target[size] = byte;
  }
  if (size !== HASH_SIZE) return `${name} must be ${HASH_SIZE} bytes, not ${size}`;
}

function readCount(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Name,
  query: HttpAnnounceQuery,
): string | undefined {
  // Sent by clients that do not know the number, or leave it to us.
  const isNegative = bytes[start] === MINUS && end > start + 1;
  let value = 0;
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === PERCENT || byte > ASCII_MAX) {
      // No client escapes digits, but it is allowed to.
      const text = unescape(bytes, start, end);
      if (text === undefined) return brokenEscape(name);
      return readCount(asciiBytes(text), 0, text.length, name, query);
    }
    if (byte < DIGIT_0 || byte > DIGIT_9) return notACount(name);
    value = value * 10 + (byte - DIGIT_0);
  }
  if (end === start || end - start > COUNT_DIGITS_MAX) return notACount(name);
  if (name === "left") query.isComplete = value === 0 && !isNegative;
  if (name === "numwant") {
    query.numWant = isNegative ? NUM_WANT_DEFAULT : Math.min(value, NUM_WANT_MAX);
  }
  if (name === "port") {
    if (isNegative || value < 1 || value > PORT_MAX) {
      return `port must be a number from 1 to ${PORT_MAX}`;
    }
    query.port = value;
  }
}

function readText(
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Name,
  query: HttpAnnounceQuery,
): string | undefined {
  const text = unescape(bytes, start, end);
  if (text === undefined) return brokenEscape(name);
  if (name === "compact") query.isCompact = text !== "0";
  if (name === "no_peer_id") query.wantsPeerIds = text !== "1";
  if (name === "ip") query.claimedIp = text;
}

/** Undefined for an unknown event. */
function eventAt(bytes: Uint8Array, start: number, end: number): AnnounceEvent | undefined {
  for (const { name, bytes: letters } of EVENTS) {
    if (end - start !== letters.length) continue;
    let i = 0;
    while (i < letters.length && bytes[start + i] === letters[i]) i++;
    if (i === letters.length) return name;
  }
}

/** Byte text without escapes; undefined when one is broken or a byte is none of ASCII. */
function unescape(bytes: Uint8Array, start: number, end: number): string | undefined {
  let text = "";
  for (let at = start; at < end; at++) {
    let byte = bytes[at]!;
    if (byte === PERCENT) {
      if (at + 2 >= end) return undefined;
      const high = HEX_VALUES[bytes[at + 1]!]!, low = HEX_VALUES[bytes[at + 2]!]!;
      if (high === 16 || low === 16) return undefined;
      byte = high * 16 + low;
      at += 2;
    } else if (byte > ASCII_MAX) {
      return undefined;
    }
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Without escapes any more: "%" stands for itself and is no digit. */
function asciiBytes(text: string): Uint8Array {
  return bytesOf(text).map((byte) => byte === PERCENT || byte > ASCII_MAX ? SPACE : byte);
}

function tooLong(): string {
  return `The query is longer than ${QUERY_LENGTH_MAX} characters`;
}

function brokenEscape(name: string): string {
  return `${name} is not escaped properly, write each byte as itself or as %XX`;
}

function notACount(name: string): string {
  return `${name} must be a number, 0 or more and below 2^64`;
}

/** A byte a character. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
