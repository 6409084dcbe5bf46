/**
 * Announces and scrapes over HTTP, from the bytes of a request to the bytes of its answer, without
 * anything made on the way that would have to be thrown away again.
 */
import { type ByteWriter, writeBytes } from "../../../core/bytes/byte_writer.ts";
import {
  canonicalIp,
  formatIp,
  isLoopbackIp,
  isPrivateIp,
  parseIp,
} from "../../../core/bytes/ip.ts";
import type { Result } from "../../../core/bytes/result.ts";
import type { AnnounceEvent } from "../../../core/tracker/types.ts";
import {
  encodeFailure,
  encodeScrapeReply,
  writeAscii,
  writeCompactReply,
  writeDictionaryReply,
} from "../../../core/tracker_server/http/codec.ts";
import {
  acceptsGzip,
  type HttpHead,
  startsAt,
  textOf,
} from "../../../core/tracker_server/http/head.ts";
import { guardAnnounce } from "../../../core/tracker_server/access/flood_guard.ts";
import { forwardedIp } from "../../../core/tracker_server/access/networks.ts";
import {
  createHttpAnnounceQuery,
  readAnnounceQuery,
  readScrapeQuery,
} from "../../../core/tracker_server/http/query.ts";
import type { AnnounceReply, SwarmCounts } from "../../../core/tracker_server/types.ts";
import type { Client } from "./message.ts";
import {
  type Asker,
  describeAsker,
  recordAnnounce,
  recordInvalidAnnounce,
  recordScrape,
} from "../log/record.ts";
import { announce, nextIntervals, type Tracker } from "../tracker.ts";

