/**
 * An announce over HTTP or HTTPS, on one address family. Over HTTP the connection goes to an address
 * that was looked up before and that the rule about local addresses has passed; the name is not
 * resolved again in between. Over HTTPS the runtime resolves it again, and a server that is not the
 * name's own is refused by its certificate before it sees a request. Redirects are followed by hand, and the answer is read piece by piece, so that neither
 * can go on for ever.
 */
import { readBounded } from "../net/read_bounded.ts";
import type { PeerAddress } from "../../core/bytes/address.ts";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { isLocalIp, refuseLocalRequest } from "../../core/bytes/local_address.ts";
import { fail, type Failure, ok } from "../../core/bytes/result.ts";
import { uniquePeers } from "../../core/tracker/answer.ts";
import {
  ANSWER_BYTES_MAX,
  buildAnnounceUrl,
  type NamedPeer,
  parseAnnounceAnswer,
} from "../../core/tracker/http_codec.ts";
import type { AnnounceError, AnnounceResult } from "../../core/tracker/types.ts";
import type { AnnounceContext } from "./context.ts";
import { endpointOf, resolveHost } from "./host.ts";
import { orAbort, sleepOrAbort } from "./wait.ts";

/** From http to https, to another host, to another path; more is a circle. */
const REDIRECTS_MAX = 5;
/** Long enough for a balancer to notice, short enough not to be felt. */
const RETRY_MS = 250;
/** Spec: RFC 9110, 410 Gone. */
const STATUS_GONE = 410;
/** Of 3xx, those that name another place. */
const REDIRECTS: readonly number[] = [300, 301, 302, 303, 307, 308];

/** The result of a request: an answer, or a redirect. */
type Reply = { readonly result: AnnounceResult } | { readonly location: string };

/** Rejects when the network fails or the signal aborts; the caller finds the words. */
export async function announceHttp(
  url: string,
  version: IpVersion,
  addresses: readonly string[],
  context: AnnounceContext,
): Promise<AnnounceResult> {
  let target = buildAnnounceUrl(url, context.request, context.announceIp);
  let ips = addresses;
  let wasOutside = false;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const allowed = allowedIps(target, ips, wasOutside, context);
    if (typeof allowed === "string") return fail({ code: "forbidden", message: allowed });
    const reply = await askOneOf(target, version, allowed, context);
    if ("result" in reply) return reply.result;
    wasOutside ||= !ips.every(isLocalIp);
    const next = URL.parse(reply.location, target);
    if (next === null || !/^https?:$/.test(next.protocol)) {
      return badAnswer("The tracker redirects to an invalid URL");
    }
    target = next.href;
    const found = resolveHost(endpointOf(target).host, context.lookup);
    ips = (await orAbort(found, context.signal)).get(version) ?? [];
    if (ips.length === 0) {
      return badAnswer(`The tracker redirects to a host that has no IPv${version} address`);
    }
  }
  return badAnswer(`The tracker redirects more than ${REDIRECTS_MAX} times`);
}

/** Whether the user's environment names a proxy for such a URL, through which the runtime asks. */
export function usesProxy(url: string): boolean {
  const names = new URL(url).protocol === "https:"
    ? ["HTTPS_PROXY", "ALL_PROXY"]
    : ["HTTP_PROXY", "ALL_PROXY"];
  return names.some((name) => Deno.env.get(name) || Deno.env.get(name.toLowerCase()));
}

/**
 * As `announceHttp` by way of the user's proxy, which resolves names itself: families are not told
 * apart, and the rule about local addresses sees what this machine's resolver says.
 */
export async function announceByProxy(
  url: string,
  context: AnnounceContext,
): Promise<AnnounceResult> {
  let target = buildAnnounceUrl(url, context.request, context.announceIp);
  let wasOutside = false;
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const addresses = await resolveHost(endpointOf(target).host, context.lookup)
      .catch(() => new Map<IpVersion, string[]>());
    const ips = [...addresses.values()].flat();
    const allowed = ips.length === 0 ? [] : allowedIps(target, ips, wasOutside, context);
    if (typeof allowed === "string") return fail({ code: "forbidden", message: allowed });
    const reply = await ask(target, undefined, context, context.signal);
    if ("result" in reply) return reply.result;
    wasOutside ||= !ips.every(isLocalIp);
    const next = URL.parse(reply.location, target);
    if (next === null || !/^https?:$/.test(next.protocol)) {
      return badAnswer("The tracker redirects to an invalid URL");
    }
    target = next.href;
  }
  return badAnswer(`The tracker redirects more than ${REDIRECTS_MAX} times`);
}

/** Those that may be asked, or why none may. */
function allowedIps(
  url: string,
  ips: readonly string[],
  isRedirectFromOutside: boolean,
  { allowLocal }: AnnounceContext,
): readonly string[] | string {
  if (allowLocal) return ips;
  const refusalOf = (ip: string) =>
    refuseLocalRequest({ purpose: "tracker", url, ip, isRedirectFromOutside });
  const allowed = ips.filter((ip) => refusalOf(ip) === undefined);
  return allowed.length > 0 ? allowed : refusalOf(ips[0]!)!;
}

/**
 * One address after the other until one answers, each with its share of the time that is left. A
 * tracker that fails during a request is often one of several behind one address, or back at once: a
 * second try finds it. An announce may be repeated safely.
 */
