/**
 * One announce to one tracker: a request in, a result out, in a bounded time and memory. Nothing
 * here throws for what the network or the tracker does. When to announce is
 * `core/tracker/announcer.ts`.
 *
 * A host with addresses of both families is announced to on both at once, because a tracker names a
 * peer by the address that it came from. The first answer does not wait long for the second; one
 * that comes later is remembered, so that `stopped` goes wherever `started` went.
 *
 * Spec: BEP 7, IPv6 tracker extension.
 */
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import { fail, type Failure, ok } from "../../core/bytes/result.ts";
import { TEXT_LENGTH_MAX } from "../../core/tracker/answer.ts";
import { type FamilyResult, mergeFamilies } from "../../core/tracker/merge_answers.ts";
import type { AnnounceError, AnnounceRequest, AnnounceResult } from "../../core/tracker/types.ts";
import {
  type Addresses,
  endpointOf,
  isWildcard,
  type Lookup,
  resolveHost,
  systemLookup,
  versionOf,
} from "./host.ts";
import type { AnnounceContext } from "./context.ts";
import { announceByProxy, announceHttp, usesProxy } from "./http.ts";
import { announceUdp } from "./udp.ts";
import type { UdpAsker } from "./udp_asker.ts";
import { orAbort } from "./wait.ts";

/** From the dial to the last byte of an answer over HTTP; a busy tracker answers within seconds. */
export const HTTP_TIMEOUT_MS = 15_000;
/** Over UDP: the first two of BEP 15's waits, 15 s and 30 s, then it is the next tracker's turn. */
export const UDP_TIMEOUT_MS = 45_000;
/** How long the answer of one family waits for that of the other. */
const FAMILY_GRACE_MS = 2_000;
/**
 * Trackers and torrents with an answer that came after its grace period; the oldest are dropped.
 */
const LATE_MAX = 1_000;

export interface AnnounceOptions {
  /** Ends the announce at once, with `unreachable`. */
  readonly signal?: AbortSignal;
  /** For the whole exchange; HTTP_TIMEOUT_MS or UDP_TIMEOUT_MS unless given. */
  readonly timeoutMs?: number;
  /** "tt" unless given. */
  readonly userAgent?: string;
  /** Shortens the waits between packets for tests; 1 unless given. */
  readonly udpTimeScale?: number;
  /** How long the answer of one family waits for the other's; FAMILY_GRACE_MS unless given. */
  readonly familyGraceMs?: number;
  /**
   * The address to announce from. Then the other family is not announced on; of both families, from
   * whatever the system picks, unless given.
   */
  readonly localAddress?: string | undefined;
  /** The address that the tracker is to note for us. */
  readonly announceIp?: string | undefined;
  /** The rule about local addresses is lifted. */
  readonly allowLocal?: boolean | undefined;
  /** The process's UDP; each announce opens its own socket unless given. */
  readonly udp?: (() => UdpAsker | undefined) | undefined;
  /** The system's resolver unless given. */
  readonly lookup?: Lookup;
}

/** Families that answered `started` after their announce was reported, by tracker and torrent. */
const lateFamilies = new Map<string, Set<IpVersion>>();

/** Errors: every code of AnnounceError. */
export async function announce(
  url: string,
  request: AnnounceRequest,
  options: AnnounceOptions = {},
): Promise<AnnounceResult> {
  const scheme = URL.canParse(url) ? new URL(url).protocol : "";
  const isUdp = scheme === "udp:";
  if (!isUdp && scheme !== "http:" && scheme !== "https:") {
    return failWith("unsupported", "The tracker's URL is neither http, https nor udp");
  }
  if (isUdp && new URL(url).port === "") {
    return failWith("unsupported", "The tracker's UDP URL names no port");
  }

  const timeoutMs = options.timeoutMs ?? (isUdp ? UDP_TIMEOUT_MS : HTTP_TIMEOUT_MS);
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, timeoutMs);
  options.signal?.addEventListener("abort", abort);
  if (options.signal?.aborted) abort();
  const { localAddress: bound, userAgent = "tt", udpTimeScale = 1, announceIp } = options;
  const context: AnnounceContext = {
    request,
    signal: controller.signal,
    deadline: performance.now() + timeoutMs,
    userAgent,
    udpTimeScale,
    familyGraceMs: options.familyGraceMs ?? FAMILY_GRACE_MS,
    localAddress: bound === undefined || isWildcard(bound) ? undefined : bound,
    announceIp,
    allowLocal: options.allowLocal ?? false,
    udp: options.udp,
    lookup: options.lookup ?? systemLookup,
  };
  const describe = (error: unknown): AnnounceError => {
    if (options.signal?.aborted) return errorOf("unreachable", "The announce was stopped");
    if (controller.signal.aborted) {
      return errorOf("unreachable", `The tracker did not answer within ${timeoutMs / 1000} s`);
    }
    return errorOf("unreachable", describeNetworkError(error));
  };
  const finish = () => {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
  };
  try {
    controller.signal.throwIfAborted();
    if (!isUdp && usesProxy(url)) {
      const result = await announceByProxy(url, context);
      finish();
      return result;
    }
    const { host } = endpointOf(url);
    const found = await orAbort(resolveHost(host, context.lookup), controller.signal);
    const addresses = ofFamily(found, bound);
    if (addresses.size === 0) {
      finish();
      return failWith(
        "unreachable",
        `The tracker has no IPv${versionOf(bound ?? "")} address to be reached at from ${bound}`,
      );
    }
    return await announceOnEach(url, addresses, context, describe, finish);
  } catch (error) {
    finish();
    return fail(describe(error));
  }
}

