/** The addresses of a tracker's host, by family: each family is announced to by itself. */
import { lookup } from "node:dns/promises";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { canonicalIp, parseIp } from "../../core/bytes/ip.ts";

/** Of one family: a host with many is asked at few of them, one after the other. */
const ADDRESSES_MAX = 4;

/** Canonical addresses of one host, in the resolver's order. */
export type Addresses = ReadonlyMap<IpVersion, readonly string[]>;

/** All addresses of a host name, as text. Rejects when there are none. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** The system's resolver. */
export const systemLookup: Lookup = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** `host` without brackets; an address is its own. Rejects as `lookup` does. */
export async function resolveHost(host: string, lookup: Lookup): Promise<Addresses> {
  const literal = canonicalIp(host);
  const found = literal === undefined ? await lookup(host) : [literal];
  const byVersion = new Map<IpVersion, string[]>();
  for (const text of found) {
    const ip = canonicalIp(text);
    if (ip === undefined) continue;
    const version = versionOf(ip);
    const ips = byVersion.get(version) ?? [];
    if (ips.length < ADDRESSES_MAX && !ips.includes(ip)) byVersion.set(version, [...ips, ip]);
  }
  return byVersion;
}

/** Of canonical text. */
export function versionOf(ip: string): IpVersion {
  return ip.includes(":") ? 6 : 4;
}

/**
 * Host and port of a tracker's URL, of any scheme; international names as the resolver takes them.
 * The port is undefined where the URL names none.
 */
export function endpointOf(url: string): { host: string; port: number | undefined } {
  const { port, protocol } = new URL(url);
  // Only the schemes of the web have their host names encoded, and their addresses made canonical.
  const isWeb = protocol === "http:" || protocol === "https:";
  const { hostname } = isWeb ? new URL(url) : new URL(url.replace(/^[a-z]+:/i, "http:"));
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  if (port !== "") return { host, port: Number(port) };
  return { host, port: isWeb ? (protocol === "http:" ? 80 : 443) : undefined };
}

/** Every address there is, or none in particular. */
export function isWildcard(ip: string): boolean {
  return parseIp(ip)?.every((byte) => byte === 0) ?? false;
}
