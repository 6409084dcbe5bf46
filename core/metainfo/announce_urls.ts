/**
 * Trackers and web seeds named in a `.torrent`. All of it is optional and much of it is wrong in the
 * field, so whatever cannot be used is left out instead of refusing the torrent.
 */
import { asList, asText, type BencodeNode, dictGet } from "../bencode/node.ts";

/** More trackers, or web seeds, than any honest torrent names; the rest is left out. */
export const URLS_MAX = 100;
/** Longer than any passkey needs. */
export const URL_LENGTH_MAX = 2048;

const TRACKER_SCHEME = /^(?:https?|udp):\/\//i;
const WEB_SEED_SCHEME = /^https?:\/\//i;
// deno-lint-ignore no-control-regex
const SPACE_OR_CONTROL = /[\s\x00-\x1f\x7f]/;

/**
 * Tiers of tracker URLs, each URL once, empty tiers dropped. A single `announce` counts when
 * `announce-list` names no usable tracker.
 *
 * Spec: BEP 3, announce; BEP 12, announce-list.
 */
export function parseAnnounceTiers(root: BencodeNode): string[][] {
  const seen = new Set<string>();
  const tiers = (asList(dictGet(root, "announce-list")) ?? [])
    .map((tier) => usableUrls(asList(tier) ?? [], TRACKER_SCHEME, seen))
    .filter((tier) => tier.length > 0);
  if (tiers.length > 0) return tiers;
  const announce = usableUrls([dictGet(root, "announce")], TRACKER_SCHEME, seen);
  return announce.length > 0 ? [announce] : [];
}

/**
 * HTTP URLs under which the content can be fetched: a list, or one string.
 *
 * Spec: BEP 19, url-list.
 */
export function parseWebSeeds(root: BencodeNode): string[] {
  const urlList = dictGet(root, "url-list");
  return usableUrls(asList(urlList) ?? [urlList], WEB_SEED_SCHEME, new Set());
}

/** Whether `url` names a tracker that we can ask: http, https or udp. */
export function isTrackerUrl(url: string): boolean {
  return isUsable(url, TRACKER_SCHEME);
}

/** Whether `url` names a web server that we can ask for content: http or https. */
export function isWebSeedUrl(url: string): boolean {
  return isUsable(url, WEB_SEED_SCHEME);
}

/**
 * HTTP URLs of scripts that give out pieces.
 *
 * Spec: BEP 17, httpseeds.
 */
export function parseHttpSeeds(root: BencodeNode): string[] {
  return usableUrls(asList(dictGet(root, "httpseeds")) ?? [], WEB_SEED_SCHEME, new Set());
}

function usableUrls(
  nodes: readonly (BencodeNode | undefined)[],
  scheme: RegExp,
  seen: Set<string>,
): string[] {
  const urls: string[] = [];
  for (const node of nodes) {
    if (seen.size >= URLS_MAX) break;
    const url = asText(node)?.trim();
    if (url === undefined || seen.has(url) || !isUsable(url, scheme)) continue;
    seen.add(url);
    urls.push(url);
  }
  return urls;
}

function isUsable(url: string, scheme: RegExp): boolean {
  return url.length <= URL_LENGTH_MAX && scheme.test(url) && !SPACE_OR_CONTROL.test(url) &&
    URL.canParse(url);
}