/** Those of the family of the address that is announced from; all where there is none. */
function ofFamily(addresses: Addresses, bound: string | undefined): Addresses {
  if (bound === undefined || canonicalIp(bound) === "::") return addresses;
  const version = versionOf(bound);
  return new Map([...addresses].filter(([family]) => family === version));
}

/** `onEnd` is called when the last family is done, which may be after the result. */
async function announceOnEach(
  url: string,
  addresses: Addresses,
  context: AnnounceContext,
  describe: (error: unknown) => AnnounceError,
  onEnd: () => void,
): Promise<AnnounceResult> {
  const { request } = context;
  const key = `${request.infoHash} ${url}`;
  const startedOn = new Set([...request.startedOn ?? [], ...lateFamilies.get(key) ?? []]);
  const versions = request.event === "stopped" && startedOn.size > 0
    ? [...addresses.keys()].filter((version) => startedOn.has(version))
    : [...addresses.keys()];
  const isOnly = versions.length === 1;
  const results: FamilyResult[] = [];
  const first = Promise.withResolvers<void>();
  let isReported = false;
  const announceOne = async (version: IpVersion): Promise<void> => {
    const own = { ...context, request: requestOn(version, request, startedOn) };
    const send = new URL(url).protocol === "udp:" ? announceUdp : announceHttp;
    const announceIp = isOnly || context.announceIp === undefined ||
        versionOf(context.announceIp) === version
      ? context.announceIp
      : undefined;
    const result = await send(url, version, addresses.get(version)!, { ...own, announceIp })
      .catch((error) => fail(describe(error)));
    if (isReported && result.ok) rememberLate(key, version);
    else results.push({ version, result: fitForTerminal(result) });
    if (result.ok) first.resolve();
  };
  const all = Promise.all(versions.map(announceOne)).then(onEnd);
  if (versions.length > 1) {
    await Promise.race([all, first.promise]);
    if (results.length < versions.length) await graceOf(all, context.familyGraceMs);
  } else await all;
  isReported = true;
  if (request.event === "stopped") lateFamilies.delete(key);
  const merged = mergeFamilies(results);
  return merged.ok
    ? ok({ ...merged.value, families: familiesOf(key, merged.value.families ?? []) })
    : merged;
}

/**
 * A family on which the tracker does not know us yet gets `started`, whatever the others are but
 * for a partial seed, which tells that it is one each time.
 */
function requestOn(
  version: IpVersion,
  request: AnnounceRequest,
  startedOn: ReadonlySet<IpVersion>,
): AnnounceRequest {
  const isNew = startedOn.size > 0 && !startedOn.has(version);
  const isKept = request.event === "stopped" || request.event === "paused";
  return isNew && !isKept ? { ...request, event: "started" } : request;
}

async function graceOf(all: Promise<void>, graceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, graceMs);
  await Promise.race([all, promise]);
  clearTimeout(timer);
}

function rememberLate(key: string, version: IpVersion): void {
  const families = lateFamilies.get(key) ?? new Set();
  lateFamilies.delete(key);
  lateFamilies.set(key, families.add(version));
  if (lateFamilies.size > LATE_MAX) lateFamilies.delete(lateFamilies.keys().next().value!);
}

/** Those that answered now, and those whose answer came after its announce was reported. */
function familiesOf(key: string, answered: readonly IpVersion[]): IpVersion[] {
  const late = lateFamilies.get(key) ?? [];
  lateFamilies.delete(key);
  return [...new Set([...answered, ...late])];
}

function errorOf(code: AnnounceError["code"], message: string): AnnounceError {
  return { code, message };
}

function failWith(code: AnnounceError["code"], message: string): Failure<AnnounceError> {
  return fail(errorOf(code, message));
}

/** A URL of any length may be part of a message. */
function fitForTerminal(result: AnnounceResult): AnnounceResult {
  if (result.ok || result.error.message.length <= TEXT_LENGTH_MAX) return result;
  const message = `${result.error.message.slice(0, TEXT_LENGTH_MAX)}...`;
  return fail({ ...result.error, message });
}

/** The runtime reports causes only as text, at a place that varies between versions. */
function describeNetworkError(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  const words = `${error} ${cause ?? ""}`;
  if (/ENOTFOUND|EAI_AGAIN|dns error/.test(words)) {
    return "The tracker's host name could not be resolved; check the URL and the network";
  }
  if (/refused/.test(words)) return "The tracker refused the connection; is it running?";
  if (/certificate|InvalidContentType|tls/i.test(words)) {
    return "The tracker's secure connection could not be set up; check its URL";
  }
  const message = error instanceof Error ? error.message : String(error);
  return `The tracker could not be reached: ${message.replace(/\p{C}+/gu, " ")}`;
}
