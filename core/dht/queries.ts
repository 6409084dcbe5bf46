/**
 * Queries under way: their unpredictable transactions, and how long to wait for an answer.
 * A query is slow when it takes longer than answers usually do, and lost when it takes much longer.
 */
import { assert } from "../bytes/result.ts";
import { type Endpoint, SCOPE_LOOPBACK, scopeOf } from "./endpoint.ts";
import type { QueryBody } from "./krpc.ts";
import { encodeQuery } from "./krpc_encode.ts";
import { type NodeId, textAt } from "./node_id.ts";
import type { DhtEffect } from "./protocol.ts";
import { contactAt } from "./routing_table.ts";
import type { Dht, NetworkState, PendingQuery, QueryPurpose } from "./state.ts";
import { takeQuery } from "./traffic.ts";

/**
 * Timeout as a multiple of a slow round trip, within these bounds. In the field, 99 of
 * 100 answers come within 3 s.
 */
const TIMEOUT_FACTOR = 10;
const TIMEOUT_MIN_MS = 2_000;
const TIMEOUT_MAX_MS = 4_000;
/** Bounds of the time after which another is asked in place of a slow node. */
const SLOW_MIN_MS = 100;
const SLOW_MAX_MS = 1_500;
/** Weights of TCP's estimate of round trips. Spec: RFC 6298, 2. */
const RTT_WEIGHT = 1 / 8;
const DEVIATION_WEIGHT = 1 / 4;
const DEVIATIONS = 4;
/** Characters of a transaction: four in a billion guesses hit, and the address must be right, too. */
const TRANSACTION_SIZE = 4;

type SentBody = Exclude<QueryBody, { method: "unknown" }>;

/** Sends a query unless a limit forbids it; whether it has left. */
export function sendQuery(
  dht: Dht,
  network: NetworkState,
  to: Endpoint,
  id: NodeId | undefined,
  body: SentBody,
  purpose: QueryPurpose,
  now: number,
  effects: DhtEffect[],
): boolean {
  const { options, traffic, queries } = dht;
  if (options.isLoopbackOnly && scopeOf(to) !== SCOPE_LOOPBACK) return false;
  if (!takeQuery(traffic, to, now)) return false;
  const transaction = nextTransaction(dht);
  const bytes = encodeQuery(transaction, network.table.ownId, options.isReadOnly, body);
  const slowMs = slowAfterMs(dht, contactAt(network.table, to)?.rttMs);
  const lostMs = Math.min(TIMEOUT_MAX_MS, Math.max(TIMEOUT_MIN_MS, TIMEOUT_FACTOR * slowMs));
  queries.pending.set(transaction, {
    network,
    to,
    id,
    sentAt: now,
    slowAt: now + slowMs,
    expiresAt: now + lostMs,
    isSlow: false,
    purpose,
  });
  send(dht, to, bytes, effects);
  return true;
}

/** Counts and sends any packet. */
export function send(dht: Dht, to: Endpoint, bytes: Uint8Array, effects: DhtEffect[]): void {
  const { totals } = dht.traffic;
  totals.packetsOut++;
  totals.bytesOut += bytes.length;
  effects.push({ kind: "send", to, bytes });
}

/** The query that an answer from `from` belongs to; it is no longer under way then. */
export function takePending(
  dht: Dht,
  transaction: string,
  from: Endpoint,
): PendingQuery | undefined {
  const query = dht.queries.pending.get(transaction);
  if (query === undefined || query.to !== from) return undefined;
  dht.queries.pending.delete(transaction);
  return query;
}

/** Learns from the time that an answer took. */
export function noteRoundTrip({ queries }: Dht, rttMs: number): void {
  const deviation = Math.abs(queries.rttMs - rttMs);
  queries.rttDeviationMs += DEVIATION_WEIGHT * (deviation - queries.rttDeviationMs);
  queries.rttMs += RTT_WEIGHT * (rttMs - queries.rttMs);
}

/** Queries that have become slow and queries that are lost; the lost are no longer under way. */
export function takeLate(
  { queries: { pending } }: Dht,
  now: number,
): { slow: PendingQuery[]; lost: PendingQuery[] } {
  const slow: PendingQuery[] = [];
  const lost: PendingQuery[] = [];
  for (const [transaction, query] of pending) {
    if (now >= query.expiresAt) {
      pending.delete(transaction);
      lost.push(query);
    } else if (now >= query.slowAt && !query.isSlow) {
      query.isSlow = true;
      slow.push(query);
    }
  }
  return { slow, lost };
}

/** When the next query becomes slow or is lost. */
export function nextLateAt({ queries: { pending } }: Dht): number {
  let at = Infinity;
  for (const { isSlow, slowAt, expiresAt, purpose } of pending.values()) {
    at = Math.min(at, isSlow || purpose.kind !== "lookup" ? expiresAt : slowAt);
  }
  return at;
}

/** A node that we know has its own time, others that of all. */
function slowAfterMs({ queries }: Dht, ownRttMs: number | undefined): number {
  const spread = DEVIATIONS * queries.rttDeviationMs;
  const usual = ownRttMs === undefined
    ? queries.rttMs + spread
    : Math.max(ownRttMs * 2, ownRttMs + spread / 2);
  return Math.min(SLOW_MAX_MS, Math.max(SLOW_MIN_MS, usual));
}

/** Five out of each hash over the secret and a count. */
function nextTransaction(dht: Dht): string {
  const { queries, options } = dht;
  for (;;) {
    if (queries.spare.length === 0) refill(dht);
    const transaction = queries.spare.pop()!;
    if (!queries.pending.has(transaction)) return transaction;
    assert(queries.pending.size < 2 ** 24, `${options.versions} has transactions left`);
  }
}

function refill({ queries, options }: Dht): void {
  const input = new Uint8Array(options.secret.length + 8);
  input.set(options.secret, 8);
  new DataView(input.buffer).setFloat64(0, queries.transactionCount++);
  const hash = options.sha1(input);
  for (let at = 0; at + TRANSACTION_SIZE <= hash.length; at += TRANSACTION_SIZE) {
    queries.spare.push(textAt(hash, at, TRANSACTION_SIZE));
  }
}
