/**
 * Keeps the port on which we listen open at the gateway: PCP first, then NAT-PMP where the gateway
 * knows only that, then UPnP. One way that works is kept, renewed at half of its lifetime, and
 * removed at the end. Losing it, or finding none, starts the search again after a pause.
 *
 * A small machine of our own: the libraries there are speak one or two of the three protocols, own
 * their sockets and timers, and so could neither run against a fake gateway on a virtual clock nor
 * be kept from sending on loopback.
 *
 * Deliberately absent: gateways' announcements of a restart (the next renewal finds out), IPv6
 * pinholes.
 */
import { unreachable } from "../bytes/result.ts";
import * as natPmp from "./nat_pmp.ts";
import * as pcp from "./pcp.ts";
import type { MapperEffect, MapperEvent, MappingMethod } from "./protocol.ts";
import { PORT_PROTOCOLS, type PortProtocol } from "./types.ts";
import * as upnp from "./upnp.ts";

/** What we ask for; an hour, so that a mapping left behind by a crash goes away. */
export const LIFETIME_SECONDS = 3_600;
/** Gateways that grant less are still not asked more often. */
export const RENEW_MIN_MS = 60_000;
/** First wait for an answer; doubles with every attempt. Spec: RFC 6886, 3.1. */
export const ANSWER_FIRST_MS = 250;
/** Attempts before the next protocol is tried: 250 ms to 2 s, less than 4 s in all. */
export const ATTEMPTS_MAX = 4;
/** A router answers a search within MX (2 s); two searches, since datagrams get lost. */
export const SEARCH_WAIT_MS = 2_500;
export const SEARCHES_MAX = 2;
/** Answers of one search that are tried: each makes us fetch a description. */
export const GATEWAYS_MAX = 4;
/** Without any answer, and after a mapping was lost. */
export const RETRY_FIRST_MS = 60_000;
export const RETRY_LAST_MS = 60 * 60_000;
/** External ports tried while others have them. */
export const CONFLICTS_MAX = 4;
/** A removal is sent, not awaited for longer. */
export const REMOVE_WAIT_MS = 1_000;

export interface Mapping {
  readonly externalPort: number;
  /** What the gateway granted; Infinity for a mapping that stays until it is removed. */
  readonly lifetimeSeconds: number;
}

type Stage =
  | "pcp"
  | "nat-pmp"
  | "search"
  | "describe"
  | "upnp"
  | "mapped"
  | "waiting"
  | "removing"
  | "stopped";

export interface MapperOptions {
  /** The default gateway; undefined when it is not known: UPnP only. */
  readonly gateway: string | undefined;
  /** Our address on the gateway's network; undefined when it is not known: no PCP. */
  readonly localIp: string | undefined;
  /** TCP and UDP port, the same for both. */
  readonly port: number;
  /** PCP_NONCE_SIZE random bytes. */
  readonly nonce: Uint8Array;
}

/** Plain data; only the functions below change it. */
export interface Mapper {
  readonly options: MapperOptions;
  stage: Stage;
  attempts: number;
  deadlineMs: number;
  retries: number;
  readonly mappings: Map<PortProtocol, Mapping>;
  externalIp: string | undefined;
  method: MappingMethod | undefined;
  /** Where to ask for descriptions, not tried yet. */
  readonly locations: string[];
  seenLocations: number;
  location: string | undefined;
  service: upnp.UpnpService | undefined;
  /** Our end of the connection to the UPnP gateway. */
  upnpLocalIp: string;
  /** The UPnP command that is under way. */
  job: number;
  pending: {
    protocol: PortProtocol | "address";
    externalPort: number;
    lease: number;
    conflicts: number;
  } | undefined;
  readonly waiting: (PortProtocol | "address")[];
  /** A renewal keeps what is there until it fails. */
  isRenewal: boolean;
}

/** Begins at once. */
export function createMapper(options: MapperOptions, now: number, effects: MapperEffect[]): Mapper {
  const mapper: Mapper = {
    options,
    stage: "waiting",
    attempts: 0,
    deadlineMs: now,
    retries: 0,
    mappings: new Map(),
    externalIp: undefined,
    method: undefined,
    locations: [],
    seenLocations: 0,
    location: undefined,
    service: undefined,
    upnpLocalIp: "",
    job: 0,
    pending: undefined,
    waiting: [],
    isRenewal: false,
  };
  begin(mapper, now, effects);
  return mapper;
}

