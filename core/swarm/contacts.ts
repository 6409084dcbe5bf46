/**
 * The peers that peer exchange tells others of, in one list that all exchanges of a swarm share: each
 * exchange remembers how far it has read instead of what it has told.
 *
 * Invariants: numbers rise in the order in which contacts were listed, and are never used twice;
 * `departed` holds the latest of those that were listed and are not any more, in that order.
 */
import { addressText, type PeerAddress } from "../bytes/address.ts";
import type { View } from "../bytes/view.ts";
import type { PexContact } from "../wire/ut_pex.ts";

/** Those that every exchange has long read are among the ones that are dropped first. */
export const DEPARTED_MAX = 2_000;

interface OwnContact {
  readonly number: number;
  readonly address: PeerAddress;
  /** The text of the address. */
  readonly text: string;
  flags: number;
  /** The update that listed it last. */
  update: number;
}

export type Contact = View<OwnContact>;

interface Own {
  /** By the text of the address, in the order of their numbers. */
  readonly listed: Map<string, OwnContact>;
  nextNumber: number;
  departed: OwnContact[];
  /** How many have departed, those that `departed` does not hold any more among them. */
  departures: number;
  updates: number;
}

export interface Contacts extends Pick<View<Own>, "nextNumber" | "departures"> {
  readonly listed: ReadonlyMap<string, Contact>;
  readonly departed: readonly Contact[];
}

/** Nobody is connected. */
export function createContacts(): Contacts {
  const own: Own = { listed: new Map(), nextNumber: 0, departed: [], departures: 0, updates: 0 };
  return own;
}

/** Lists those that are new among `connected`, and notes which of the listed ones are not there any more. */
export function updateContacts(view: Contacts, connected: Iterable<PexContact>): void {
  const own = view as Own;
  const update = ++own.updates;
  for (const { address, flags } of connected) {
    const text = addressText(address);
    const known = own.listed.get(text);
    if (known === undefined) {
      own.listed.set(text, { number: own.nextNumber++, address, text, flags, update });
    } else {
      known.flags = flags;
      known.update = update;
    }
  }
  for (const contact of own.listed.values()) {
    if (contact.update === update) continue;
    own.listed.delete(contact.text);
    own.departed.push(contact);
    own.departures++;
  }
  if (own.departed.length > DEPARTED_MAX) own.departed = own.departed.slice(-DEPARTED_MAX / 2);
}

/** Those that departed after the first `seen` ones, as far as they are remembered. */
export function departedSince(
  { departed, departures }: Contacts,
  seen: number,
): readonly Contact[] {
  return seen === departures
    ? []
    : departed.slice(Math.max(0, departed.length - departures + seen));
}
