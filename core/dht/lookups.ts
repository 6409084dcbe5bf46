/**
 * Runs the lookups: sends what `lookup.ts` wants asked, feeds it the answers, stores at the end.
 */
import { fail, ok, type Result, unreachable } from "../bytes/result.ts";
import { createBloom, estimateBloom, uniteBloom } from "./bloom.ts";
import { addressOf, type Endpoint, ipVersionOf, mayName } from "./endpoint.ts";
import { copyItem, isGenuine } from "./item_store.ts";
import type { KrpcResponse, PutItem, QueryBody } from "./krpc.ts";
import {
  addCandidate,
  addUnnamed,
  type Candidate,
  closestReplied,
  createLookup,
  isLookupDone,
  markAsked,
  markFailed,
  markReplied,
  markSlow,
  nameCandidate,
  nextCandidate,
  NODES_PER_ANSWER_MAX,
  skip,
  storeTargets,
} from "./lookup.ts";
import { compareDistance, type NodeId } from "./node_id.ts";
import { samplePeers, VALUES4_MAX } from "./peer_store.ts";
import type { DhtEffect, LookupReport } from "./protocol.ts";
import { sendQuery } from "./queries.ts";
import { closestContacts, K } from "./routing_table.ts";
import type { ActiveLookup, Dht, LookupPurpose, NetworkState } from "./state.ts";
import { mayQuery } from "./traffic.ts";

/** Nodes of the table to begin with: some of them may be gone. */
const FIRST_CANDIDATES = 2 * K;
/** Peers reported for one lookup: more than any torrent connects to. */
const PEERS_MAX = 2_000;
/** Peers accepted from one response; 1,500 bytes hold no more than 200. */
const PEERS_PER_ANSWER_MAX = 100;

/**
 * Begins a lookup, with what is stored here; `undefined` without a node to ask. It sends nothing
 * before `runLookups`.
 */
export function startLookup(
  dht: Dht,
  network: NetworkState,
  target: NodeId,
  purpose: LookupPurpose,
  now: number,
  effects: DhtEffect[],
): ActiveLookup | undefined {
  const lookup = createLookup(target, network.version, now);
  const { table, upkeep } = network;
  for (const contact of closestContacts(table, target, FIRST_CANDIDATES)) {
    addCandidate(lookup, contact, undefined);
  }
  if (table.size < K) {
    for (const { id, endpoint, heardAt } of upkeep.heard.values()) {
      if (id === undefined) addUnnamed(lookup, endpoint);
      else if (heardAt === undefined) addCandidate(lookup, { id, endpoint }, undefined);
    }
    for (const start of upkeep.starts) addUnnamed(lookup, start);
  }
  if (lookup.candidates.length === 0 && lookup.unnamed.length === 0) return undefined;
  const key = ++dht.lookupCount;
  const wantsBloom = purpose.kind === "peers" && purpose.scrape;
  const active: ActiveLookup = {
    key,
    network,
    lookup,
    purpose,
    seen: new Set(),
    firstPeerAt: undefined,
    firstPeerHops: undefined,
    bloom: wantsBloom ? { seeds: createBloom(), peers: createBloom() } : undefined,
    hasBloom: false,
    item: undefined,
  };
  dht.lookups.set(key, active);
  const stored = samplePeers(dht.peers, target, network.version, false, VALUES4_MAX, now, dht.rng);
  tellPeers(active, stored, 0, now, effects);
  return active;
}

/** Sends what may be sent and returns the lookups that are over; their effects are out. */
export function runLookups(dht: Dht, now: number, effects: DhtEffect[]): FinishedLookup[] {
  const finished: FinishedLookup[] = [];
  for (const active of dht.lookups.values()) {
    askMore(dht, active, now, effects);
    if (!isLookupDone(active.lookup)) continue;
    dht.lookups.delete(active.key);
    finished.push({ active, report: finish(dht, active, now, effects) });
  }
  return finished;
}

export interface FinishedLookup {
  readonly active: ActiveLookup;
  readonly report: LookupReport;
}

/** Whether a lookup waits for the limit on queries. */
export function isHeldBack(dht: Dht, now: number): boolean {
  return dht.lookups.size > 0 && !mayQuery(dht.traffic, now);
}