async function askOneOf(
  url: string,
  version: IpVersion,
  ips: readonly string[],
  context: AnnounceContext,
): Promise<Reply> {
  const { signal, deadline } = context;
  // Over HTTPS the runtime goes through the addresses by itself.
  const isOne = ips.length === 1 || url.startsWith("https:");
  const tries = isOne ? [ips[0]!, ips[0]!] : ips;
  for (const [i, ip] of tries.entries()) {
    const leftMs = deadline - performance.now();
    const share = AbortSignal.timeout(Math.max(1, Math.ceil(leftMs / (tries.length - i))));
    const isLast = i === tries.length - 1;
    const ended = isLast || isOne ? signal : AbortSignal.any([signal, share]);
    try {
      using shared = takeClient(version, context);
      return await ask(url, { client: shared.client, ip }, context, ended);
    } catch (error) {
      if (isLast || signal.aborted) throw error;
      if (isOne) await sleepOrAbort(RETRY_MS, signal);
    }
  }
  throw new Error("no address");
}

interface SharedClient {
  readonly client: Deno.HttpClient;
  users: number;
}

/** A client holds the system's certificates: one for all announces that are under way, not one for each. */
const clients = new Map<string, SharedClient>();

function takeClient(
  version: IpVersion,
  context: AnnounceContext,
): Disposable & { readonly client: Deno.HttpClient } {
  const key = `${version} ${context.localAddress ?? ""}`;
  const shared = clients.get(key) ?? { client: createClient(version, context), users: 0 };
  clients.set(key, shared);
  shared.users++;
  return {
    client: shared.client,
    [Symbol.dispose]() {
      if (--shared.users > 0) return;
      clients.delete(key);
      shared.client.close();
    },
  };
}

/** One that connects over the family alone: to bind to any of its addresses leaves out the other's. */
function createClient(version: IpVersion, { localAddress }: AnnounceContext): Deno.HttpClient {
  return Deno.createHttpClient({
    localAddress: localAddress ?? (version === 4 ? "0.0.0.0" : "::"),
    allowHost: true,
    http2: false,
    poolMaxIdlePerHost: 0,
  });
}

/** Where a request goes instead of wherever the runtime's resolver and the user's proxy lead. */
interface Pinned {
  readonly client: Deno.HttpClient;
  readonly ip: string;
}

async function ask(
  url: string,
  pinned: Pinned | undefined,
  context: AnnounceContext,
  signal: AbortSignal,
): Promise<Reply> {
  const target = new URL(url);
  // An idle connection would be half an hour old at the next announce.
  const headers = new Headers({ "user-agent": context.userAgent, connection: "close" });
  if (pinned !== undefined && target.protocol === "http:") {
    headers.set("host", target.host);
    target.hostname = pinned.ip.includes(":") ? `[${pinned.ip}]` : pinned.ip;
  }
  const response = await fetch(target, {
    ...(pinned === undefined ? {} : { client: pinned.client }),
    redirect: "manual",
    signal,
    headers,
  });
  const location = response.headers.get("location");
  if (location !== null && REDIRECTS.includes(response.status)) {
    await response.body?.cancel();
    return { location };
  }
  return { result: await readAnswer(response, context) };
}

async function readAnswer(response: Response, context: AnnounceContext): Promise<AnnounceResult> {
  const body = await readBounded(response.body, ANSWER_BYTES_MAX);
  if (body === undefined) {
    return badAnswer(`The tracker's answer is longer than ${ANSWER_BYTES_MAX} bytes`);
  }
  const isGone = response.status === STATUS_GONE;
  const parsed = parseAnnounceAnswer(body);
  // Some trackers put a failure reason behind a status of 4xx; it says more than the status.
  if (!parsed.ok && parsed.error.code === "refused") {
    return isGone ? fail({ ...parsed.error, isGone }) : parsed;
  }
  if (!response.ok) {
    const message = `The tracker answered with HTTP status ${response.status}`;
    const retryInSeconds = readRetryAfter(response.headers.get("retry-after"));
    return fail({
      code: "http-status",
      message,
      ...(isGone && { isGone }),
      ...(retryInSeconds !== undefined && { retryInSeconds }),
    });
  }
  if (!parsed.ok) return parsed;
  const { namedPeers = [], ...answer } = parsed.value;
  if (namedPeers.length === 0) return ok(answer);
  const named = await resolvePeers(namedPeers, context);
  return ok({ ...answer, peers: uniquePeers([...answer.peers, ...named]) });
}

/** Seconds; a date is left alone. Spec: RFC 9110, Retry-After. */
function readRetryAfter(header: string | null): number | undefined {
  return /^\d{1,9}$/.test(header ?? "") ? Number(header) : undefined;
}

/** Names that are not found are left out, and so are all that take longer than the announce may. */
async function resolvePeers(
  peers: readonly NamedPeer[],
  { lookup, signal }: AnnounceContext,
): Promise<PeerAddress[]> {
  const found: PeerAddress[] = [];
  const lookups = peers.map(async ({ host, port }) => {
    const addresses = await resolveHost(host, lookup).catch(() => undefined);
    for (const ips of addresses?.values() ?? []) found.push({ ip: ips[0]!, port });
  });
  await orAbort(Promise.all(lookups), signal).catch(() => {});
  return [...found];
}

function badAnswer(message: string): Failure<AnnounceError> {
  return fail({ code: "bad-answer", message });
}
