/**
 * The nodes we know of one IP version, the nearer to our id the more of them. Bucket `i` holds
 * nodes that share exactly `i` leading bits with our id, the last bucket those that share at least
 * as many.
 *
 * Invariants: every node answered a query of ours that it had no reason to expect; no host has two
 * nodes, no /24 more than NETWORK_NODES_MAX, nor more than one in a bucket; a full bucket keeps its
 * oldest nodes that answer, since those will be there longest.
 *
 * Spec: BEP 5, routing table; BEP 42; Kademlia (Maymounkov, Mazières 2002), 2.4.
 */
import type { IpVersion } from "../bytes/compact_peers.ts";
import { type Endpoint, hostKey, networkKey } from "./endpoint.ts";
import { compareDistance, NODE_ID_BITS, type NodeId, sharedPrefixBits } from "./node_id.ts";
import { isCompliantId } from "./secure_id.ts";

/** Nodes in an answer, nodes that a torrent is announced to, nodes of a bucket. Spec: BEP 5. */
export const K = 8;
/** The far buckets cover most of the space: with more nodes there a lookup takes fewer hops. */
const BUCKET_SIZES = [32, 24, 16];
/** Nodes that answered and wait for a place. */
const REPLACEMENTS_MAX = 8;
/** Nodes of one /24 or /48 in the table. */
export const NETWORK_NODES_MAX = 4;
/** Failures in a row after which a node makes place for one that waits. Spec: BEP 5. */
const FAILURES_TO_REPLACE = 2;
/** After this many failures it is removed even without a replacement. */
const FAILURES_TO_REMOVE = 4;

export interface Contact {
  readonly id: NodeId;
  readonly endpoint: Endpoint;
  /** Its id follows from its address. */
  readonly isCompliant: boolean;
  /** Its last answer. */
  repliedAt: number;
  /** Our last query to it as one of the table, answered or not. */
  checkedAt: number;
  /** Queries in a row that it did not answer. */
  failures: number;
  /** Of its last answer. */
  rttMs: number;
}

interface Bucket {
  /** Oldest first. */
  readonly contacts: Contact[];
  /** The newest last. */
  readonly replacements: Contact[];
}

export interface RoutingTable {
  readonly ownId: NodeId;
  readonly version: IpVersion;
  readonly buckets: Bucket[];
  /** Contacts and replacements by host. */
  readonly hosts: Map<string, Contact>;
  /** Contacts by network. */
  readonly networks: Map<string, number>;
  /** Contacts, without replacements. */
  size: number;
}

/** A table without nodes. */
export function createRoutingTable(ownId: NodeId, version: IpVersion): RoutingTable {
  return {
    ownId,
    version,
    buckets: [{ contacts: [], replacements: [] }],
    hosts: new Map(),
    networks: new Map(),
    size: 0,
  };
}

/** The contact or replacement at exactly this endpoint. */
export function contactAt(table: RoutingTable, endpoint: Endpoint): Contact | undefined {
  const contact = table.hosts.get(hostKey(endpoint));
  return contact?.endpoint === endpoint ? contact : undefined;
}

/**
 * Takes in a node that answered. True when it is in the table now. A node at a known endpoint whose
 * id has changed is removed, since one of the two was a lie; so is one whose id another endpoint
 * has.
 */
export function addContact(
  table: RoutingTable,
  id: NodeId,
  endpoint: Endpoint,
  rttMs: number,
  now: number,
): boolean {
  if (id === table.ownId) return false;
  const known = table.hosts.get(hostKey(endpoint));
  if (known !== undefined) {
    if (known.endpoint !== endpoint) return false;
    if (known.id !== id) {
      removeContact(table, known);
      return false;
    }
    known.repliedAt = now;
    known.failures = 0;
    known.rttMs = rttMs;
    return placeAgain(table, known);
  }
  const bucket = bucketOf(table, id);
  if (bucket.contacts.some((contact) => contact.id === id)) return false;
  const contact: Contact = {
    id,
    endpoint,
    isCompliant: isCompliantId(id, endpoint),
    repliedAt: now,
    checkedAt: now,
    failures: 0,
    rttMs,
  };
  return place(table, contact);
}

