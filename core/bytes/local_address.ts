/**
 * What a torrent may make us ask on the user's own machine and network. A torrent is written by
 * others, and every URL in it is asked from inside: a router's or a printer's page would take such a
 * request for the user's own. So a server at a local address is asked only what a tracker or a web
 * seed is asked, and a server outside can't send us to one inside.
 *
 * The rule, for URLs out of torrents and magnet links:
 * - A tracker at a local address is asked on the path `/announce` or `/scrape`, without parameters
 *   other than those of BEP 3.
 * - A web seed at a local address has no query.
 * - A redirect from an address that is not local to one that is, is refused.
 *
 * An address counts, not a name: the caller resolves the name, asks this rule about the address that
 * it will connect to, and connects to that one.
 */
import { IPV4_SIZE, isLoopbackIp, isPrivateIp, parseIp } from "./ip.ts";

export type WebPurpose = "tracker" | "web-seed";

/** A request that is about to be made for a torrent. */
export interface WebRequest {
  readonly purpose: WebPurpose;
  /** Absolute, of http or https, its parameters included. */
  readonly url: string;
  /** The address that will be connected to. */
  readonly ip: string;
  /** Whether a request before it, of which this is the redirect, went to an address that is not local. */
  readonly isRedirectFromOutside: boolean;
}

/** Spec: BEP 3, BEP 7 (key, ip), BEP 23 (compact), BEP 48 (scrape). */
const TRACKER_PARAMETERS = [
  "info_hash",
  "peer_id",
  "port",
  "uploaded",
  "downloaded",
  "left",
  "compact",
  "no_peer_id",
  "numwant",
  "key",
  "event",
  "trackerid",
  "ip",
];
const TRACKER_PATHS = ["/announce", "/scrape"];

/**
 * Loopback, private and link-local networks, and "this network" (0.0.0.0/8, ::), which the system
 * takes for loopback. True for what is no address.
 */
export function isLocalIp(ip: string): boolean {
  const bytes = parseIp(ip);
  if (bytes === undefined) return true;
  if (isLoopbackIp(ip) || isPrivateIp(ip)) return true;
  return bytes.length === IPV4_SIZE ? bytes[0] === 0 : bytes.every((byte) => byte === 0);
}

/** Why the rule forbids the request, in one sentence; undefined where it does not. */
export function refuseLocalRequest(request: WebRequest): string | undefined {
  const { purpose, url, ip, isRedirectFromOutside } = request;
  if (!isLocalIp(ip)) return undefined;
  if (isRedirectFromOutside) {
    return `A redirect to the local address ${ip} is not followed; --allow-local permits it`;
  }
  const parsed = URL.parse(url);
  const isAllowed = parsed !== null &&
    (purpose === "tracker"
      ? TRACKER_PATHS.includes(parsed.pathname) && hasTrackerParametersOnly(parsed.search)
      : parsed.search === "");
  if (isAllowed) return undefined;
  const what = purpose === "tracker"
    ? "A tracker at a local address is asked on the path /announce alone, without other parameters"
    : "A web seed at a local address is asked without a query";
  return `${what} (${ip}); --allow-local permits it`;
}

/** None of another name, and none twice. */
function hasTrackerParametersOnly(search: string): boolean {
  const parts = search.slice(1).split("&").filter((part) => part !== "");
  const names = parts.map((part) => part.split("=", 1)[0]!);
  return names.every((name) => TRACKER_PARAMETERS.includes(name)) &&
    new Set(names).size === names.length;
}