/** The candidate answered, as `id`. */
export function onLookupReply(
  dht: Dht,
  key: number,
  asked: Candidate,
  response: KrpcResponse,
  now: number,
  effects: DhtEffect[],
): void {
  const active = dht.lookups.get(key);
  if (active === undefined) return;
  const { lookup } = active;
  const { id } = response;
  markReplied(lookup, asked, asked.id !== undefined && asked.id !== id);
  const candidate = asked.id === id ? asked : nameCandidate(lookup, asked, id);
  candidate.token = response.token?.slice();
  takeNodes(active, candidate, response);
  takePeers(active, candidate, response, now, effects);
  takeItem(dht, active, response);
  if (response.bloom !== undefined && active.bloom !== undefined) {
    active.hasBloom = true;
    uniteBloom(active.bloom.seeds, response.bloom.seeds);
    uniteBloom(active.bloom.peers, response.bloom.peers);
  }
}

/** The candidate's answer takes longer than usual. */
export function onLookupSlow(dht: Dht, key: number, candidate: Candidate): void {
  const active = dht.lookups.get(key);
  if (active !== undefined && candidate.state === "asked") markSlow(active.lookup, candidate);
}

/** The candidate did not answer, or with an error, or as another. */
export function onLookupFailure(dht: Dht, key: number, candidate: Candidate): void {
  const active = dht.lookups.get(key);
  if (active !== undefined) markFailed(active.lookup, candidate);
}

function askMore(dht: Dht, active: ActiveLookup, now: number, effects: DhtEffect[]): void {
  const { lookup, network, key } = active;
  for (;;) {
    if (!mayQuery(dht.traffic, now)) return;
    const candidate = nextCandidate(lookup);
    if (candidate === undefined) return;
    const { endpoint, id } = candidate;
    const purpose = { kind: "lookup", lookup: key, candidate } as const;
    const hasLeft = sendQuery(
      dht,
      network,
      endpoint,
      id,
      bodyOf(dht, active),
      purpose,
      now,
      effects,
    );
    if (hasLeft) markAsked(lookup, candidate);
    else skip(candidate);
  }
}

function bodyOf(
  dht: Dht,
  { lookup: { target }, purpose, network }: ActiveLookup,
): Extract<QueryBody, { method: "find_node" | "get_peers" | "get" }> {
  switch (purpose.kind) {
    case "find": {
      // Nodes of the other family only to begin with. Spec: BEP 32, bootstrapping.
      const isNew = dht.networks.length > 1 && network.table.size < K;
      return { method: "find_node", target, want: isNew ? [4, 6] : [] };
    }
    case "peers": {
      const noSeeds = purpose.isJoined && dht.torrents.get(target)?.isSeed === true;
      return { method: "get_peers", target, want: [], noSeeds, scrape: purpose.scrape };
    }
    case "get":
    case "put":
      return { method: "get", target, want: [], sequence: undefined };
    default:
      return unreachable(purpose);
  }
}

/** The closest of those named, as many as an honest node would name. */
function takeNodes(
  { lookup, network }: ActiveLookup,
  source: Candidate,
  { nodes }: KrpcResponse,
): void {
  const { target, version } = lookup;
  const good = nodes.filter(({ id, endpoint }) =>
    ipVersionOf(endpoint) === version && mayName(source.endpoint, endpoint) &&
    id !== network.table.ownId
  );
  if (good.length > NODES_PER_ANSWER_MAX) {
    good.sort((a, b) => compareDistance(a.id, b.id, target));
    good.length = NODES_PER_ANSWER_MAX;
  }
  for (const node of good) addCandidate(lookup, node, source);
}

function takePeers(
  active: ActiveLookup,
  { endpoint, hops }: Candidate,
  { values }: KrpcResponse,
  now: number,
  effects: DhtEffect[],
): void {
  const named = values.slice(0, PEERS_PER_ANSWER_MAX).filter((peer) => mayName(endpoint, peer));
  tellPeers(active, named, hops, now, effects);
}

