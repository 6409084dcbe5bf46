/**
 * Magnet links: reading those that people paste, and making those of torrents at hand.
 *
 * Policy where the BEPs are silent or links in the field differ:
 * - `&amp;` counts as `&`: links are copied out of the source of web pages.
 * - Parameters may be numbered (`xt.1`, `tr.2`); their order is kept, the number is not.
 * - Exact topics of other networks are ignored. Two different info hashes of one kind are refused:
 *   the link names two torrents.
 * - A `+` in the name is a space, as forms encode it; in URLs it stays a plus.
 * - Trackers, web seeds and peers that cannot be used are left out. A malformed `so` is refused, since
 *   ignoring it would download what was not asked for.
 * - Peers are IP addresses. A host name in `x.pe` is ignored: an untrusted link would make us
 *   resolve any name.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { addressText } from "../bytes/address.ts";
import { canonicalIp } from "../bytes/ip.ts";
import { fail, ok, type Result } from "../bytes/result.ts";
import { isTrackerUrl, isWebSeedUrl, URLS_MAX } from "./announce_urls.ts";
import { type Identity, type InfoHashV2, infoHashV2FromHex } from "./identity.ts";
import { infoHashFromBytes, infoHashFromHex } from "./info_hash.ts";
import type { Metainfo } from "./types.ts";
import type { InfoHash } from "./info_hash.ts";

/** A hundred trackers of ordinary length take 10 kB. */
export const MAGNET_LENGTH_MAX = 64 * 1024;
/** Peers named in one link; the rest is left out. */
export const MAGNET_PEERS_MAX = 100;
/** Ranges in `so`; a selection that is longer names its files some other way. */
export const SELECT_RANGES_MAX = 1_000;
/** Characters of a name that we keep. */
export const MAGNET_NAME_MAX = 255;

/** A file index has to fit a 32-bit signed number everywhere else, too. */
const FILE_INDEX_MAX = 0x7fff_ffff;
const PORT_MAX = 65_535;
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/** Multihash: SHA2-256 is code 0x12, its digest has 0x20 bytes. */
const MULTIHASH_SHA256 = "1220";

/** Indices into the torrent's files, both ends included. */
export interface IndexRange {
  readonly first: number;
  readonly last: number;
}

export interface Magnet {
  /** `btih` and `btmh`: one of them, or both of a hybrid torrent. */
  readonly identity: Identity;
  /** `dn`, for people until the metadata is here. */
  readonly name: string | undefined;
  /** `tr`: http, https and udp URLs, each once. */
  readonly trackers: readonly string[];
  /** `ws`: http and https URLs, each once. */
  readonly webSeeds: readonly string[];
  /** `x.pe`, each once. */
  readonly peers: readonly PeerAddress[];
  /** `so`: sorted, neither overlapping nor adjacent; undefined selects everything. */
  readonly selectOnly: readonly IndexRange[] | undefined;
}

export interface MagnetError {
  readonly code:
    | "not-a-magnet"
    | "magnet-too-long"
    | "info-hash-missing"
    | "info-hash-invalid"
    | "info-hash-conflict"
    | "select-only-invalid";
  /** The offending text; empty for "info-hash-missing". At most 100 characters. */
  readonly found: string;
}

const FOUND_LENGTH_MAX = 100;

/** Whether `text` claims to be a magnet link. */
export function isMagnet(text: string): boolean {
  return /^magnet:/i.test(text.trimStart());
}

/**
 * Reads a magnet link. Errors: see `MagnetError`.
 *
 * Spec: BEP 9, magnet URI format; BEP 53, select only; BEP 19 clients' `ws`.
 */
