/**
 * Who may speak to the RPC port, decided from a request's head alone. A page of another site must
 * never reach it: neither by a name that it lets point here (Host), nor by a request that the
 * user's browser makes for it (Origin, Sec-Fetch-Site, the session id).
 *
 * Spec: Transmission 4.1, rpc-spec, section 2.2; Fetch, Origin and Sec-Fetch-Site.
 */
import { parseIp } from "../bytes/ip.ts";

/** What of a head matters here; each undefined when it is missing. */
export interface RequestHead {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly secFetchSite: string | undefined;
  readonly upgrade: string | undefined;
  /** A GET of what anyone may see: following a link there does no harm. */
  readonly isPublic: boolean;
}

/** HTTP status and one sentence. */
export interface Refusal {
  readonly status: number;
  readonly message: string;
}

/**
 * `allowedHosts`: names besides localhost and IP addresses under which the port is reached, lower
 * case. Undefined lets the request pass.
 */
export function checkHead(
  head: RequestHead,
  allowedHosts: readonly string[],
): Refusal | undefined {
  if (head.upgrade !== undefined) {
    return { status: 400, message: "Protocol upgrades are not served here" };
  }
  const host = head.host === undefined ? undefined : splitHost(head.host);
  if (host === undefined) {
    return { status: 400, message: "The Host header is missing or malformed" };
  }
  if (!isAllowedName(host.name, allowedHosts)) {
    const message = `The name ${JSON.stringify(host.name.slice(0, 100))} is not allowed to reach ` +
      "this daemon; allow it with --allow-host";
    return { status: 421, message };
  }
  const { origin, secFetchSite } = head;
  if (origin !== undefined && !isOwnOrigin(origin, host, allowedHosts)) {
    return { status: 403, message: "Cross-site requests are refused" };
  }
  // Without an origin a browser still says that another site made it ask.
  if (
    !head.isPublic && origin === undefined &&
    (secFetchSite === "cross-site" || secFetchSite === "same-site")
  ) {
    return { status: 403, message: "Cross-site requests are refused" };
  }
  return undefined;
}

interface HostName {
  /** Lower case, without port, brackets and a dot at its end. */
  readonly name: string;
  /** Name and port as sent, lower case. */
  readonly whole: string;
}

function splitHost(text: string): HostName | undefined {
  const whole = text.toLowerCase();
  const parts = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?$/.exec(whole);
  if (parts === null) return undefined;
  return { name: parts[1]!.replace(/^\[|\]$/g, "").replace(/\.$/, ""), whole };
}

/** An address can't be made to point elsewhere, so it needs no permission. */
function isAllowedName(name: string, allowed: readonly string[]): boolean {
  return name === "localhost" || parseIp(name) !== undefined || allowed.includes(name);
}

/** The page that this daemon served itself, or one behind a proxy whose name is allowed. */
function isOwnOrigin(origin: string, host: HostName, allowed: readonly string[]): boolean {
  if (!URL.canParse(origin)) return false;
  const url = new URL(origin);
  if (url.protocol !== "http:" && url.protocol !== "https:") return false;
  const defaultPort = url.protocol === "https:" ? ":443" : ":80";
  const isSame = url.host === host.whole || `${url.host}${defaultPort}` === host.whole;
  return isSame || allowed.includes(url.hostname.toLowerCase().replace(/\.$/, ""));
}

/** What a client shows to be let in. */
export type Credentials =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "password"; readonly user: string; readonly password: string };

/** Longer ones are no credentials. */
const AUTHORIZATION_LENGTH_MAX = 4096;

/**
 * The Authorization header; undefined when there is none that can be read.
 *
 * Spec: RFC 7617, section 2; RFC 6750, section 2.1.
 */
export function readAuthorization(header: string | undefined): Credentials | undefined {
  if (header === undefined || header.length > AUTHORIZATION_LENGTH_MAX) return undefined;
  const bearer = /^bearer +(\S+) *$/i.exec(header);
  if (bearer !== null) return { kind: "token", token: bearer[1]! };
  const basic = /^basic +(\S+) *$/i.exec(header);
  if (basic === null) return undefined;
  try {
    const pair = new TextDecoder().decode(Uint8Array.fromBase64(basic[1]!));
    const colon = pair.indexOf(":");
    if (colon < 0) return undefined;
    return { kind: "password", user: pair.slice(0, colon), password: pair.slice(colon + 1) };
  } catch {
    return undefined;
  }
}

/** Failed logins of one address. */
interface Failures {
  count: number;
  /** Monotonic ms. */
  lastMs: number;
}

/** Addresses that are remembered; the oldest one gives way. */
const ADDRESSES_MAX = 1000;

/** After that long without a failure an address starts over. */
const FORGET_MS = 10 * 60_000;

/** How often an address may guess once it is over the limit. */
const PAUSE_MS = 30_000;

/** Counts failed logins by address. Passwords only: a token can't be guessed. */
export interface LoginGuard {
  readonly failures: Map<string, Failures>;
}

/** A guard that has seen nothing. */
export function createLoginGuard(): LoginGuard {
  return { failures: new Map() };
}

/** Whether a password of this address is looked at; `limit` failures are free. */
export function mayTryLogin(
  { failures }: LoginGuard,
  address: string,
  limit: number,
  nowMs: number,
): boolean {
  const seen = failures.get(address);
  return seen === undefined || seen.count < limit || nowMs - seen.lastMs >= PAUSE_MS;
}

/** Notes how a login ended. */
export function noteLogin(
  { failures }: LoginGuard,
  address: string,
  isGood: boolean,
  nowMs: number,
): void {
  const seen = failures.get(address);
  failures.delete(address);
  if (isGood) return;
  const count = seen === undefined || nowMs - seen.lastMs > FORGET_MS ? 0 : seen.count;
  failures.set(address, { count: count + 1, lastMs: nowMs });
  if (failures.size > ADDRESSES_MAX) failures.delete(failures.keys().next().value!);
}
