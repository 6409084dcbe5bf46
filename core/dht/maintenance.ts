/**
 * Keeps the table full of nodes that answer: finds our neighbours, fills what is empty, asks each
 * node once in a quarter of an hour, and nodes from responses where there is a free place for them.
 *
 * A node that asked us is not asked back at once: behind a NAT it could be reached by us for some
 * minutes and by no other node, and would be a dead entry in every table that gets it from us.
 *
 * Spec: BEP 5, routing table.
 */
import { randomBelow } from "../bytes/random.ts";
import {
  type Endpoint,
  hostKey,
  ipVersionOf,
  isUsable,
  mayName,
  SCOPE_PUBLIC,
  scopeOf,
} from "./endpoint.ts";
import type { KrpcResponse, NodeInfo } from "./krpc.ts";
import { type FinishedLookup, startLookup } from "./lookups.ts";
import { randomIdSharing, sharedPrefixBits } from "./node_id.ts";
import type { DhtEffect, DhtEvent } from "./protocol.ts";
import { sendQuery } from "./queries.ts";
import { bucketIndexOf, type Contact, contactsOf, K, wantsContact } from "./routing_table.ts";
import { type Dht, type HeardNode, networkOf, type NetworkState } from "./state.ts";

/** A node that was silent for this long is questionable. Spec: BEP 5. */
export const CHECK_INTERVAL_MS = 15 * 60_000;
/** Checks under way of one network. */
const CHECKS_MAX = 4;
/** Maximum number of nodes not yet asked; the saved nodes of one run are among them. */
const HEARD_MAX = 600;
/** A NAT mapping expires after this; RFC 4787 asks for 2 to 5 minutes. */
export const NAT_MAPPING_MS = 5 * 60_000;
/** Below this number of nodes, any node is added at once. */
const SPARSE_TABLE = 2 * K;
/** Between two lookups for our neighbours, and while we have next to none. */
const SELF_LOOKUP_MS = 30 * 60_000;
const SELF_LOOKUP_SPARSE_MS = 60_000;
/** The first of these, which doubles: all nodes of a new network may have started a moment ago. */
const SELF_LOOKUP_FIRST_MS = 5_000;
/** Named nodes that the first lookup did not ask are asked after this. */
const START_CHECK_MS = 2_000;
/**
 * After a lookup for our own id without responses: the first delay, which doubles, and the last.
 */
const BOOTSTRAP_FIRST_MS = 2_000;
const BOOTSTRAP_MAX_MS = 5 * 60_000;
/** Addresses to begin with that are kept. */
const STARTS_MAX = 32;
/** Between two looks at what is due, however much that is. */
const UPKEEP_MIN_MS = 1_000;
/** Part of an interval that is taken off at random. */
const JITTER = 0.2;

/** Begins with what an earlier run knew. */
export function startMaintenance(dht: Dht, now: number): void {
  for (const { version, upkeep } of dht.networks) {
    for (const { id, endpoint } of dht.options.saved?.nodes ?? []) {
      if (ipVersionOf(endpoint) !== version || upkeep.heard.size >= HEARD_MAX) continue;
      upkeep.heard.set(hostKey(endpoint), { id, endpoint, heardAt: undefined, dueAt: now });
    }
    upkeep.selfLookupAt = now;
    upkeep.nextAt = now;
  }
}

/** Nodes that the user, a peer or a name server named. */
export function onNodesNamed(
  dht: Dht,
  { endpoints, areRouters }: Extract<DhtEvent, { kind: "nodes" }>,
  now: number,
): void {
  for (const endpoint of endpoints) {
    const network = networkOf(dht, ipVersionOf(endpoint));
    if (network === undefined || !isUsable(endpoint)) continue;
    const { upkeep, table } = network;
    if (areRouters && upkeep.routers.size < STARTS_MAX) upkeep.routers.add(endpoint);
    const isStart = (areRouters || table.size < K) && upkeep.starts.size < STARTS_MAX;
    // One that failed before does not shorten the wait for the next attempt.
    const isNew = isStart && !upkeep.starts.has(endpoint);
    if (isStart) upkeep.starts.add(endpoint);
    // The lookup for ourselves asks some of them; the others are asked after it.
    const dueAt = isNew ? now + START_CHECK_MS : now;
    if (!areRouters) hear(network, { id: undefined, endpoint, heardAt: undefined, dueAt });
    if (isNew && table.size < K && upkeep.selfLookup === undefined) {
      upkeep.selfLookupAt = now;
      upkeep.nextAt = Math.min(upkeep.nextAt, now);
    }
  }
}

