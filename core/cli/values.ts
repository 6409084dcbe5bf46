/**
 * Readers of option values. An error completes the sentence `Option --port "x" ...`: what is wrong
 * with the text, then what to write instead.
 */
import type { TorrentFormat } from "../metainfo/identity.ts";
import type { PeerAddress } from "../bytes/address.ts";
import { formatIp, parseIp } from "../bytes/ip.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { BLOCK_SIZE } from "../metainfo/geometry.ts";
import { type Glob, parseGlob } from "../metainfo/glob.ts";
import { type Network, parseNetwork } from "../tracker_server/access/networks.ts";

export const PORT_MAX = 65_535;

/** Below this a block of 16 KiB takes longer than peers wait for one. Bytes a second. */
export const RATE_MIN = 1_000;

/** A petabyte a second: no machine needs a limit there, and the number stays exact. */
const RATE_MAX = 1e15;

/** Peers of other makes refuse torrents with longer pieces. */
export const PIECE_LENGTH_TYPED_MAX = 64 * 1024 * 1024;

/** A year: longer spans are typing mistakes, and timers overflow. */
const SECONDS_MAX = 365 * 24 * 60 * 60;

const RATIO_MAX = 1_000_000;

/** Longer contents have more pieces than a simulated swarm gets done. */
const CONTENT_SIZE_MAX = 100e9;

export interface ShareRule {
  /** 0..100, of the torrent's total size. 0 is no rule. */
  readonly percent: number;
  /** Never waive the debt. */
  readonly strict: boolean;
}

/** Where a tracker keeps its swarms: in its data file, nowhere but in memory, or in Redis. */
export type TrackerStore = "file" | "memory" | RedisUrl;

/** redis[s]://[USER:PASSWORD@]HOST[:PORT][/DATABASE], checked. */
export type RedisUrl = `redis://${string}` | `rediss://${string}`;

/** Any text but none. */
export function readText(text: string): Result<string, string> {
  return text === "" ? fail("is empty; give a value") : ok(text);
}

/** A whole number, 1 or more. */
export function readCount(text: string): Result<number, string> {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return count > 0 ? ok(count) : fail("is not a count; give a whole number of at least 1");
}

/** A reader of whole numbers from `least` to `most`. */
export function readWhole(least: number, most: number): (text: string) => Result<number, string> {
  return (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (number >= least && number <= most) return ok(number);
    return fail(`is not a whole number from ${least} to ${most}; give one`);
  };
}

/** 0..100, of a hundred; a percent sign may follow. */
export function readPercent(text: string): Result<number, string> {
  const percent = readDecimal(text.replace(/ ?%$/, ""));
  if (percent !== undefined && percent <= 100) return ok(percent);
  return fail("is not a percentage; give a number from 0 to 100");
}

/** Bytes of simulated content, 16 KiB to 100 GB; K, M and G are powers of 1000. */
export function readContentSize(text: string): Result<number, string> {
  const size = readSize(text, 1000);
  if (size !== undefined && size >= BLOCK_SIZE && size <= CONTENT_SIZE_MAX) return ok(size);
  return fail("is not a size from 16 KiB to 100 GB; give one such as 64M or 2G");
}

/** What a link carries, in bytes a second. */
export function readLinkRate(text: string): Result<number, string> {
  const rate = readRate(text);
  if (rate.ok && rate.value !== undefined) return ok(rate.value);
  return fail("is not a rate in bytes per second; give 1K or more, such as 500K or 1.5M");
}

/** 0..65535, decimal. */
export function readPort(text: string): Result<number, string> {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  return port <= PORT_MAX ? ok(port) : fail(`is not a port; give a number from 0 to ${PORT_MAX}`);
}

/** Bytes a second; K, M and G are powers of 1000, KiB and so on powers of 1024; `off` is no limit. */
export function readRate(text: string): Result<number | undefined, string> {
  if (text === "off") return ok(undefined);
  const rate = readSize(text, 1000);
  if (rate !== undefined && rate >= RATE_MIN && rate <= RATE_MAX) return ok(rate);
  return fail("is not a rate in bytes per second; give 1K or more, such as 500K or 1.5M, or off");
}

/** Bytes, a power of two from 16 KiB to 64 MiB; K and M are powers of 1024 here. */
export function readPieceLength(text: string): Result<number, string> {
  const size = readSize(text, 1024);
  const isPower = size !== undefined && Number.isInteger(Math.log2(size));
  if (isPower && size >= BLOCK_SIZE && size <= PIECE_LENGTH_TYPED_MAX) return ok(size);
  return fail("is not a piece length; give a power of two from 16K to 64M, such as 256K or 1M");
}

/** Which versions of BitTorrent a new torrent is for. */
export function readFormat(text: string): Result<TorrentFormat, string> {
  if (text === "v1" || text === "v2" || text === "hybrid") return ok(text);
  return fail("is not a format; give v1, v2 or hybrid");
}

/** Uploaded bytes over the torrent's size. */
export function readRatio(text: string): Result<number, string> {
  const ratio = readDecimal(text);
  if (ratio !== undefined && ratio <= RATIO_MAX) return ok(ratio);
  return fail("is not a ratio; give a number of 0 or more, such as 1.5");
}

/** Seconds on the command line, milliseconds out. */
export function readSecondsAsMs(text: string): Result<number, string> {
  const seconds = readDecimal(text);
  if (seconds !== undefined && seconds > 0 && seconds <= SECONDS_MAX) return ok(seconds * 1000);
  return fail("is not a number of seconds; give one above 0");
}

