/**
 * An announce over UDP on one address family: connect, announce, and BEP 15's patience with lost
 * packets. Where a host has several addresses, the next is asked to connect when one stays silent for
 * a while; the first to answer gets the announce.
 */
import { addressText } from "../../core/bytes/address.ts";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { IPV4_SIZE, parseIp } from "../../core/bytes/ip.ts";
import { isLocalIp } from "../../core/bytes/local_address.ts";
import { fail, type Failure, ok } from "../../core/bytes/result.ts";
import { describeRefusal } from "../../core/tracker/answer.ts";
import type { AnnounceError, AnnounceResult } from "../../core/tracker/types.ts";
import {
  ATTEMPTS_MAX,
  CONNECTION_ID_LIFE_MS,
  encodeAnnounceRequest,
  encodeConnectRequest,
  type UdpAnswer,
  udpTimeoutMs,
} from "../../core/tracker/udp_codec.ts";
import { UdpSocket } from "../net/udp_socket.ts";
import type { AnnounceContext } from "./context.ts";
import { endpointOf } from "./host.ts";
import { UdpAsker } from "./udp_asker.ts";
import { orAbort, sleepOrAbort } from "./wait.ts";

/** How long one address may be silent before the next of the host is asked as well. */
const STAGGER_MS = 3_000;
/** The part of the URL's path that a tracker at a local address may get; it is never refused for it. */
const LOCAL_URL_DATA = "/announce";

/** Sends a packet to one endpoint; undefined when neither its answer nor an error comes in time. */
type Ask = (
  kind: UdpAnswer["kind"],
  encode: (transactionId: number) => Uint8Array,
  timeoutMs: number,
) => Promise<UdpAnswer | undefined>;

interface Connection {
  readonly id: Uint8Array;
  readonly expiresAt: number;
}

/** By address and port: a tracker of many torrents is asked to connect once a minute. */
const connections = new Map<string, Connection>();

/** Rejects when the network fails or the signal aborts; the caller finds the words. */
export async function announceUdp(
  url: string,
  _version: IpVersion,
  addresses: readonly string[],
  context: AnnounceContext,
): Promise<AnnounceResult> {
  const { signal, request, udpTimeScale, localAddress: from } = context;
  const { pathname, search } = new URL(url);
  const port = endpointOf(url).port!;
  const claimedIp = context.announceIp === undefined ? undefined : parseIp(context.announceIp);
  const announceIp = claimedIp?.length === IPV4_SIZE ? claimedIp : undefined;

  let claimedBy: string | undefined;
  const race = new AbortController();
  const ended = AbortSignal.any([signal, race.signal]);
  const shared = context.udp?.();
  const own = shared === undefined ? UdpSocket.open(from, 0) : undefined;
  const asker = shared ?? new UdpAsker(own!);
  const exchanges = addresses.map(async (ip, i) => {
    if (i > 0) await sleepOrAbort(i * STAGGER_MS * udpTimeScale, ended);
    const claim = () => (claimedBy ??= ip) === ip;
    const data = pathname + search;
    const urlData = context.allowLocal || !isLocalIp(ip) || data === LOCAL_URL_DATA ? data : "";
    const encode = (id: Uint8Array, transactionId: number) =>
      encodeAnnounceRequest(id, transactionId, request, urlData, announceIp);
    const ask: Ask = (kind, encode, timeoutMs) =>
      asker.ask({ to: { ip, port }, kind, encode, timeoutMs: timeoutMs * udpTimeScale }, ended);
    return await orAbort(
      exchange(ask, `${addressText({ ip, port })} ${from ?? ""}`, encode, claim),
      ended,
    );
  });
  try {
    return await Promise.any(exchanges);
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    race.abort();
    own?.close();
  }
}

/**
 * Spec: BEP 15, time outs: the wait doubles with every packet that stays without an answer, and a
 * connection id that has expired meanwhile is asked for again. One from an earlier announce is dropped
 * at the first silence: a tracker that was started again may ignore it without a word.
 */
async function exchange(
  ask: Ask,
  key: string,
  encode: (connectionId: Uint8Array, transactionId: number) => Uint8Array,
  claim: () => boolean,
): Promise<AnnounceResult> {
  const inherited = freshConnection(key);
  for (let attempt = 0; attempt < ATTEMPTS_MAX;) {
    const timeoutMs = udpTimeoutMs(attempt);
    const connection = freshConnection(key);
    const answer = connection === undefined
      ? await ask("connect", encodeConnectRequest, timeoutMs)
      : await ask("announce", (id) => encode(connection.id, id), timeoutMs);
    if (answer === undefined) {
      attempt++;
      if (connection !== undefined && connection === inherited) connections.delete(key);
      continue;
    }
    if (!claim()) break;
    if (answer.kind === "announce") return ok(answer.answer);
    if (answer.kind === "connect") {
      remember(key, answer.connectionId);
      continue;
    }
    connections.delete(key);
    // A restarted tracker does not know earlier connection ids.
    if (connection !== undefined && connection === inherited) continue;
    return failWith("refused", describeRefusal(answer.message));
  }
  throw new Error("no answer");
}

function freshConnection(key: string): Connection | undefined {
  const connection = connections.get(key);
  return connection !== undefined && performance.now() < connection.expiresAt
    ? connection
    : undefined;
}

function remember(key: string, id: Uint8Array): void {
  const now = performance.now();
  for (const [old, { expiresAt }] of connections) {
    if (expiresAt <= now) connections.delete(old);
  }
  connections.set(key, { id, expiresAt: now + CONNECTION_ID_LIFE_MS });
}

function failWith(code: AnnounceError["code"], message: string): Failure<AnnounceError> {
  return fail({ code, message });
}
