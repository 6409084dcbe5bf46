/**
 * The DHT node as a machine: events in, effects out. Nothing here waits, sends or reads a clock.
 */
import { unreachable } from "../bytes/result.ts";
import { answerFault, answerQuery } from "./answers.ts";
import {
  type Endpoint,
  hostKey,
  ipVersionOf,
  isUsable,
  SCOPE_LOOPBACK,
  scopeOf,
} from "./endpoint.ts";
import { voteForAddress } from "./identity.ts";
import { expireItems, targetOf } from "./item_store.ts";
import type { KrpcError, KrpcQuery, KrpcResponse } from "./krpc.ts";
import { decodeKrpc, type KrpcFault } from "./krpc_decode.ts";
import {
  isHeldBack,
  onLookupFailure,
  onLookupReply,
  onLookupSlow,
  runLookups,
  startLookup,
} from "./lookups.ts";
import {
  isReachable,
  onCheckFailure,
  onCheckReply,
  onHeardFrom,
  onMaintenanceLookup,
  onNewIdentity,
  onNodesNamed,
  runMaintenance,
  startMaintenance,
} from "./maintenance.ts";
import type { NodeId } from "./node_id.ts";
import { expirePeers } from "./peer_store.ts";
import type { DhtEffect, DhtEvent } from "./protocol.ts";
import { nextLateAt, noteRoundTrip, takeLate, takePending } from "./queries.ts";
import { addContact, contactAt, countFailure, removeContact } from "./routing_table.ts";
import {
  type Dht,
  type LookupPurpose,
  networkOf,
  type NetworkState,
  type PendingQuery,
  savedNode,
} from "./state.ts";
import { joinTorrent, nextTorrentAt, onTorrentLookup, runTorrents, wantPeers } from "./torrents.ts";
import { admitQuery, isBanned, strike, windowEnd } from "./traffic.ts";

/** Between two sweeps of the stores. */
const SWEEP_MS = 60_000;
/** Between two saves; the first comes sooner, when the table has filled. */
const SAVE_MS = 15 * 60_000;
const SAVE_FIRST_MS = 60_000;
/** Lookups that callers may have under way; more are answered with nothing. */
const CALLER_LOOKUPS_MAX = 64;
/** Without any response for this long our own network is down, not all the others. */
const ONLINE_MS = 30_000;

/** Takes one event and appends what is to be done, in order. */
export function step(dht: Dht, event: DhtEvent, now: number, effects: DhtEffect[]): void {
  switch (event.kind) {
    case "start":
      startMaintenance(dht, now);
      dht.saveAt = now + SAVE_FIRST_MS;
      break;
    case "wake":
      break;
    case "datagram":
      onDatagram(dht, event.from, event.bytes, now, effects);
      break;
    case "nodes":
      onNodesNamed(dht, event, now);
      break;
    case "join":
      joinTorrent(dht, event, now);
      break;
    case "leave":
      dht.torrents.delete(event.infoHash);
      break;
    case "want-peers":
      wantPeers(dht, event.infoHash, now);
      break;
    case "lookup": {
      const { job, infoHash, scrape } = event;
      const purpose = { kind: "peers", job, scrape, isJoined: false } as const;
      lookUp(dht, infoHash, purpose, now, effects);
      break;
    }
    case "get":
      lookUp(dht, event.target, event, now, effects);
      break;
    case "put":
      lookUp(dht, targetOf(event.item, dht.options.sha1), event, now, effects);
      break;
    case "cancel":
      for (const [key, { purpose }] of dht.lookups) {
        if ("job" in purpose && purpose.job === event.job) dht.lookups.delete(key);
      }
      break;
    default:
      return unreachable(event);
  }
  runDue(dht, now, effects);
}

/** When to send `wake`, and why. */
export function nextDeadline(dht: Dht, now: number): DhtDeadline {
  let deadline: DhtDeadline = { at: dht.sweepAt, reason: "sweep" };
  const consider = (at: number, reason: DhtDeadline["reason"]) => {
    if (at < deadline.at) deadline = { at, reason };
  };
  consider(nextLateAt(dht), "query");
  for (const { upkeep } of dht.networks) consider(upkeep.nextAt, "upkeep");
  consider(nextTorrentAt(dht), "torrent");
  consider(dht.saveAt, "save");
  if (isHeldBack(dht, now)) consider(windowEnd(dht.traffic), "limit");
  return deadline;
}