export function parseMagnet(text: string): Result<Magnet, MagnetError> {
  const link = text.trim();
  if (link.length > MAGNET_LENGTH_MAX) return failWith("magnet-too-long", link);
  if (!/^magnet:\?/i.test(link)) return failWith("not-a-magnet", link);

  let v1: InfoHash | undefined;
  let v2: InfoHashV2 | undefined;
  let name: string | undefined;
  let selectOnly: IndexRange[] | undefined;
  const trackers = new Set<string>();
  const webSeeds = new Set<string>();
  const peers = new Map<string, PeerAddress>();
  for (const { key, value } of parametersOf(link)) {
    switch (key) {
      case "xt": {
        const topic = unescape(value) ?? value;
        if (/^urn:btih:/i.test(topic)) {
          const found = parseInfoHash(topic.slice("urn:btih:".length));
          if (found === undefined) return failWith("info-hash-invalid", topic);
          if (v1 !== undefined && v1 !== found) return failWith("info-hash-conflict", topic);
          v1 = found;
        } else if (/^urn:btmh:/i.test(topic)) {
          const found = parseMultihash(topic.slice("urn:btmh:".length));
          if (found === undefined) return failWith("info-hash-invalid", topic);
          if (v2 !== undefined && v2 !== found) return failWith("info-hash-conflict", topic);
          v2 = found;
        }
        break;
      }
      case "dn":
        name ??= cleanName(unescape(value.replaceAll("+", " ")) ?? value);
        break;
      case "tr":
        addUrl(trackers, value, isTrackerUrl);
        break;
      case "ws":
        addUrl(webSeeds, value, isWebSeedUrl);
        break;
      case "x.pe": {
        const peer = parsePeerAddress(unescape(value) ?? "");
        if (peer !== undefined && peers.size < MAGNET_PEERS_MAX) peers.set(addressText(peer), peer);
        break;
      }
      case "so": {
        const ranges = parseSelectOnly(unescape(value) ?? "");
        if (ranges === undefined) return failWith("select-only-invalid", value);
        selectOnly = ranges;
        break;
      }
    }
  }
  if (v1 === undefined && v2 === undefined) return failWith("info-hash-missing", "");
  return ok({
    identity: { v1, v2 },
    name,
    trackers: [...trackers],
    webSeeds: [...webSeeds],
    peers: [...peers.values()],
    selectOnly,
  });
}

/**
 * The link that `parseMagnet` reads back as the same.
 *
 * Spec: BEP 9, magnet URI format; BEP 53.
 */
export function formatMagnet(magnet: Pick<Magnet, "identity"> & Partial<Magnet>): string {
  const parts: string[] = [];
  const { identity: { v1, v2 }, name, selectOnly } = magnet;
  if (v1 !== undefined) parts.push(`xt=urn:btih:${v1}`);
  if (v2 !== undefined) parts.push(`xt=urn:btmh:${MULTIHASH_SHA256}${v2}`);
  if (name !== undefined) parts.push(`dn=${encodeURIComponent(name)}`);
  for (const url of magnet.trackers ?? []) parts.push(`tr=${encodeURIComponent(url)}`);
  for (const url of magnet.webSeeds ?? []) parts.push(`ws=${encodeURIComponent(url)}`);
  for (const peer of magnet.peers ?? []) parts.push(`x.pe=${addressText(peer)}`);
  if (selectOnly !== undefined) parts.push(`so=${selectOnly.map(rangeText).join(",")}`);
  return `magnet:?${parts.join("&")}`;
}

/**
 * The link under which others find the torrent: info hash, name, trackers and web seeds. A private
 * torrent's link works only if it names the tracker.
 *
 * Spec: BEP 9, magnet URI format.
 */
export function magnetLink(
  metainfo:
    & Pick<Metainfo, "identity" | "name" | "announceTiers">
    & Partial<Pick<Metainfo, "webSeeds">>,
): string {
  const { identity, name, announceTiers, webSeeds } = metainfo;
  return formatMagnet({ identity, name, trackers: announceTiers.flat(), webSeeds });
}