/** Minutes on the command line, milliseconds out. */
export function readMinutesAsMs(text: string): Result<number, string> {
  const minutes = readDecimal(text);
  if (minutes !== undefined && minutes * 60 <= SECONDS_MAX) return ok(minutes * 60_000);
  return fail("is not a number of minutes; give 0 or more");
}

/** Whole seconds, 1 to a day. */
export function readIntervalSeconds(text: string): Result<number, string> {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1 && seconds <= 86_400) return ok(seconds);
  return fail("is not an interval; give whole seconds from 1 to 86400");
}

/** `off`, `strict` (10, never waived), a percentage, or a percentage followed by `,strict`. */
export function readShareRule(text: string): Result<ShareRule, string> {
  if (text === "off") return ok({ percent: 0, strict: false });
  if (text === "strict") return ok({ percent: 10, strict: true });
  const strict = text.endsWith(",strict");
  const percent = readDecimal(text.replace(/,strict$/, "").replace(/%$/, ""));
  if (percent !== undefined && percent <= 100) return ok({ percent, strict });
  return fail("is not a share rule; give a percentage from 0 to 100, strict, 20,strict or off");
}

/** An address to listen on, canonical: an IP address, or `localhost` for 127.0.0.1. */
export function readHost(text: string): Result<string, string> {
  const bytes = parseIp(text === "localhost" ? "127.0.0.1" : text.replace(/^\[(.*)\]$/, "$1"));
  return bytes === undefined
    ? fail("is not an IP address; give one such as 127.0.0.1 or ::1")
    : ok(formatIp(bytes));
}

/** "192.0.2.1:6881" or "[2001:db8::1]:6881". */
export function readPeer(text: string): Result<PeerAddress, string> {
  const parts = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const bytes = parts === null ? undefined : parseIp(parts[1] ?? parts[2]!);
  const port = Number(parts?.[3]);
  if (bytes === undefined || port < 1 || port > PORT_MAX) {
    return fail("is not a peer; give IP:PORT, such as 192.0.2.1:6881 or [2001:db8::1]:6881");
  }
  return ok({ ip: formatIp(bytes), port });
}

/** HOST:PORT, of a name or an address. */
const HOST_AND_PORT = /^(?:[\p{L}\d.-]+|\[[\da-f:.]+\]):\d{1,5}$/iu;

/**
 * An http, https or udp URL. An http one without a path gets the customary "/announce"; HOST:PORT is
 * that of an http one.
 */
export function readTrackerUrl(typed: string): Result<string, string> {
  const text = HOST_AND_PORT.test(typed) ? `http://${typed}` : typed;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["http:", "https:", "udp:"].includes(url.protocol) || !url.hostname) {
    return fail("is not a tracker's URL; give one such as http://127.0.0.1:8000/announce");
  }
  const isBare = url.protocol !== "udp:" && url.pathname === "/" && url.search === "";
  return ok(isBare ? new URL("announce", url).href : text);
}

/** A tier of trackers: one URL, or several of equal rank behind commas. */
export function readTrackerTier(text: string): Result<readonly string[], string> {
  const urls: string[] = [];
  // A comma may be part of a URL; one before the next scheme is not.
  for (const part of text.split(/, *(?=[a-z]+:\/\/)/i)) {
    const url = readTrackerUrl(part);
    if (!url.ok) return url;
    urls.push(url.value);
  }
  return ok(urls);
}

/** An http or https URL under which the content can be fetched. Spec: BEP 19. */
export function readWebSeedUrl(text: string): Result<string, string> {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== "") return ok(text);
  return fail("is not a web seed URL; give one such as https://example.org/film.mkv");
}

/** A pattern for paths. */
export function readGlob(text: string): Result<Glob, string> {
  const glob = parseGlob(text);
  return glob === undefined
    ? fail("is not a pattern; give one such as *.tmp or cache/**")
    : ok(glob);
}

/** `file`, `memory` or the URL of a Redis or Valkey server. */
export function readTrackerStore(text: string): Result<TrackerStore, string> {
  if (text === "file" || text === "memory") return ok(text);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRedis = /^rediss?:\/\//.test(text) && url !== undefined && url.hostname !== "" &&
    /^(\/\d{0,5})?$/.test(url.pathname) && url.search === "" && url.hash === "";
  if (isRedis) return ok(text as RedisUrl);
  return fail("is not a store; give file, memory or redis://HOST:PORT");
}

/** A secret that fits into a header: characters that can be seen, without blanks. */
export function readToken(text: string): Result<string, string> {
  if (/^[\x21-\x7e]{8,200}$/.test(text)) return ok(text);
  return fail("is not a token; give 8 to 200 letters, digits or punctuation marks, without spaces");
}

/** Bytes, a whole number; undefined if `text` is no size. */
function readSize(text: string, base: 1000 | 1024): number | undefined {
  const parts = /^(\d{1,15}(?:\.\d{1,9})?)([KMG]?)(iB|B)?$/i.exec(text);
  if (parts === null) return undefined;
  const unit = parts[3]?.toLowerCase();
  const step = unit === "ib" ? 1024 : unit === "b" ? 1000 : base;
  const power = ["", "K", "M", "G"].indexOf(parts[2]!.toUpperCase());
  return Math.round(Number(parts[1]) * step ** power);
}

function readDecimal(text: string): number | undefined {
  return /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : undefined;
}

/** An address, or a range of them such as 10.0.0.0/8. */
export function readNetwork(text: string): Result<Network, string> {
  const network = parseNetwork(text);
  return network === undefined
    ? fail("is not a network; give one such as 10.0.0.0/8, or an address")
    : ok(network);
}