/** One event; what to do comes as effects. */
export function stepMapper(
  mapper: Mapper,
  event: MapperEvent,
  now: number,
  effects: MapperEffect[],
): void {
  switch (event.kind) {
    case "gateway-datagram":
      return takeDatagram(mapper, event.bytes, now, effects);
    case "search-answer":
      return takeSearchAnswer(mapper, event.bytes, event.from, now, effects);
    case "http-answer":
      return takeHttpAnswer(mapper, event, now, effects);
    case "timer":
      if (now >= mapper.deadlineMs) ring(mapper, now, effects);
      return;
    case "stop":
      return remove(mapper, now, effects);
    default:
      return unreachable(event);
  }
}

/** When to feed the next `timer`; Infinity once stopped. */
export function nextMapperDeadline(mapper: Mapper): number {
  return mapper.deadlineMs;
}

function begin(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  const { gateway, localIp } = mapper.options;
  mapper.isRenewal = mapper.method !== undefined;
  if (mapper.method === "upnp") return mapByUpnp(mapper, now, effects);
  if (gateway === undefined) return search(mapper, now, effects);
  const isNatPmp = mapper.method === "nat-pmp" || localIp === undefined;
  ask(mapper, isNatPmp ? "nat-pmp" : "pcp", now, effects);
}

/** Asks the gateway for what was not granted yet. */
function ask(
  mapper: Mapper,
  stage: "pcp" | "nat-pmp",
  now: number,
  effects: MapperEffect[],
): void {
  if (mapper.stage !== stage) {
    mapper.stage = stage;
    mapper.attempts = 0;
    mapper.waiting.splice(0, mapper.waiting.length, ...PORT_PROTOCOLS);
  }
  mapper.deadlineMs = now + ANSWER_FIRST_MS * 2 ** mapper.attempts++;
  if (stage === "nat-pmp") {
    effects.push({ kind: "send-gateway", bytes: natPmp.encodeAddressRequest() });
  }
  for (const protocol of mapper.waiting) {
    if (protocol !== "address") sendRequest(mapper, stage, protocol, LIFETIME_SECONDS, effects);
  }
}

function sendRequest(
  { options, mappings }: Mapper,
  method: "pcp" | "nat-pmp",
  protocol: PortProtocol,
  lifetimeSeconds: number,
  effects: MapperEffect[],
): void {
  const { port, nonce } = options;
  const externalPort = mappings.get(protocol)?.externalPort ?? port;
  const bytes = method === "nat-pmp"
    ? natPmp.encodeMapRequest(protocol, port, externalPort, lifetimeSeconds)
    : pcp.encodePcpMap({
      protocol,
      localIp: options.localIp!,
      internalPort: port,
      externalPort,
      lifetimeSeconds,
      nonce,
    });
  effects.push({ kind: "send-gateway", bytes });
}

function takeDatagram(
  mapper: Mapper,
  bytes: Uint8Array,
  now: number,
  effects: MapperEffect[],
): void {
  const { stage, options } = mapper;
  if (stage === "removing") return;
  if (stage === "pcp") {
    const answer = pcp.decodePcp(bytes, options.nonce);
    if (answer === undefined) return;
    if (answer.kind === "unsupported-version") return nextMethod(mapper, now, effects);
    if (answer.kind === "mapped") mapper.externalIp = answer.externalIp;
    return takeGrant(mapper, answer, now, effects);
  }
  const answer = natPmp.decodeNatPmp(bytes);
  if (answer === undefined) return;
  if (answer.kind === "address") {
    const isNews = mapper.externalIp !== answer.ip;
    mapper.externalIp = answer.ip;
    if (isNews && mapper.stage === "mapped" && mapper.method === "nat-pmp") report(mapper, effects);
    return;
  }
  if (stage === "nat-pmp") takeGrant(mapper, answer, now, effects);
}

function takeGrant(
  mapper: Mapper,
  answer: Exclude<natPmp.NatPmpAnswer, { kind: "address" }>,
  now: number,
  effects: MapperEffect[],
): void {
  const { protocol } = answer;
  if (protocol === undefined) return;
  const at = mapper.waiting.indexOf(protocol);
  if (at < 0) return;
  if (answer.kind === "refused") {
    mapper.waiting.splice(at, 1);
    // The answer about the other port is still to come, and may be a grant.
    const granted = { externalPort: mapper.options.port, lifetimeSeconds: LIFETIME_SECONDS };
    for (const other of mapper.waiting) {
      if (other !== "address" && !mapper.mappings.has(other)) mapper.mappings.set(other, granted);
    }
    return nextMethod(mapper, now, effects);
  }
  if (answer.internalPort !== mapper.options.port || answer.lifetimeSeconds === 0) return;
  mapper.waiting.splice(at, 1);
  const { externalPort, lifetimeSeconds } = answer;
  mapper.mappings.set(protocol, { externalPort, lifetimeSeconds });
  if (mapper.waiting.length === 0) settle(mapper, mapper.stage as MappingMethod, now, effects);
}

