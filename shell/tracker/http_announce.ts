/**
 * Announces and scrapes over HTTP, from the bytes of a request to the bytes of its answer, without
 * anything made on the way that would have to be thrown away again.
 */
import { type ByteWriter, writeBytes } from "../../core/bytes/byte_writer.ts";
import { canonicalIp, isLoopbackIp, isPrivateIp, parseIp } from "../../core/bytes/ip.ts";
import { addressText } from "../../core/bytes/address.ts";
import { formatIp } from "../../core/bytes/ip.ts";
import { toHex } from "../../core/bytes/hex.ts";
import type { Result } from "../../core/bytes/result.ts";
import {
  encodeFailure,
  encodeScrapeReply,
  writeAscii,
  writeCompactReply,
  writeDictionaryReply,
} from "../../core/tracker_server/http_codec.ts";
import { type HttpHead, startsAt, textOf } from "../../core/tracker_server/http_head.ts";
import { forwardedIp } from "../../core/tracker_server/networks.ts";
import {
  createHttpAnnounceQuery,
  readAnnounceQuery,
  readScrapeQuery,
} from "../../core/tracker_server/query.ts";
import type { AnnounceReply, SwarmCounts } from "../../core/tracker_server/types.ts";
import type { Client } from "./http_message.ts";
import { announce, nextIntervals, type Tracker } from "./tracker.ts";

/** Below it a body leaves in one packet anyway, and peers are not compressible. */
const GZIP_SIZE_MIN = 1_400;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const ANNOUNCE = bytesOf("GET /announce");
const SCRAPE = bytesOf("GET /scrape");
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

/** One query for all requests of all trackers: it lives no longer than a call. */
const query = createHttpAnnounceQuery();

/** As `HttpHandler.answerFast`: announces and scrapes by GET, and nothing else. */
export function answerFast(
  tracker: Tracker,
  bytes: Uint8Array,
  head: HttpHead,
  client: Client,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  const isAnnounce = startsAt(bytes, head.method.start, ANNOUNCE);
  if (!isAnnounce && !startsAt(bytes, head.method.start, SCRAPE)) return false;
  const pathEnd = head.method.start + (isAnnounce ? ANNOUNCE : SCRAPE).length;
  if (pathEnd !== head.target.end && bytes[pathEnd] !== QUESTION_MARK) return false;
  // A body that nobody asked for would be taken for the next request.
  if (head.contentLength > 0) return false;
  const queryAt = Math.min(pathEnd + 1, head.target.end);
  return isAnnounce
    ? answerAnnounce(tracker, bytes, queryAt, head, client, writer)
    : answerScrape(tracker, bytes, queryAt, head, writer);
}

function answerAnnounce(
  tracker: Tracker,
  bytes: Uint8Array,
  queryAt: number,
  head: HttpHead,
  client: Client,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  const { settings, counters } = tracker;
  const now = tracker.now();
  counters.http.announces++;
  const problem = readAnnounceQuery(bytes, queryAt, head.target.end, query);
  if (problem !== undefined) return refuse(tracker, problem, head.isLast, writer);
  const remoteIp = client.isTrustedProxy ? askerOf(tracker, bytes, head, client) : client.ip;
  query.ip = settings.trustsIpParam && query.claimedIp !== undefined
    ? trustedIp(query.claimedIp, remoteIp)
    : remoteIp;
  const { isCompact } = query;
  const { isLast, acceptsGzip } = head;
  const asked = settings.log && `${addressText({ ip: formatIp(query.ip), port: query.port })} ` +
      `${query.event ?? "announced"} ${toHex(query.infoHash)}`;
  const finish = (result: Result<AnnounceReply, string>): boolean | Promise<boolean> => {
    if (!result.ok) return refuse(tracker, result.error, isLast, writer);
    if (asked !== undefined) settings.log!(asked);
    const at = startAnswer(writer, isLast);
    const write = isCompact ? writeCompactReply : writeDictionaryReply;
    write(writer, result.value, nextIntervals(tracker), remoteIp);
    return endAnswer(writer, at, isLast, acceptsGzip);
  };
  const result = announce(tracker, query, remoteIp, now);
  return result instanceof Promise ? result.then(finish) : finish(result);
}

function answerScrape(
  tracker: Tracker,
  bytes: Uint8Array,
  queryAt: number,
  head: HttpHead,
  writer: ByteWriter,
): boolean | Promise<boolean> {
  const { backend, settings, counters } = tracker;
  counters.http.scrapes++;
  const { isLast, acceptsGzip } = head;
  const hashes = readScrapeQuery(bytes, queryAt, head.target.end);
  if (!hashes.ok) return refuse(tracker, hashes.error, isLast, writer);
  const finish = (swarms: Iterable<readonly [Uint8Array, SwarmCounts]>) => {
    const at = startAnswer(writer, isLast);
    writeBytes(writer, encodeScrapeReply(swarms));
    return endAnswer(writer, at, isLast, acceptsGzip);
  };
  if (hashes.value.length === 0) {
    const isAllowed = settings.allowsFullScrape && backend.scrapeAll !== undefined;
    if (!isAllowed) return refuse(tracker, "info_hash is missing", isLast, writer);
    return finish(backend.scrapeAll!());
  }
  const pair = (counts: readonly SwarmCounts[]) =>
    finish(hashes.value.map((hash, i) => [hash, counts[i]!] as const));
  const counts = backend.scrape(hashes.value, tracker.now());
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

/** A client's own word counts only where it can't send a swarm to a stranger's door. */
function trustedIp(claimed: string, remoteIp: Uint8Array): Uint8Array {
  const remote = formatIp(remoteIp);
  const ip = isLoopbackIp(remote) || isPrivateIp(remote) ? canonicalIp(claimed) : undefined;
  return ip === undefined ? remoteIp : parseIp(ip)!;
}

function refuse(tracker: Tracker, reason: string, isLast: boolean, writer: ByteWriter): boolean {
  tracker.counters.http.failures++;
  tracker.settings.log?.(`refused: ${reason}`);
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

function endAnswer(
  writer: ByteWriter,
  bodyAt: number,
  isLast: boolean,
  acceptsGzip: boolean,
): boolean | Promise<boolean> {
  if (acceptsGzip && writer.size - bodyAt >= GZIP_SIZE_MIN) return compress(writer, bodyAt, isLast);
  setLength(writer, bodyAt);
  return true;
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

/** Writes the answer anew, with its body packed. */
async function compress(writer: ByteWriter, bodyAt: number, isLast: boolean): Promise<boolean> {
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