/** A node that may be put into the table sent us a query. */
export function onHeardFrom(network: NetworkState, { id, endpoint }: NodeInfo, now: number): void {
  if (!wantsContact(network.table, id, endpoint)) return;
  const waits = network.table.size >= SPARSE_TABLE && scopeOf(endpoint) === SCOPE_PUBLIC;
  const dueAt = waits ? now + NAT_MAPPING_MS : now;
  hear(network, { id, endpoint, heardAt: now, dueAt });
}

/** Whether an answer from there proves that others get answers, too. */
export function isReachable(network: NetworkState, endpoint: Endpoint, now: number): boolean {
  const heardAt = network.upkeep.heard.get(hostKey(endpoint))?.heardAt;
  return heardAt === undefined || now - heardAt >= NAT_MAPPING_MS ||
    network.table.size < SPARSE_TABLE || scopeOf(endpoint) !== SCOPE_PUBLIC;
}

/** A check was answered: what it named fills gaps. */
export function onCheckReply(
  network: NetworkState,
  from: Endpoint,
  { nodes }: KrpcResponse,
  now: number,
): void {
  network.upkeep.checks--;
  for (const { id, endpoint } of nodes.slice(0, 2 * K)) {
    if (ipVersionOf(endpoint) !== network.version || !mayName(from, endpoint)) continue;
    if (!wantsContact(network.table, id, endpoint)) continue;
    hear(network, { id, endpoint, heardAt: undefined, dueAt: now });
  }
}

/** A check was not answered. */
export function onCheckFailure(network: NetworkState): void {
  network.upkeep.checks--;
}

/** Our id has changed. */
export function onNewIdentity(network: NetworkState, now: number): void {
  network.upkeep.selfLookupAt = now;
  network.upkeep.nextAt = now;
}

/** Does what is due in every network. */
export function runMaintenance(dht: Dht, now: number, effects: DhtEffect[]): void {
  for (const network of dht.networks) {
    if (network.upkeep.nextAt > now) continue;
    lookUpOurselves(dht, network, now, effects);
    fillDistances(dht, network, now, effects);
    checkNodes(dht, network, now, effects);
    network.upkeep.nextAt = nextUpkeepAt(network, now);
  }
}

/** A lookup that maintenance started is over. */
export function onMaintenanceLookup(
  dht: Dht,
  { active, report }: FinishedLookup,
  now: number,
  effects: DhtEffect[],
): void {
  const { network, key } = active;
  const { upkeep, table } = network;
  if (key === upkeep.fillLookup) {
    upkeep.fillLookup = undefined;
    upkeep.fillFrom++;
  }
  if (key === upkeep.selfLookup) {
    upkeep.selfLookup = undefined;
    if (report.replies === 0) return retryBootstrap(network, now, effects);
    upkeep.failedRounds = 0;
    upkeep.fillFrom = 0;
    const sparseMs = SELF_LOOKUP_FIRST_MS * 2 ** upkeep.sparseRounds;
    const isSparse = table.size < K;
    upkeep.sparseRounds = isSparse ? Math.min(10, upkeep.sparseRounds + 1) : 0;
    const waitMs = isSparse ? Math.min(SELF_LOOKUP_SPARSE_MS, sparseMs) : SELF_LOOKUP_MS;
    upkeep.selfLookupAt = now + waitMs - randomBelow(dht.rng, Math.floor(waitMs * JITTER));
  }
  upkeep.nextAt = now;
}

function lookUpOurselves(
  dht: Dht,
  network: NetworkState,
  now: number,
  effects: DhtEffect[],
): void {
  const { upkeep, table } = network;
  if (upkeep.selfLookup !== undefined || now < upkeep.selfLookupAt) return;
  const started = startLookup(dht, network, table.ownId, { kind: "find" }, now, effects);
  upkeep.selfLookup = started?.key;
  if (started === undefined) retryBootstrap(network, now, effects);
}

function retryBootstrap(network: NetworkState, now: number, effects: DhtEffect[]): void {
  const { upkeep } = network;
  const waitMs = Math.min(BOOTSTRAP_MAX_MS, BOOTSTRAP_FIRST_MS * 2 ** upkeep.failedRounds++);
  upkeep.selfLookupAt = now + waitMs;
  upkeep.nextAt = Math.min(upkeep.nextAt, upkeep.selfLookupAt);
  effects.push({ kind: "resolve-routers" });
}