/** Below it a body leaves in one packet anyway, and peers are not compressible. */
const GZIP_SIZE_MIN = 1_400;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const GET = bytesOf("GET ");
const ANNOUNCE = bytesOf("/announce");
const SCRAPE = bytesOf("/scrape");
const QUESTION_MARK = "?".charCodeAt(0);
const DIGIT_0 = "0".charCodeAt(0);
/** The size is filled in once it is known. */
const LENGTH_DIGITS = 9;
const LENGTH_BLANK = " ".repeat(LENGTH_DIGITS);
const HEADS = ["", "Connection: close\r\n"].map((connection) =>
  bytesOf(
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n${connection}` +
      `Content-Length: ${LENGTH_BLANK}\r\n\r\n`,
  )
);

/** One query for all requests of all trackers: it is used within one call only. */
const query = createHttpAnnounceQuery();

/** As `HttpHandler.answerFast`: announces and scrapes by GET, and nothing else. */
export function answerFast(
  tracker: Tracker,
  bytes: Uint8Array,
  head: HttpHead,
  client: Client,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  // A target in absolute form has its path further behind the method.
  if (!startsAt(bytes, head.method.start, GET)) return false;
  const isAnnounce = startsAt(bytes, head.target.start, ANNOUNCE);
  if (!isAnnounce && !startsAt(bytes, head.target.start, SCRAPE)) return false;
  const pathEnd = head.target.start + (isAnnounce ? ANNOUNCE : SCRAPE).length;
  if (pathEnd !== head.target.end && bytes[pathEnd] !== QUESTION_MARK) return false;
  // An unread body would be taken for the next request.
  if (head.contentLength > 0) return false;
  const queryAt = Math.min(pathEnd + 1, head.target.end);
  return isAnnounce
    ? answerAnnounce(tracker, bytes, queryAt, head, client, writer)
    : answerScrape(tracker, bytes, queryAt, head, client, writer);
}

function answerAnnounce(
  tracker: Tracker,
  bytes: Uint8Array,
  queryAt: number,
  head: HttpHead,
  client: Client,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  const { settings } = tracker;
  const now = tracker.now();
  const remoteIp = client.isTrustedProxy ? askerOf(tracker, bytes, head, client) : client.ip;
  const problem = readAnnounceQuery(bytes, queryAt, head.target.end, query);
  if (problem !== undefined) {
    recordInvalidAnnounce(tracker, "http", problem, now, remoteIp);
    return refuse(problem, head.isLast, writer);
  }
  query.ip = settings.trustsIpParam && query.claimedIp !== undefined
    ? trustedIp(query.claimedIp, remoteIp)
    : remoteIp;
  const asked = {
    event: query.event,
    isCompact: query.isCompact,
    isLast: head.isLast,
    remoteIp,
    startedAt: now,
    asker: describeAsker(tracker, query),
  };
  const result = announce(tracker, query, remoteIp, client.ownIp, now);
  if (result instanceof Promise) {
    const isPackable = acceptsGzip(bytes, head);
    return result.then((late) => {
      const bodyAt = writeReply(tracker, late, asked, writer);
      return isPackable && isLong(writer, bodyAt) ? pack(writer, bodyAt, asked.isLast) : true;
    });
  }
  const bodyAt = writeReply(tracker, result, asked, writer);
  if (!isLong(writer, bodyAt) || !acceptsGzip(bytes, head)) return true;
  return pack(writer, bodyAt, asked.isLast);
}

/** What of an announce still matters when its answer is there. */
interface Asked {
  readonly event: AnnounceEvent | undefined;
  readonly isCompact: boolean;
  readonly isLast: boolean;
  readonly remoteIp: Uint8Array;
  readonly startedAt: number;
  readonly asker: Asker | undefined;
}

/** Appends the answer; returns where its body begins. */
function writeReply(
  tracker: Tracker,
  result: Result<AnnounceReply, string>,
  { event, isCompact, isLast, remoteIp, startedAt, asker }: Asked,
  writer: ByteWriter,
): number {
  const bodyAt = startAnswer(writer, isLast);
  if (!result.ok) writeBytes(writer, encodeFailure(result.error));
  else {
    const write = isCompact ? writeCompactReply : writeDictionaryReply;
    write(writer, result.value, nextIntervals(tracker), remoteIp);
  }
  setLength(writer, bodyAt);
  recordAnnounce(tracker, "http", event, result, startedAt, asker);
  return bodyAt;
}

function answerScrape(
  tracker: Tracker,
  bytes: Uint8Array,
  queryAt: number,
  head: HttpHead,
  client: Client,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  const { backend, settings } = tracker;
  const now = tracker.now();
  const remoteIp = client.isTrustedProxy ? askerOf(tracker, bytes, head, client) : client.ip;
  const { isLast } = head;
  const isPackable = acceptsGzip(bytes, head);
  const refuseScrape = (reason: string) => {
    recordScrape(tracker, "http", reason, now, remoteIp);
    return refuse(reason, isLast, writer);
  };
  const excess = tracker.guard && guardAnnounce(tracker.guard, remoteIp, now);
  if (excess !== undefined) return refuseScrape(excess);
  const hashes = readScrapeQuery(bytes, queryAt, head.target.end);
  if (!hashes.ok) return refuseScrape(hashes.error);
  const finish = (swarms: Iterable<readonly [Uint8Array, SwarmCounts]>) => {
    const bodyAt = startAnswer(writer, isLast);
    writeBytes(writer, encodeScrapeReply(swarms));
    setLength(writer, bodyAt);
    recordScrape(tracker, "http", undefined, now, remoteIp);
    return isPackable && isLong(writer, bodyAt) ? pack(writer, bodyAt, isLast) : true;
  };
  if (hashes.value.length === 0) {
    const isAllowed = settings.allowsFullScrape && backend.scrapeAll !== undefined;
    if (!isAllowed) return refuseScrape("info_hash is missing");
    return finish(backend.scrapeAll!());
  }
  const pair = (counts: readonly SwarmCounts[]) =>
    finish(hashes.value.map((hash, i) => [hash, counts[i]!] as const));
  const counts = backend.scrape(hashes.value, now);
  return counts instanceof Promise ? counts.then(pair) : pair(counts);
}

/** Who asks through a proxy that we trust. */
function askerOf(
  { settings }: Tracker,
  bytes: Uint8Array,
  head: HttpHead,
  client: Client,
): Uint8Array {
  const ip = forwardedIp(textOf(bytes, head.forwardedFor), settings.trustedProxies ?? []);
  return ip === undefined ? client.ip : parseIp(ip)!;
}

/** A client may name its address only where this cannot direct a swarm at a victim. */
function trustedIp(claimed: string, remoteIp: Uint8Array): Uint8Array {
  const remote = formatIp(remoteIp);
  const ip = isLoopbackIp(remote) || isPrivateIp(remote) ? canonicalIp(claimed) : undefined;
  return ip === undefined ? remoteIp : parseIp(ip)!;
}

function refuse(reason: string, isLast: boolean, writer: ByteWriter): boolean {
  const at = startAnswer(writer, isLast);
  writeBytes(writer, encodeFailure(reason));
  setLength(writer, at);
  return true;
}

/** Appends the head of an answer; returns where its body begins. */
function startAnswer(writer: ByteWriter, isLast: boolean): number {
  writeBytes(writer, HEADS[isLast ? 1 : 0]!);
  return writer.size;
}

/** Whether packing could save anything. */
function isLong(writer: ByteWriter, bodyAt: number): boolean {
  return writer.size - bodyAt >= GZIP_SIZE_MIN;
}

/** Fills the blank in the head that ends at `bodyAt`. */
function setLength(writer: ByteWriter, bodyAt: number): void {
  let at = bodyAt - "\r\n\r\n".length - 1;
  let size = writer.size - bodyAt;
  do {
    writer.bytes[at--] = DIGIT_0 + size % 10;
    size = Math.floor(size / 10);
  } while (size > 0);
}

/** Rewrites the response with a compressed body. */
async function pack(writer: ByteWriter, bodyAt: number, isLast: boolean): Promise<boolean> {
  const body = writer.bytes.slice(bodyAt, writer.size);
  const packed = new Blob([body]).stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  writer.size = bodyAt - HEADS[isLast ? 1 : 0]!.length;
  writeAscii(
    writer,
    `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n` +
      `${isLast ? "Connection: close\r\n" : ""}Content-Length: ${bytes.length}\r\n\r\n`,
  );
  writeBytes(writer, bytes);
  return true;
}
