/**
 * One iterative lookup: ask the closest nodes known for closer ones until the closest have
 * answered.
 *
 * Three queries are under way at a time. One that takes longer than its node's answers usually do
 * is called slow and leaves its place to the next, but its answer still counts. Answers may lie:
 * what only nodes have named whose other named nodes do not answer is not asked while there is
 * something else, a node that was named by a wrong id counts by its own, one host has one place,
 * one network two, and next to the eight closest nodes the lookup waits for the eight closest whose
 * ids follow from their addresses.
 *
 * Pure data: who sends and when is for the caller. Spec: BEP 5; BEP 42, enforcement; Kademlia, 2.3.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { type Endpoint, hostKey, ipVersionOf, networkKey } from "./endpoint.ts";
import type { NodeInfo } from "./krpc.ts";
import { compareDistance, type NodeId } from "./node_id.ts";
import { K } from "./routing_table.ts";
import { isCompliantId } from "./secure_id.ts";

/** Queries under way. Spec: Kademlia, 2.3. */
export const ALPHA = 3;
/** Queries of one lookup; in a network of millions about 40 are needed. */
export const LOOKUP_QUERIES_MAX = 120;
/** Nodes remembered, the closest. */
export const CANDIDATES_MAX = 150;
/** Nodes accepted from one response; an honest one has K. */
export const NODES_PER_ANSWER_MAX = 2 * K;
/** Nodes of one /24 or /48 in a lookup. */
const NETWORK_CANDIDATES_MAX = 2;
/** Named nodes that did not answer before the one that named them is doubted. */
const REFUTED_MAX = 3;
/** Nodes remembered that named the same one. */
const SOURCES_MAX = 4;

export interface Candidate {
  /** Undefined for a node of which only the address is known. */
  readonly id: NodeId | undefined;
  readonly endpoint: Endpoint;
  readonly isCompliant: boolean;
  /** Nodes between us and this one. */
  readonly hops: number;
  /** The node that named it; none for one of our table. */
  readonly sources: Candidate[];
  state: "fresh" | "asked" | "slow" | "replied" | "failed";
  /** To store something there. */
  token: Uint8Array | undefined;
  /** Of the nodes it named: how many answered, how many did not. */
  confirmed: number;
  refuted: number;
}

export interface Lookup {
  readonly target: NodeId;
  readonly version: IpVersion;
  readonly startedAt: number;
  /** Closest first. */
  readonly candidates: Candidate[];
  /** Addresses without ids, asked when nothing else is left. */
  readonly unnamed: Candidate[];
  readonly hosts: Map<string, Candidate>;
  readonly networks: Map<string, number>;
  queries: number;
  replies: number;
  /** Under way and not slow; under way and slow. */
  asked: number;
  slow: number;
}

/** A lookup without candidates. */
export function createLookup(target: NodeId, version: IpVersion, now: number): Lookup {
  return {
    target,
    version,
    startedAt: now,
    candidates: [],
    unnamed: [],
    hosts: new Map(),
    networks: new Map(),
    queries: 0,
    replies: 0,
    asked: 0,
    slow: 0,
  };
}

/** Notes a node to ask; false when it is known, of the other family or beyond a limit. */
export function addCandidate(
  lookup: Lookup,
  { id, endpoint }: NodeInfo,
  source: Candidate | undefined,
): boolean {
  const { candidates, hosts, networks } = lookup;
  if (ipVersionOf(endpoint) !== lookup.version) return false;
  const host = hostKey(endpoint);
  const known = hosts.get(host);
  if (known !== undefined) {
    if (known.id === id && known.endpoint === endpoint) addSource(known, source);
    return false;
  }
  const at = placeOf(lookup, id);
  if (at > 0 && candidates[at - 1]!.id === id) return false;
  if (at >= CANDIDATES_MAX) return false;
  const network = networkKey(endpoint);
  if (network !== undefined) {
    const count = networks.get(network) ?? 0;
    if (count >= NETWORK_CANDIDATES_MAX) return false;
    networks.set(network, count + 1);
  }
  const candidate = createCandidate(id, endpoint, source);
  hosts.set(host, candidate);
  candidates.splice(at, 0, candidate);
  if (candidates.length > CANDIDATES_MAX) {
    // One that was asked stays, since its answer is counted.
    const farthest = candidates.findLastIndex(({ state }) => state === "fresh");
    if (farthest >= 0) candidates.splice(farthest, 1);
  }
  return true;
}

/** Notes an address to begin with. */
export function addUnnamed(lookup: Lookup, endpoint: Endpoint): void {
  const host = hostKey(endpoint);
  if (ipVersionOf(endpoint) !== lookup.version || lookup.hosts.has(host)) return;
  const candidate = createCandidate(undefined, endpoint, undefined);
  lookup.hosts.set(host, candidate);
  lookup.unnamed.push(candidate);
}

/**
 * A candidate answered whose id was not known, or was told wrongly: from here on it is another, of
 * its own id. The old one, which must be replied, counts no more.
 */