export interface DhtDeadline {
  /** Monotonic milliseconds, perhaps in the past. */
  readonly at: number;
  readonly reason: "query" | "upkeep" | "torrent" | "sweep" | "save" | "limit";
}

/** One lookup in each network; a job without nodes to ask ends at once. */
function lookUp(
  dht: Dht,
  target: NodeId,
  purpose: Exclude<LookupPurpose, { kind: "find" }>,
  now: number,
  effects: DhtEffect[],
): void {
  for (const network of dht.networks) {
    const isFull = dht.lookups.size >= CALLER_LOOKUPS_MAX;
    if (!isFull && startLookup(dht, network, target, purpose, now, effects) !== undefined) continue;
    const { job } = purpose;
    if (purpose.kind === "get") effects.push({ kind: "value", job: purpose.job, item: undefined });
    effects.push({
      kind: "lookup-done",
      job,
      target,
      report: {
        version: network.version,
        durationMs: 0,
        queries: 0,
        replies: 0,
        hops: 0,
        peers: 0,
        firstPeerMs: undefined,
        storedAt: 0,
        scrape: undefined,
        closest: [],
      },
    });
  }
}

function runDue(dht: Dht, now: number, effects: DhtEffect[]): void {
  if (nextLateAt(dht) <= now) {
    const { slow, lost } = takeLate(dht, now);
    for (const { purpose } of slow) {
      if (purpose.kind === "lookup") onLookupSlow(dht, purpose.lookup, purpose.candidate);
    }
    for (const query of lost) onLost(dht, query, now);
  }
  if (dht.sweepAt <= now) {
    dht.sweepAt = now + SWEEP_MS;
    expirePeers(dht.peers, now);
    expireItems(dht.items, now);
  }
  if (dht.saveAt <= now) {
    dht.saveAt = now + SAVE_MS;
    effects.push({ kind: "save", saved: savedNode(dht) });
  }
  runMaintenance(dht, now, effects);
  if (nextTorrentAt(dht) <= now) runTorrents(dht, now, effects);
  settleLookups(dht, now, effects);
}

/** A lookup that ends may let another begin, which may end at once. */
function settleLookups(dht: Dht, now: number, effects: DhtEffect[]): void {
  for (;;) {
    const finished = runLookups(dht, now, effects);
    if (finished.length === 0) return;
    for (const lookup of finished) {
      const { purpose } = lookup.active;
      if (purpose.kind === "find") onMaintenanceLookup(dht, lookup, now, effects);
      else if (purpose.kind === "peers" && purpose.isJoined) onTorrentLookup(dht, lookup, now);
    }
    runMaintenance(dht, now, effects);
    if (nextTorrentAt(dht) <= now) runTorrents(dht, now, effects);
  }
}

function onDatagram(
  dht: Dht,
  from: Endpoint,
  bytes: Uint8Array,
  now: number,
  effects: DhtEffect[],
): void {
  const { traffic, options } = dht;
  const network = networkOf(dht, ipVersionOf(from));
  traffic.totals.packetsIn++;
  traffic.totals.bytesIn += bytes.length;
  if (network === undefined || !isUsable(from) || isBanned(traffic, from, now)) return;
  if (options.isLoopbackOnly && scopeOf(from) !== SCOPE_LOOPBACK) return;
  const decoded = decodeKrpc(bytes);
  if (!decoded.ok) return onFault(dht, from, decoded.error, now, effects);
  const message = decoded.value;
  switch (message.kind) {
    case "query":
      return onQuery(dht, network, from, message, now, effects);
    case "response":
      return onResponse(dht, from, message, now, effects);
    case "error":
      return onError(dht, from, message, now);
    default:
      return unreachable(message);
  }
}

function onFault(
  dht: Dht,
  from: Endpoint,
  fault: KrpcFault,
  now: number,
  effects: DhtEffect[],
): void {
  dht.traffic.totals.malformedIn++;
  if ("transaction" in fault) {
    const query = takePending(dht, fault.transaction, from);
    if (query !== undefined) {
      strike(dht.traffic, from, now);
      return onLost(dht, query, now);
    }
    if (dht.options.isReadOnly || !admitQuery(dht.traffic, from, now)) return;
  }
  answerFault(dht, from, fault, effects);
}