/** What is wrong with a link, as the end of a sentence. */
export function describeMagnetError({ code, found }: MagnetError): string {
  switch (code) {
    case "not-a-magnet":
      return "it does not begin with magnet:?";
    case "magnet-too-long":
      return `it is longer than ${MAGNET_LENGTH_MAX} characters`;
    case "info-hash-missing":
      return "it names no BitTorrent info hash (xt=urn:btih: or xt=urn:btmh:)";
    case "info-hash-invalid":
      return `${found} is not an info hash; copy the whole link`;
    case "info-hash-conflict":
      return `it names two torrents; ${found} is the second`;
    case "select-only-invalid":
      return `so=${found} is not a list of file numbers`;
  }
}

/** "192.0.2.1:6881" or "[2001:db8::1]:6881"; undefined for anything else. Port 0 is refused. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const ip = canonicalIp(match[1] ?? match[2]!);
  const port = Number(match[3]);
  if (ip === undefined || port < 1 || port > PORT_MAX) return undefined;
  return { ip, port };
}

/** Whether file `index` is selected. */
export function isSelected(ranges: readonly IndexRange[] | undefined, index: number): boolean {
  return ranges === undefined ||
    ranges.some(({ first, last }) => first <= index && index <= last);
}

function* parametersOf(link: string): Generator<{ key: string; value: string }> {
  const query = link.slice(link.indexOf("?") + 1).split("#")[0]!;
  for (const part of query.replaceAll("&amp;", "&").split("&")) {
    const equals = part.indexOf("=");
    if (equals <= 0) continue;
    const key = part.slice(0, equals).toLowerCase().replace(/^(xt|tr|ws)\.\d+$/, "$1");
    yield { key, value: part.slice(equals + 1) };
  }
}

function parseInfoHash(text: string): InfoHash | undefined {
  return text.length === 32 ? fromBase32(text.toUpperCase()) : infoHashFromHex(text);
}

/** 32 characters of base32 are exactly 20 bytes. Spec: RFC 4648, section 6. */
function fromBase32(text: string): InfoHash | undefined {
  const bytes = new Uint8Array(20);
  let bits = 0, bitCount = 0, at = 0;
  for (const character of text) {
    const value = BASE32.indexOf(character);
    if (value < 0) return undefined;
    bits = (bits << 5) | value;
    bitCount += 5;
    if (bitCount >= 8) {
      bitCount -= 8;
      bytes[at++] = bits >>> bitCount;
      bits &= (1 << bitCount) - 1;
    }
  }
  return infoHashFromBytes(bytes);
}

function parseMultihash(text: string): InfoHashV2 | undefined {
  if (!text.startsWith(MULTIHASH_SHA256)) return undefined;
  return infoHashV2FromHex(text.slice(MULTIHASH_SHA256.length));
}

/** Sorted and merged; undefined unless it is a list of indices and ranges. */
function parseSelectOnly(text: string): IndexRange[] | undefined {
  const parts = text.split(",");
  if (parts.length > SELECT_RANGES_MAX) return undefined;
  const ranges: IndexRange[] = [];
  for (const part of parts) {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first || last > FILE_INDEX_MAX) return undefined;
    ranges.push({ first, last });
  }
  ranges.sort((a, b) => a.first - b.first);
  const merged: IndexRange[] = [];
  for (const range of ranges) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last + 1) merged.push(range);
    else {merged[merged.length - 1] = {
        first: before.first,
        last: Math.max(before.last, range.last),
      };}
  }
  return merged;
}

function rangeText({ first, last }: IndexRange): string {
  return first === last ? `${first}` : `${first}-${last}`;
}

function addUrl(urls: Set<string>, value: string, isUsable: (url: string) => boolean): void {
  const url = unescape(value)?.trim();
  if (url !== undefined && urls.size < URLS_MAX && isUsable(url)) urls.add(url);
}

/** Without the characters that would write on a terminal; undefined when nothing is left. */
function cleanName(text: string): string | undefined {
  const name = text.replace(/\p{C}/gu, "").trim();
  return name === "" ? undefined : [...name].slice(0, MAGNET_NAME_MAX).join("").trim();
}

/** Percent-decoded UTF-8; undefined when it is not. */
function unescape(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function failWith(code: MagnetError["code"], found: string) {
  return fail({ code, found: found.slice(0, FOUND_LENGTH_MAX) });
}