export function nameCandidate(lookup: Lookup, old: Candidate, id: NodeId): Candidate {
  for (const list of [lookup.unnamed, lookup.candidates]) {
    const at = list.indexOf(old);
    if (at >= 0) list.splice(at, 1);
  }
  const { endpoint, hops, state, sources } = old;
  const named = { ...createCandidate(id, endpoint, undefined), hops, state, sources };
  lookup.candidates.splice(placeOf(lookup, id), 0, named);
  lookup.hosts.set(hostKey(endpoint), named);
  return named;
}

/** Behind all that are as close or closer. */
function placeOf({ candidates, target }: Lookup, id: NodeId): number {
  let at = candidates.length;
  while (at > 0 && compareDistance(id, candidates[at - 1]!.id!, target) < 0) at--;
  return at;
}

/** A node of our table is trusted without a source. */
function addSource({ sources }: Candidate, source: Candidate | undefined): void {
  if (source === undefined || sources.length === 0 || sources.length >= SOURCES_MAX) return;
  if (!sources.includes(source)) sources.push(source);
}

function createCandidate(
  id: NodeId | undefined,
  endpoint: Endpoint,
  source: Candidate | undefined,
): Candidate {
  return {
    id,
    endpoint,
    isCompliant: id !== undefined && isCompliantId(id, endpoint),
    hops: source === undefined ? 1 : source.hops + 1,
    sources: source === undefined ? [] : [source],
    state: "fresh",
    token: undefined,
    confirmed: 0,
    refuted: 0,
  };
}

/** The next node to ask; undefined when none should be asked now. */
export function nextCandidate(lookup: Lookup): Candidate | undefined {
  if (lookup.asked >= ALPHA || lookup.queries >= LOOKUP_QUERIES_MAX) return undefined;
  const found = nextOf(lookup, false);
  if (found !== undefined) return found;
  if (lookup.replies >= K) return undefined;
  return nextOf(lookup, true) ?? lookup.unnamed.find((candidate) => candidate.state === "fresh");
}

/** The closest one to ask among the K closest, and among the K closest whose ids are proper. */
function nextOf(lookup: Lookup, asksDoubted: boolean): Candidate | undefined {
  let alive = 0;
  let compliant = 0;
  for (const candidate of lookup.candidates) {
    if (alive >= K && compliant >= K) return undefined;
    if (candidate.state === "failed" || candidate.state === "slow") continue;
    if (candidate.state === "fresh") {
      if (!asksDoubted && isDoubted(candidate)) continue;
      if (alive < K || candidate.isCompliant) return candidate;
      continue;
    }
    alive++;
    if (candidate.isCompliant) compliant++;
  }
  return undefined;
}

function isDoubted({ sources }: Candidate): boolean {
  return sources.length > 0 &&
    sources.every(({ confirmed, refuted }) => refuted >= REFUTED_MAX && refuted > confirmed);
}

/**
 * Whether nothing is left to ask and to wait for; slow nodes are not waited for once K answered.
 */
export function isLookupDone(lookup: Lookup): boolean {
  if (lookup.asked > 0) return false;
  if (lookup.slow > 0 && lookup.replies < K) return false;
  return nextCandidate(lookup) === undefined;
}

/** The query has left. */
export function markAsked(lookup: Lookup, candidate: Candidate): void {
  candidate.state = "asked";
  lookup.queries++;
  lookup.asked++;
}

/** It takes longer than usual. */
export function markSlow(lookup: Lookup, candidate: Candidate): void {
  candidate.state = "slow";
  lookup.asked--;
  lookup.slow++;
  for (const source of candidate.sources) source.refuted++;
}

/** It answered, as the node it was said to be unless `isMisnamed`. */
export function markReplied(lookup: Lookup, candidate: Candidate, isMisnamed = false): void {
  for (const source of candidate.sources) {
    if (candidate.state === "slow") source.refuted--;
    if (isMisnamed) source.refuted++;
    else source.confirmed++;
  }
  release(lookup, candidate);
  candidate.state = "replied";
  lookup.replies++;
}

/** It did not answer, or as another. */
export function markFailed(lookup: Lookup, candidate: Candidate): void {
  // One that was slow is counted already.
  if (candidate.state !== "slow") { for (const source of candidate.sources) source.refuted++; }
  release(lookup, candidate);
  candidate.state = "failed";
}

/** It could not be asked at all. */
export function skip(candidate: Candidate): void {
  candidate.state = "failed";
}

function release(lookup: Lookup, candidate: Candidate): void {
  if (candidate.state === "slow") lookup.slow--;
  if (candidate.state === "asked") lookup.asked--;
}

/**
 * Where to store: of those that gave a token, the K closest and the K closest whose ids are proper.
 *
 * Spec: BEP 42, enforcement and transition.
 */
export function storeTargets(lookup: Lookup): Candidate[] {
  const ready = lookup.candidates.filter(({ state, token }) =>
    state === "replied" && token !== undefined
  );
  const proper = ready.filter(({ isCompliant }) => isCompliant).slice(0, K);
  return [...new Set([...proper, ...ready.slice(0, K)])];
}

/** The `count` closest nodes that answered. */
export function closestReplied(lookup: Lookup, count: number): Candidate[] {
  return lookup.candidates.filter(({ state }) => state === "replied").slice(0, count);
}