function onQuery(
  dht: Dht,
  network: NetworkState,
  from: Endpoint,
  query: KrpcQuery,
  now: number,
  effects: DhtEffect[],
): void {
  if (query.id === network.table.ownId) return onOwnQuery(dht, query.transaction);
  if (dht.options.isReadOnly) return;
  if (!admitQuery(dht.traffic, from, now)) return;
  answerQuery(dht, network, from, query, now, effects);
  if (!query.isReadOnly) onHeardFrom(network, { id: query.id, endpoint: from }, now);
}

/** A query of ours has come back to us: a node named us to ourselves. */
function onOwnQuery(dht: Dht, transaction: string): void {
  const query = dht.queries.pending.get(transaction);
  if (query === undefined) return;
  dht.queries.pending.delete(transaction);
  query.network.upkeep.starts.delete(query.to);
  giveUp(dht, query);
}

function onResponse(
  dht: Dht,
  from: Endpoint,
  response: KrpcResponse,
  now: number,
  effects: DhtEffect[],
): void {
  const { traffic, queries } = dht;
  const query = takePending(dht, response.transaction, from);
  if (query === undefined) {
    traffic.totals.unexpectedIn++;
    return;
  }
  traffic.totals.repliesIn++;
  queries.lastReplyAt = now;
  const { network, id, purpose, sentAt } = query;
  if (response.id === network.table.ownId) return onWrongId(dht, query, now);
  if (id !== undefined && response.id !== id) {
    // What others say of its id is no fault of the node; what it said of itself is.
    const hasChanged = contactAt(network.table, from)?.id === id;
    if (hasChanged || purpose.kind !== "lookup") return onWrongId(dht, query, now);
  }
  const rttMs = now - sentAt;
  noteRoundTrip(dht, rttMs);
  noteContact(network, response.id, from, rttMs, now);
  if (response.ownEndpoint !== undefined) {
    const isNew = voteForAddress(dht, network, from, response.ownEndpoint, now);
    if (isNew) onNewIdentity(network, now);
  }
  switch (purpose.kind) {
    case "lookup":
      return onLookupReply(dht, purpose.lookup, purpose.candidate, response, now, effects);
    case "check":
      return onCheckReply(network, from, response, now);
    case "store":
      return;
    default:
      return unreachable(purpose);
  }
}

/** Into the table with it, unless it only answers us because it spoke to us before. */
function noteContact(
  network: NetworkState,
  id: NodeId,
  from: Endpoint,
  rttMs: number,
  now: number,
): void {
  const { table, upkeep } = network;
  if (upkeep.routers.has(from)) return;
  if (contactAt(table, from) === undefined && !isReachable(network, from, now)) return;
  if (addContact(table, id, from, rttMs, now)) upkeep.heard.delete(hostKey(from));
}

/** An error is a sign of life and no answer. */
function onError(dht: Dht, from: Endpoint, { transaction }: KrpcError, now: number): void {
  const query = takePending(dht, transaction, from);
  if (query === undefined) {
    dht.traffic.totals.unexpectedIn++;
    return;
  }
  dht.traffic.totals.repliesIn++;
  dht.queries.lastReplyAt = now;
  giveUp(dht, query);
}

/** A node answers as another than it was said to be, or as ourselves. */
function onWrongId(dht: Dht, query: PendingQuery, now: number): void {
  const contact = contactAt(query.network.table, query.to);
  if (contact !== undefined && contact.id === query.id) {
    removeContact(query.network.table, contact);
    strike(dht.traffic, query.to, now);
  }
  giveUp(dht, query);
}

function onLost(dht: Dht, query: PendingQuery, now: number): void {
  dht.traffic.totals.timeouts++;
  const contact = contactAt(query.network.table, query.to);
  const isOnline = now - dht.queries.lastReplyAt < ONLINE_MS;
  if (contact !== undefined && isOnline) countFailure(query.network.table, contact);
  giveUp(dht, query);
}

function giveUp(dht: Dht, { purpose, network }: PendingQuery): void {
  if (purpose.kind === "lookup") onLookupFailure(dht, purpose.lookup, purpose.candidate);
  else if (purpose.kind === "check") onCheckFailure(network);
}
