/**
 * An announce over UDP: connect, announce, and BEP 15's patience with lost packets. A host with an
 * IPv4 and an IPv6 address is asked to connect on both; the first to answer gets the announce.
 */
import { lookup } from "node:dns/promises";
import { addressText } from "../../core/bytes/address.ts";
import type { IpVersion } from "../../core/bytes/compact_peers.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import { fail, type Failure, ok } from "../../core/bytes/result.ts";
import { describeRefusal } from "../../core/tracker/answer.ts";
import type { AnnounceError, AnnounceRequest, AnnounceResult } from "../../core/tracker/types.ts";
import {
  ATTEMPTS_MAX,
  CONNECTION_ID_LIFE_MS,
  decodeUdpAnswer,
  encodeAnnounceRequest,
  encodeConnectRequest,
  type UdpAnswer,
  udpTimeoutMs,
} from "../../core/tracker/udp_codec.ts";

interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly version: IpVersion;
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

/** Rejects when the network fails or `signal` aborts; the caller finds the words. */
export async function announceUdp(
  url: string,
  request: AnnounceRequest,
  signal: AbortSignal,
  timeScale: number,
): Promise<AnnounceResult> {
  const { hostname, port, pathname, search } = new URL(url);
  if (port === "") return failWith("unsupported", "The tracker's UDP URL names no port");
  const endpoints = await orAbort(resolve(hostname, Number(port)), signal);

  let claimedBy: Endpoint | undefined;
  const race = new AbortController();
  const ended = AbortSignal.any([signal, race.signal]);
  const exchanges = endpoints.map(async (endpoint) => {
    const channel = openChannel(endpoint);
    try {
      const claim = () => (claimedBy ??= endpoint) === endpoint;
      const encode = (id: Uint8Array, transactionId: number) =>
        encodeAnnounceRequest(id, transactionId, request, pathname + search);
      return await orAbort(exchange(channel, endpoint, encode, claim, timeScale), ended);
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

/** At most one address of each family, so that a host with many gets no more than two packets. */
async function resolve(hostname: string, port: number): Promise<Endpoint[]> {
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const byVersion = new Map<IpVersion, Endpoint>();
  for (const { address, family } of await lookup(host, { all: true })) {
    const version = family === 6 ? 6 : 4;
    if (!byVersion.has(version)) byVersion.set(version, { ip: address, port, version });
  }
  return [...byVersion.values()];
}

/**
 * Spec: BEP 15, time outs: the wait doubles with every packet that stays without an answer, and a
 * connection id that has expired meanwhile is asked for again.
 */
async function exchange(
  channel: Channel,
  endpoint: Endpoint,
  encode: (connectionId: Uint8Array, transactionId: number) => Uint8Array,
  claim: () => boolean,
  timeScale: number,
): Promise<AnnounceResult> {
  const key = addressText(endpoint);
  const inherited = freshConnection(key);
  for (let attempt = 0; attempt < ATTEMPTS_MAX;) {
    const timeoutMs = udpTimeoutMs(attempt) * timeScale;
    const connection = freshConnection(key);
    const answer = connection === undefined
      ? await channel.ask("connect", encodeConnectRequest, timeoutMs)
      : await channel.ask("announce", (id) => encode(connection.id, id), timeoutMs);
    if (answer === undefined) {
      attempt++;
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
    hostname: endpoint.version === 4 ? "0.0.0.0" : "::",
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

/** Rejects as soon as the signal aborts; the work itself ends when its socket is closed. */
function orAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort);
  return Promise.race([work, promise])
    .finally(() => signal.removeEventListener("abort", onAbort));
}

function failWith(code: AnnounceError["code"], message: string): Failure<AnnounceError> {
  return fail({ code, message });
}