/** Whether a node that was named to us would find a place, so that it is worth asking. */
export function wantsContact(table: RoutingTable, id: NodeId, endpoint: Endpoint): boolean {
  if (id === table.ownId || table.hosts.has(hostKey(endpoint))) return false;
  const index = bucketIndexOf(table, id);
  const { contacts } = table.buckets[index]!;
  if (isNetworkFull(table, contacts, endpoint)) return false;
  if (contacts.length < bucketSize(index)) return true;
  if (isLast(table, index) && sharedPrefixBits(table.ownId, id) > index) return true;
  return contacts.some((contact) => contact.failures > 0);
}

/** Counts a query that was not answered; the node may lose its place. */
export function countFailure(table: RoutingTable, contact: Contact): void {
  contact.failures++;
  const bucket = bucketOf(table, contact.id);
  if (!bucket.contacts.includes(contact)) return removeContact(table, contact);
  if (contact.failures < FAILURES_TO_REPLACE) return;
  if (bucket.replacements.length > 0 || contact.failures >= FAILURES_TO_REMOVE) {
    removeContact(table, contact);
    promote(table, bucket);
  }
}

/** Removes a node that sent wrong data. */
export function removeContact(table: RoutingTable, contact: Contact): void {
  const bucket = bucketOf(table, contact.id);
  const at = bucket.contacts.indexOf(contact);
  if (at >= 0) {
    bucket.contacts.splice(at, 1);
    table.size--;
    const network = networkKey(contact.endpoint);
    if (network !== undefined) {
      const left = table.networks.get(network)! - 1;
      if (left === 0) table.networks.delete(network);
      else table.networks.set(network, left);
    }
  } else {
    const waiting = bucket.replacements.indexOf(contact);
    if (waiting >= 0) bucket.replacements.splice(waiting, 1);
  }
  table.hosts.delete(hostKey(contact.endpoint));
}

/** The `count` nodes closest to `target`, closest first; those that fail only where others lack. */
export function closestContacts(table: RoutingTable, target: NodeId, count: number): Contact[] {
  const { buckets } = table;
  const home = Math.min(sharedPrefixBits(table.ownId, target), buckets.length - 1);
  const found: Contact[] = [];
  const failing: Contact[] = [];
  const take = (from: number, to: number) => {
    const level: Contact[] = [];
    for (let i = from; i < to; i++) {
      for (const contact of buckets[i]!.contacts) {
        (contact.failures === 0 ? level : failing).push(contact);
      }
    }
    level.sort((a, b) => compareDistance(a.id, b.id, target));
    for (const contact of level) found.push(contact);
  };
  // Nodes of our target's bucket share more bits with it than those of any other; those nearer to
  // us all share as many with it as we do; farther buckets share less and less.
  take(home, home + 1);
  if (found.length < count) take(home + 1, buckets.length);
  for (let i = home - 1; i >= 0 && found.length < count; i--) take(i, i + 1);
  if (found.length < count) {
    failing.sort((a, b) => compareDistance(a.id, b.id, target));
    for (const contact of failing) found.push(contact);
  }
  return found.length > count ? found.slice(0, count) : found;
}

/** Every node of the table. */
export function* contactsOf(table: RoutingTable): Generator<Contact> {
  for (const { contacts } of table.buckets) yield* contacts;
}

/** How many nodes bucket `index` may hold. */
export function bucketSize(index: number): number {
  return BUCKET_SIZES[index] ?? K;
}

/** Where an id belongs as the table is now. */
export function bucketIndexOf(table: RoutingTable, id: NodeId): number {
  return Math.min(sharedPrefixBits(table.ownId, id), table.buckets.length - 1);
}

function bucketOf(table: RoutingTable, id: NodeId): Bucket {
  return table.buckets[bucketIndexOf(table, id)]!;
}