/** Everything asked for was granted. */
function settle(mapper: Mapper, method: MappingMethod, now: number, effects: MapperEffect[]): void {
  mapper.stage = "mapped";
  mapper.method = method;
  mapper.retries = 0;
  const lifetimes = [...mapper.mappings.values()].map(({ lifetimeSeconds }) => lifetimeSeconds);
  const lifetime = Math.min(LIFETIME_SECONDS, ...lifetimes);
  mapper.deadlineMs = now + Math.max(RENEW_MIN_MS, lifetime * 500);
  if (!mapper.isRenewal) report(mapper, effects);
}

function report(mapper: Mapper, effects: MapperEffect[]): void {
  const { externalPort } = mapper.mappings.get("tcp")!;
  const { externalIp } = mapper;
  effects.push({ kind: "mapped", method: mapper.method!, externalPort, externalIp });
}

/** The gateway does not map both ports in this way: one that it granted is taken back. */
function nextMethod(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  if (mapper.isRenewal) return lose(mapper, now, effects);
  takeBack(mapper, effects);
  if (mapper.stage === "pcp") return ask(mapper, "nat-pmp", now, effects);
  search(mapper, now, effects);
}

function search(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  if (mapper.stage !== "search") {
    mapper.stage = "search";
    mapper.attempts = 0;
    mapper.seenLocations = 0;
    mapper.locations.length = 0;
  }
  mapper.attempts++;
  mapper.deadlineMs = now + SEARCH_WAIT_MS;
  effects.push({ kind: "send-search", bytes: upnp.encodeSearch() });
}

function takeSearchAnswer(
  mapper: Mapper,
  bytes: Uint8Array,
  from: string,
  now: number,
  effects: MapperEffect[],
): void {
  if (mapper.stage !== "search" && mapper.stage !== "describe") return;
  const location = upnp.decodeSearchAnswer(bytes, from);
  if (location === undefined || mapper.seenLocations >= GATEWAYS_MAX) return;
  if (location === mapper.location || mapper.locations.includes(location)) return;
  mapper.seenLocations++;
  mapper.locations.push(location);
  if (mapper.stage === "search") describe(mapper, now, effects);
}

function describe(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  const location = mapper.locations.shift();
  if (location === undefined) return lose(mapper, now, effects);
  mapper.stage = "describe";
  mapper.location = location;
  mapper.deadlineMs = Infinity;
  effects.push({ kind: "http", job: ++mapper.job, url: location, command: undefined });
}

function takeHttpAnswer(
  mapper: Mapper,
  answer: Extract<MapperEvent, { kind: "http-answer" }>,
  now: number,
  effects: MapperEffect[],
): void {
  if (answer.job !== mapper.job) return;
  if (mapper.stage === "describe") {
    const service = answer.status === 200
      ? upnp.findService(answer.body, mapper.location!)
      : undefined;
    if (service === undefined) return describe(mapper, now, effects);
    mapper.service = service;
    mapper.upnpLocalIp = answer.localIp;
    return mapByUpnp(mapper, now, effects);
  }
  if (mapper.stage === "upnp") return takeCommandAnswer(mapper, answer, now, effects);
  if (mapper.stage === "removing") removeNext(mapper, effects);
}

function mapByUpnp(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  mapper.stage = "upnp";
  mapper.waiting.splice(0, mapper.waiting.length, ...PORT_PROTOCOLS, "address");
  nextCommand(mapper, now, effects);
}

function nextCommand(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  const protocol = mapper.waiting.shift();
  if (protocol === undefined) return settle(mapper, "upnp", now, effects);
  const before = protocol === "address" ? undefined : mapper.mappings.get(protocol);
  mapper.pending = {
    protocol,
    externalPort: before?.externalPort ?? mapper.options.port,
    lease: before?.lifetimeSeconds === Infinity ? 0 : LIFETIME_SECONDS,
    conflicts: 0,
  };
  sendCommand(mapper, effects);
}

function sendCommand(mapper: Mapper, effects: MapperEffect[]): void {
  const { service, options, upnpLocalIp } = mapper;
  const { protocol, externalPort, lease } = mapper.pending!;
  mapper.deadlineMs = Infinity;
  const command = protocol === "address"
    ? upnp.externalAddressCommand(service!)
    : upnp.addMappingCommand(service!, protocol, externalPort, options.port, upnpLocalIp, lease);
  effects.push({ kind: "http", job: ++mapper.job, url: service!.controlUrl, command });
}