/**
 * One lookup at a time for each distance at which we know too few: what share exactly so many bits
 * with us, farther away than our neighbours. By distance and not by bucket, since a large far
 * bucket may be full of near nodes.
 */
function fillDistances(
  dht: Dht,
  network: NetworkState,
  now: number,
  effects: DhtEffect[],
): void {
  const { upkeep, table } = network;
  if (upkeep.fillLookup !== undefined || upkeep.fillFrom === Infinity) return;
  const known: number[] = [];
  for (const { id } of contactsOf(table)) known.push(sharedPrefixBits(table.ownId, id));
  known.sort((a, b) => b - a);
  const neighbours = known[K - 1] ?? 0;
  for (; upkeep.fillFrom < neighbours; upkeep.fillFrom++) {
    if (known.filter((bits) => bits === upkeep.fillFrom).length >= K) continue;
    const target = randomIdSharing(table.ownId, upkeep.fillFrom, dht.rng);
    upkeep.fillLookup = startLookup(dht, network, target, { kind: "find" }, now, effects)?.key;
    if (upkeep.fillLookup !== undefined) return;
  }
  upkeep.fillFrom = Infinity;
}

function checkNodes(dht: Dht, network: NetworkState, now: number, effects: DhtEffect[]): void {
  const { upkeep, table } = network;
  for (const [host, heard] of upkeep.heard) {
    if (heard.dueAt > now) continue;
    if (upkeep.checks >= CHECKS_MAX) return;
    upkeep.heard.delete(host);
    if (!isStillWanted(network, heard)) continue;
    check(dht, network, heard, now, effects);
  }
  for (const contact of contactsOf(table)) {
    if (checkAt(contact) > now) continue;
    if (upkeep.checks >= CHECKS_MAX) return;
    if (check(dht, network, contact, now, effects)) {
      contact.checkedAt = now - randomBelow(dht.rng, Math.floor(CHECK_INTERVAL_MS * JITTER));
    }
  }
}

function isStillWanted({ table }: NetworkState, { id, endpoint }: HeardNode): boolean {
  if (id === undefined) return table.hosts.get(hostKey(endpoint)) === undefined;
  return wantsContact(table, id, endpoint);
}

/** Asks for nodes near a place of the node's own bucket, so that each check also finds others. */
function check(
  dht: Dht,
  network: NetworkState,
  { id, endpoint }: { readonly id: NodeInfo["id"] | undefined; readonly endpoint: Endpoint },
  now: number,
  effects: DhtEffect[],
): boolean {
  const { table, upkeep } = network;
  const index = id === undefined ? table.buckets.length : bucketIndexOf(table, id);
  const isNear = index >= table.buckets.length - 1;
  const target = isNear ? table.ownId : randomIdSharing(table.ownId, index, dht.rng);
  const body = { method: "find_node", target, want: [] } as const;
  const hasLeft = sendQuery(dht, network, endpoint, id, body, { kind: "check" }, now, effects);
  if (hasLeft) upkeep.checks++;
  return hasLeft;
}

/** A node that failed is asked again soon: it makes place for another, or was lost once. */
function checkAt(contact: Contact): number {
  const waitMs = contact.failures > 0 ? CHECK_INTERVAL_MS / 15 : CHECK_INTERVAL_MS;
  return Math.max(contact.checkedAt, contact.repliedAt) + waitMs;
}

function hear({ upkeep }: NetworkState, node: HeardNode): void {
  // It never gets into the table, so it would be asked whenever another node names it.
  if (upkeep.routers.has(node.endpoint)) return;
  const host = hostKey(node.endpoint);
  const known = upkeep.heard.get(host);
  if (known === undefined && upkeep.heard.size >= HEARD_MAX) return;
  // A due check is not postponed by being named again, only by a message of the node itself.
  const dueAt = known === undefined || node.heardAt !== undefined
    ? node.dueAt
    : Math.min(node.dueAt, known.dueAt);
  upkeep.heard.set(host, { ...node, heardAt: node.heardAt ?? known?.heardAt, dueAt });
  upkeep.nextAt = Math.min(upkeep.nextAt, dueAt);
}

function nextUpkeepAt({ upkeep, table }: NetworkState, now: number): number {
  let at = upkeep.selfLookup === undefined ? upkeep.selfLookupAt : Infinity;
  for (const { dueAt } of upkeep.heard.values()) at = Math.min(at, dueAt);
  for (const { contacts } of table.buckets) {
    for (const contact of contacts) at = Math.min(at, checkAt(contact));
  }
  return Math.max(at, now + UPKEEP_MIN_MS);
}
