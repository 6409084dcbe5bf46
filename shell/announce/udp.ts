/**
 * An announce over UDP on one address family: connect, announce, and BEP 15's patience with lost
 * packets. Where a host has several addresses, the next is asked to connect when one stays silent for
 * a while; the first to answer gets the announce.
 */
import { addressText } from "../../core/bytes/address.ts";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { canonicalIp, IPV4_SIZE, parseIp } from "../../core/bytes/ip.ts";
import { isLocalIp } from "../../core/bytes/local_address.ts";
import { fail, type Failure, ok } from "../../core/bytes/result.ts";
import { describeRefusal } from "../../core/tracker/answer.ts";
import type { AnnounceError, AnnounceResult } from "../../core/tracker/types.ts";
import {
  ATTEMPTS_MAX,
  CONNECTION_ID_LIFE_MS,
  decodeUdpAnswer,
  encodeAnnounceRequest,
  encodeConnectRequest,
  type UdpAnswer,
  udpTimeoutMs,
} from "../../core/tracker/udp_codec.ts";
import type { AnnounceContext } from "./announce.ts";
import { endpointOf } from "./host.ts";
import { orAbort, sleepOrAbort } from "./wait.ts";

/** How long one address may be silent before the next of the host is asked as well. */
const STAGGER_MS = 3_000;
/** What a tracker at a local address may be told of the URL's path; it is never refused for it. */
const LOCAL_URL_DATA = "/announce";

interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly version: IpVersion;
  /** To send from; undefined for whatever the system picks. */
  readonly from: string | undefined;
}

interface Connection {
  readonly id: Uint8Array;
  readonly expiresAt: number;
}

/** One socket that talks to one endpoint. */
interface Channel {
  /** Sends a packet; undefined when neither its answer nor an error comes within the time. */
  ask(
    kind: UdpAnswer["kind"],
    encode: (transactionId: number) => Uint8Array,
    timeoutMs: number,
  ): Promise<UdpAnswer | undefined>;
  /** An `ask` under way ends without an answer. */
  close(): void;
}

/** By address and port: a tracker of many torrents is asked to connect once a minute. */
const connections = new Map<string, Connection>();

/** Rejects when the network fails or the signal aborts; the caller finds the words. */
export async function announceUdp(
  url: string,
  version: IpVersion,
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
  const exchanges = addresses.map(async (ip, i) => {
    if (i > 0) await sleepOrAbort(i * STAGGER_MS * udpTimeScale, ended);
    const channel = openChannel({ ip, port, version, from });
    try {
      const claim = () => (claimedBy ??= ip) === ip;
      const data = pathname + search;
      const urlData = context.allowLocal || !isLocalIp(ip) || data === LOCAL_URL_DATA ? data : "";
      const encode = (id: Uint8Array, transactionId: number) =>
        encodeAnnounceRequest(id, transactionId, request, urlData, announceIp);
      const exchanging = exchange(
        channel,
        { ip, port, version, from },
        encode,
        claim,
        udpTimeScale,
      );
      return await orAbort(exchanging, ended);
    } finally {
      channel.close();
    }
  });
  try {
    return await Promise.any(exchanges);
  } catch (error) {
    throw (error as AggregateError).errors[0];
  } finally {
    race.abort();
  }
}

/**
 * Spec: BEP 15, time outs: the wait doubles with every packet that stays without an answer, and a
 * connection id that has expired meanwhile is asked for again. One from an earlier announce is dropped
 * at the first silence: a tracker that was started again may ignore it without a word.
 */
async function exchange(
  channel: Channel,
  endpoint: Endpoint,
  encode: (connectionId: Uint8Array, transactionId: number) => Uint8Array,
  claim: () => boolean,
  timeScale: number,
): Promise<AnnounceResult> {
  const key = `${addressText(endpoint)} ${endpoint.from ?? ""}`;
  const inherited = freshConnection(key);
  for (let attempt = 0; attempt < ATTEMPTS_MAX;) {
    const timeoutMs = udpTimeoutMs(attempt) * timeScale;
    const connection = freshConnection(key);
    const answer = connection === undefined
      ? await channel.ask("connect", encodeConnectRequest, timeoutMs)
      : await channel.ask("announce", (id) => encode(connection.id, id), timeoutMs);
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
    // A tracker that was started again knows no connection id from before.
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

function openChannel(endpoint: Endpoint): Channel {
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname: endpoint.from ?? (endpoint.version === 4 ? "0.0.0.0" : "::"),
    port: 0,
  });
  let waiting: {
    readonly transactionId: number;
    readonly kind: UdpAnswer["kind"];
    readonly deliver: (answer: UdpAnswer | undefined) => void;
  } | undefined;

  async function receive(): Promise<void> {
    for await (const [bytes, from] of socket) {
      if (from.transport !== "udp" || from.port !== endpoint.port) continue;
      if (canonicalIp(from.hostname) !== canonicalIp(endpoint.ip)) continue;
      const packet = decodeUdpAnswer(bytes, endpoint.version);
      if (!packet.ok || packet.value.transactionId !== waiting?.transactionId) continue;
      const { kind } = packet.value;
      if (kind === waiting.kind || kind === "error") waiting.deliver(packet.value);
    }
  }
  receive().catch(() => waiting?.deliver(undefined));

  return {
    async ask(kind, encode, timeoutMs) {
      const transactionId = crypto.getRandomValues(new Uint32Array(1))[0]!;
      const { promise, resolve: deliver } = Promise.withResolvers<UdpAnswer | undefined>();
      const timer = setTimeout(() => deliver(undefined), timeoutMs);
      waiting = { transactionId, kind, deliver };
      try {
        const to = { transport: "udp", hostname: endpoint.ip, port: endpoint.port } as const;
        await socket.send(encode(transactionId), to);
        return await promise;
      } finally {
        waiting = undefined;
        clearTimeout(timer);
      }
    },
    close() {
      waiting?.deliver(undefined);
      socket.close();
    },
  };
}

function failWith(code: AnnounceError["code"], message: string): Failure<AnnounceError> {
  return fail({ code, message });
}