function takeCommandAnswer(
  mapper: Mapper,
  { status, body }: Extract<MapperEvent, { kind: "http-answer" }>,
  now: number,
  effects: MapperEffect[],
): void {
  const { pending } = mapper;
  if (pending === undefined) return;
  if (pending.protocol === "address") {
    mapper.externalIp = status === 200 ? upnp.decodeExternalAddress(body) : undefined;
    return nextCommand(mapper, now, effects);
  }
  if (status === 200) {
    const lifetimeSeconds = pending.lease === 0 ? Infinity : pending.lease;
    mapper.mappings.set(pending.protocol, { externalPort: pending.externalPort, lifetimeSeconds });
    return nextCommand(mapper, now, effects);
  }
  const error = upnp.decodeUpnpError(body);
  if (error === upnp.UPNP_PERMANENT_ONLY && pending.lease !== 0) {
    pending.lease = 0;
    return sendCommand(mapper, effects);
  }
  if (error === upnp.UPNP_CONFLICT) {
    // What we may have had there is another host's now.
    mapper.mappings.delete(pending.protocol);
    if (++pending.conflicts < CONFLICTS_MAX) {
      pending.externalPort = pending.externalPort % 65_535 + 1;
      return sendCommand(mapper, effects);
    }
  }
  lose(mapper, now, effects);
}

/** Not both ports are mapped: what is left is taken back, and the search starts again later. */
function lose(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  const isNews = mapper.method !== undefined || mapper.retries === 0;
  takeBack(mapper, effects);
  mapper.stage = "waiting";
  mapper.method = undefined;
  mapper.externalIp = undefined;
  mapper.location = undefined;
  mapper.pending = undefined;
  const pauseMs = RETRY_FIRST_MS * 2 ** Math.min(mapper.retries++, 10);
  mapper.deadlineMs = now + Math.min(RETRY_LAST_MS, pauseMs);
  if (isNews) effects.push({ kind: "unmapped" });
}

function ring(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  switch (mapper.stage) {
    case "pcp":
    case "nat-pmp":
      if (mapper.attempts < ATTEMPTS_MAX) return ask(mapper, mapper.stage, now, effects);
      return nextMethod(mapper, now, effects);
    case "search":
      if (mapper.attempts < SEARCHES_MAX) return search(mapper, now, effects);
      return lose(mapper, now, effects);
    case "mapped":
    case "waiting":
      return begin(mapper, now, effects);
    case "removing":
      return finish(mapper, effects);
    case "describe":
    case "upnp":
    case "stopped":
      return;
    default:
      return unreachable(mapper.stage);
  }
}

/** Takes the mappings back; `stopped` follows within REMOVE_WAIT_MS. */
function remove(mapper: Mapper, now: number, effects: MapperEffect[]): void {
  if (mapper.stage === "removing" || mapper.stage === "stopped") return;
  const { mappings } = mapper;
  if (methodOf(mapper) !== "upnp" || mappings.size === 0) {
    takeBack(mapper, effects);
    return finish(mapper, effects);
  }
  // The process ends after this: a connection that is closed too soon loses its message.
  mapper.stage = "removing";
  mapper.deadlineMs = now + REMOVE_WAIT_MS;
  mapper.waiting.splice(0, mapper.waiting.length, ...mappings.keys());
  removeNext(mapper, effects);
}

function removeNext(mapper: Mapper, effects: MapperEffect[]): void {
  const protocol = mapper.waiting.shift();
  if (protocol === undefined || protocol === "address") return finish(mapper, effects);
  removeByUpnp(mapper, protocol, effects);
}

/**
 * Removes what was granted. Nothing is awaited: an answer would change nothing, and what a lost
 * datagram leaves ends with its lifetime.
 */
function takeBack(mapper: Mapper, effects: MapperEffect[]): void {
  const method = methodOf(mapper);
  for (const protocol of mapper.mappings.keys()) {
    if (method === "upnp") removeByUpnp(mapper, protocol, effects);
    else if (method !== undefined) sendRequest(mapper, method, protocol, 0, effects);
  }
  mapper.mappings.clear();
}

function removeByUpnp(mapper: Mapper, protocol: PortProtocol, effects: MapperEffect[]): void {
  const { externalPort } = mapper.mappings.get(protocol)!;
  const command = upnp.deleteMappingCommand(mapper.service!, protocol, externalPort);
  effects.push({ kind: "http", job: ++mapper.job, url: mapper.service!.controlUrl, command });
}

/** By which way the mappings that there are were granted. */
function methodOf({ method, stage }: Mapper): MappingMethod | undefined {
  if (method !== undefined) return method;
  return stage === "pcp" || stage === "nat-pmp" || stage === "upnp" ? stage : undefined;
}

function finish(mapper: Mapper, effects: MapperEffect[]): void {
  mapper.stage = "stopped";
  mapper.deadlineMs = Infinity;
  mapper.mappings.clear();
  effects.push({ kind: "stopped" });
}