function isLast(table: RoutingTable, index: number): boolean {
  return index === table.buckets.length - 1 && index < NODE_ID_BITS - 1;
}

function place(table: RoutingTable, contact: Contact): boolean {
  const index = bucketIndexOf(table, contact.id);
  const bucket = table.buckets[index]!;
  if (isNetworkFull(table, bucket.contacts, contact.endpoint)) return false;
  if (bucket.contacts.length < bucketSize(index)) {
    insert(table, bucket, contact);
    return true;
  }
  if (isLast(table, index)) {
    split(table);
    return place(table, contact);
  }
  const worst = worstOf(bucket);
  if (worst.failures > 0 || (contact.isCompliant && !worst.isCompliant)) {
    removeContact(table, worst);
    insert(table, bucket, contact);
    return true;
  }
  if (bucket.replacements.length === REPLACEMENTS_MAX) {
    table.hosts.delete(hostKey(bucket.replacements.shift()!.endpoint));
  }
  bucket.replacements.push(contact);
  table.hosts.set(hostKey(contact.endpoint), contact);
  return false;
}

/** A node that is known answered: one that waits may take the place of one that fails. */
function placeAgain(table: RoutingTable, contact: Contact): boolean {
  const index = bucketIndexOf(table, contact.id);
  const bucket = table.buckets[index]!;
  if (bucket.contacts.includes(contact)) return true;
  if (bucket.contacts.length >= bucketSize(index) && worstOf(bucket).failures === 0) return false;
  removeContact(table, contact);
  return place(table, contact);
}

function insert(table: RoutingTable, bucket: Bucket, contact: Contact): void {
  bucket.contacts.push(contact);
  table.size++;
  table.hosts.set(hostKey(contact.endpoint), contact);
  const network = networkKey(contact.endpoint);
  if (network !== undefined) table.networks.set(network, (table.networks.get(network) ?? 0) + 1);
}

/** The last bucket keeps what shares one bit more. */
function split(table: RoutingTable): void {
  const index = table.buckets.length - 1;
  const bucket = table.buckets[index]!;
  const next: Bucket = { contacts: [], replacements: [] };
  for (const list of ["contacts", "replacements"] as const) {
    const all = bucket[list].splice(0);
    for (const contact of all) {
      const isNear = sharedPrefixBits(table.ownId, contact.id) > index;
      (isNear ? next : bucket)[list].push(contact);
    }
  }
  table.buckets.push(next);
  // Buckets near us are smaller than those that far nodes were gathered in.
  while (bucket.contacts.length > bucketSize(index)) removeContact(table, worstOf(bucket));
  promote(table, bucket);
  promote(table, next);
}

/** Fills a bucket with those that wait, the newest first: they are the likeliest to be there. */
function promote(table: RoutingTable, bucket: Bucket): void {
  const index = table.buckets.indexOf(bucket);
  for (let i = bucket.replacements.length - 1; i >= 0; i--) {
    if (bucket.contacts.length >= bucketSize(index)) return;
    const contact = bucket.replacements[i]!;
    if (isNetworkFull(table, bucket.contacts, contact.endpoint)) continue;
    bucket.replacements.splice(i, 1);
    insert(table, bucket, contact);
  }
}

/** The one that fails most, else one whose id does not follow from its address, else the newest. */
function worstOf(bucket: Bucket): Contact {
  let worst = bucket.contacts[0]!;
  for (const contact of bucket.contacts) {
    const difference = contact.failures - worst.failures;
    const isWorse = difference > 0 ||
      (difference === 0 && Number(contact.isCompliant) <= Number(worst.isCompliant));
    if (isWorse) worst = contact;
  }
  return worst;
}

function isNetworkFull(
  table: RoutingTable,
  contacts: readonly Contact[],
  endpoint: Endpoint,
): boolean {
  const network = networkKey(endpoint);
  if (network === undefined) return false;
  if ((table.networks.get(network) ?? 0) >= NETWORK_NODES_MAX) return true;
  return contacts.some((contact) => networkKey(contact.endpoint) === network);
}
