/**
 * Who we are: our address as others see it, by vote, and an id that follows from it.
 *
 * Spec: BEP 42, bootstrapping.
 */
import { type Endpoint, ipVersionOf, isUsable, networkKey, scopeOf, withPort } from "./endpoint.ts";
import { addContact, contactsOf, createRoutingTable } from "./routing_table.ts";
import { createSecureId, isCompliantId } from "./secure_id.ts";
import type { Dht, NetworkState } from "./state.ts";

/** Networks whose vote counts; the last. */
const VOTERS_MAX = 32;
/** Votes needed before an address is accepted. */
const VOTES_MIN = 8;
/** More than this part of the votes must agree. */
const MAJORITY = 2 / 3;
/** The port does not matter here. */
const ANY_PORT = 1;

/**
 * Counts what an answering node says of our address. True when our id had to change: the table was
 * rebuilt around the new one, and our neighbours must be looked up.
 */
export function voteForAddress(
  dht: Dht,
  network: NetworkState,
  voter: Endpoint,
  ownEndpoint: Endpoint,
  now: number,
): boolean {
  const address = withPort(ownEndpoint, ANY_PORT);
  if (ipVersionOf(address) !== network.version || !isUsable(address)) return false;
  // A node in our own network sees us by another address than the world does.
  if (scopeOf(voter) !== scopeOf(address)) return false;
  const { votes } = network;
  const key = networkKey(voter) ?? voter;
  votes.delete(key);
  votes.set(key, address);
  if (votes.size > VOTERS_MAX) votes.delete(votes.keys().next().value!);
  if (address === network.external || votes.size < VOTES_MIN) return false;
  let agreeing = 0;
  for (const vote of votes.values()) if (vote === address) agreeing++;
  if (agreeing <= MAJORITY * votes.size) return false;
  network.external = address;
  if (isCompliantId(network.table.ownId, address)) return false;
  rebuildTable(dht, network, address, now);
  return true;
}

function rebuildTable(dht: Dht, network: NetworkState, address: Endpoint, now: number): void {
  const old = network.table;
  network.table = createRoutingTable(createSecureId(address, dht.rng), network.version);
  for (const { id, endpoint, rttMs } of contactsOf(old)) {
    addContact(network.table, id, endpoint, rttMs, now);
  }
}
