/**
 * The peers of one info hash, whether or not its metadata is known: addresses, connections,
 * extensions, trackers. Composed here; each part is declared, made and changed by its owner:
 *
 *     address_book.ts  addresses that may be dialled, and those that never are
 *     connections.ts   who is connected
 *     liveness.ts      when a connection last received and sent a message
 *     extensions.ts    what a connection's extension handshake said, and the extensions' own state
 *     announcing.ts    the trackers
 *
 * Deliberately absent: pieces. A swarm does not know of a transfer; `core/torrent` carries the news
 * between them.
 */
import type { PeerAddress } from "../bytes/address.ts";
import { createJobs, type JobCounter, type Jobs } from "../bytes/jobs.ts";
import type { Rng } from "../bytes/random.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";
import { type AddressBook, createAddressBook } from "./address_book.ts";
import { type Announcing, createAnnouncing } from "./announcing.ts";
import { type ConnectionTable, createConnectionTable } from "./connections.ts";
import { createExtensions, type Extension, type Extensions } from "./extensions.ts";

export interface SwarmOptions {
  readonly infoHash: InfoHash;
  /** 20 bytes. */
  readonly peerId: Uint8Array;
  /** The port that we tell others to dial. */
  readonly port: number;
  /**
   * UDP port of our DHT node, sent to peers that have one; undefined without. Spec: BEP 5, PORT.
   */
  readonly dhtPort?: number | undefined;
  /** What `v` says in the extension handshake. */
  readonly clientName: string;
  readonly announceTiers: readonly (readonly string[])[];
  /** Only the tracker's peers are dialled. Spec: BEP 27. */
  readonly isPrivate: boolean;
  /**
   * The info dictionary, to be served; undefined while only the info hash is known. Spec: BEP 9.
   */
  readonly infoBytes?: Uint8Array | undefined;
  /**
   * Undefined: BEP 40. A traced run computes it from pseudonyms, so that its replay finds the
   * same.
   */
  readonly priorityOf?: ((ours: PeerAddress, theirs: PeerAddress) => number) | undefined;
}

export type SwarmJob =
  | { readonly kind: "announce"; readonly url: string }
  | { readonly kind: "check-metadata"; readonly bytes: Uint8Array };

export interface Swarm extends ConnectionTable {
  readonly options: SwarmOptions;
  readonly rng: Rng;
  readonly jobs: Jobs<SwarmJob>;
  readonly addresses: AddressBook;
  readonly announcing: Announcing;
  readonly extensions: Extensions;
}

/** A swarm without peers that supports `extensions`. */
export function createSwarm(
  options: SwarmOptions,
  extensions: readonly Extension[],
  rng: Rng,
  counter: JobCounter,
): Swarm {
  return {
    options,
    rng,
    jobs: createJobs(counter),
    addresses: createAddressBook(options.isPrivate, counter),
    announcing: createAnnouncing(options.announceTiers, rng),
    extensions: createExtensions(extensions),
    ...createConnectionTable(),
  };
}