/** Reports those of `peers` that this lookup did not report before. */
function tellPeers(
  active: ActiveLookup,
  peers: readonly Endpoint[],
  hops: number,
  now: number,
  effects: DhtEffect[],
): void {
  const { purpose, seen } = active;
  if (purpose.kind !== "peers") return;
  const fresh: Endpoint[] = [];
  for (const peer of peers) {
    if (seen.size >= PEERS_MAX) break;
    if (seen.has(peer)) continue;
    seen.add(peer);
    fresh.push(peer);
  }
  if (fresh.length === 0) return;
  active.firstPeerAt ??= now;
  active.firstPeerHops ??= hops;
  const infoHash = active.lookup.target;
  effects.push({ kind: "peers", job: purpose.job, infoHash, peers: fresh.map(addressOf) });
}

function takeItem(dht: Dht, active: ActiveLookup, response: KrpcResponse): void {
  const { purpose, lookup } = active;
  if (purpose.kind !== "get") return;
  const item = itemOf(response, purpose.salt);
  if (!item.ok || !isGenuine(item.value, lookup.target, dht.options.sha1, dht.options.verify)) {
    return;
  }
  const { item: held } = active;
  const isNewer = held?.kind !== "mutable" || item.value.kind !== "mutable" ||
    item.value.sequence > held.sequence;
  if (isNewer) active.item = copyItem(item.value);
}

function itemOf(
  { value, publicKey, signature, sequence }: KrpcResponse,
  salt: Uint8Array,
): Result<PutItem, { readonly code: "no-value" }> {
  if (value === undefined) return fail({ code: "no-value" });
  if (publicKey === undefined) return ok({ kind: "immutable", value });
  if (signature === undefined || sequence === undefined) return fail({ code: "no-value" });
  const expectedSequence = undefined;
  return ok({ kind: "mutable", value, publicKey, signature, salt, sequence, expectedSequence });
}

function finish(
  dht: Dht,
  active: ActiveLookup,
  now: number,
  effects: DhtEffect[],
): LookupReport {
  const { lookup, purpose, network } = active;
  const storedAt = store(dht, active, now, effects);
  const closest = closestReplied(lookup, K);
  const report: LookupReport = {
    version: network.version,
    durationMs: now - lookup.startedAt,
    queries: lookup.queries,
    replies: lookup.replies,
    hops: active.firstPeerHops ?? Math.max(0, ...closest.map(({ hops }) => hops)),
    peers: active.seen.size,
    firstPeerMs: active.firstPeerAt === undefined
      ? undefined
      : active.firstPeerAt - lookup.startedAt,
    storedAt,
    scrape: active.bloom && active.hasBloom
      ? {
        seeds: estimateBloom(active.bloom.seeds),
        peers: estimateBloom(active.bloom.peers),
      }
      : undefined,
    closest: closest.map(({ id, endpoint }) => ({ id: id!, endpoint })),
  };
  if (purpose.kind === "find") return report;
  if (purpose.kind === "peers") countTotals(dht, report);
  if (purpose.kind === "get") effects.push({ kind: "value", job: purpose.job, item: active.item });
  const job = purpose.job;
  effects.push({ kind: "lookup-done", job, target: lookup.target, report });
  return report;
}

function countTotals({ totals }: Dht, report: LookupReport): void {
  totals.lookups++;
  if (report.peers > 0) totals.withPeers++;
  totals.queries += report.queries;
  totals.peers += report.peers;
  if (report.storedAt > 0) totals.announces++;
}

/** Announces or puts at the closest nodes; how many were sent it. */
function store(dht: Dht, active: ActiveLookup, now: number, effects: DhtEffect[]): number {
  const { lookup, purpose, network } = active;
  const torrent = purpose.kind === "peers" && purpose.isJoined
    ? dht.torrents.get(lookup.target)
    : undefined;
  let sent = 0;
  if (torrent === undefined && purpose.kind !== "put") return sent;
  for (const { endpoint, id, token } of storeTargets(lookup)) {
    const body = purpose.kind === "put"
      ? { method: "put", token: token!, item: purpose.item } as const
      : {
        method: "announce_peer",
        target: lookup.target,
        port: torrent!.port,
        impliedPort: torrent!.impliedPort,
        isSeed: torrent!.isSeed,
        token: token!,
      } as const;
    if (sendQuery(dht, network, endpoint, id, body, { kind: "store" }, now, effects)) sent++;
  }
  return sent;
}
