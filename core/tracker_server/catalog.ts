/**
 * What the tracker keeps of each `.torrent` that was handed to it: enough to list, search and name
 * it. The files themselves stay with the shell. Two torrents may have one name; the info hash tells
 * them apart. Private torrents are found by their info hash only, and never listed or named.
 *
 * Deliberately absent: a search index. Names are few enough to look through one by one.
 */
import { fail, ok, type Result } from "../bytes/result.ts";
import {
  type Identity,
  type InfoHashV2,
  infoHashV2FromHex,
  swarmHashes,
  truncatedInfoHash,
} from "../metainfo/identity.ts";
import { infoHashFromHex } from "../metainfo/info_hash.ts";
import type { Metainfo } from "../metainfo/types.ts";
import type { InfoHash } from "../metainfo/info_hash.ts";

/** A list that is looked through in a few milliseconds, in some tens of megabytes. */
export const CATALOG_ENTRIES_MAX = 100_000;
/** A million pieces' hashes would be 20 MB; the torrents people share stay far below one. */
export const CATALOG_TORRENT_BYTES_MAX = 8 * 1024 * 1024;
/** Four times what file systems take; a list of a thousand names stays below a few megabytes. */
export const CATALOG_NAME_LENGTH_MAX = 1_000;
/** Maximum number and length of listed announce URLs: clients do not use dozens. */
const TRACKERS_LISTED_MAX = 20;
const TRACKER_LENGTH_MAX = 500;
/** Maximum length of a search. */
export const SEARCH_LENGTH_MAX = 200;
/** Entries of one answer: by default, and at most. */
export const LIST_LIMIT_DEFAULT = 100;
export const LIST_LIMIT_MAX = 1_000;

export interface CatalogEntry {
  /** The torrent's key: see `keyOf` in core/metainfo/identity.ts. */
  readonly infoHash: InfoHash;
  /** Of a torrent with a v2 part. */
  readonly infoHashV2?: InfoHashV2 | undefined;
  readonly name: string;
  /** Size of the content, padding left out. */
  readonly bytes: number;
  readonly pieceLength: number;
  readonly pieces: number;
  /** How many, padding left out. */
  readonly files: number;
  readonly isPrivate: boolean;
  /** Announce URLs of the torrent, the first of all tiers after each other. */
  readonly trackers: readonly string[];
  /** Seconds since 1970. */
  readonly addedAt: number;
}

/** An entry with its swarm, as in the tracker's JSON. */
export interface ListedTorrent extends Omit<CatalogEntry, "isPrivate" | "addedAt"> {
  readonly private: boolean;
  readonly seeders: number;
  readonly leechers: number;
  /** Finished downloads. */
  readonly completed: number;
  /** ISO 8601, in UTC. */
  readonly addedAt: string;
}

/** A listed entry with the name that is searched: folded once, not at every search. */
interface Card {
  readonly entry: CatalogEntry;
  readonly folded: string;
}

/** Opaque outside this module. */
export interface Catalog {
  readonly cards: Map<InfoHash, Card>;
  /** The keys of hybrids by the hashes of their v2 swarms. */
  readonly keysByV2: Map<InfoHash, InfoHash>;
  readonly entriesMax: number;
}

/** Which part of the public list is asked for. */
export interface ListQuery {
  /** Only torrents of exactly this name. */
  readonly name: string | undefined;
  /** Every one of these words must be in the name; an info hash names one torrent. */
  readonly text: string;
  readonly offset: number;
  readonly limit: number;
}

/** A part of the public list, newest first. */
export interface ListPage {
  /** Entries that match, all parts together. */
  readonly total: number;
  readonly entries: readonly CatalogEntry[];
}

/** A catalog without entries, for at most `entriesMax` of them. */
export function createCatalog(entriesMax: number = CATALOG_ENTRIES_MAX): Catalog {
  return { cards: new Map(), keysByV2: new Map(), entriesMax };
}

/** What the catalog keeps of a torrent; `addedAt` in seconds since 1970. */
export function catalogEntry(metainfo: Metainfo, addedAt: number): CatalogEntry {
  const { infoHash, identity, name, geometry, isPrivate } = metainfo;
  const content = metainfo.files.filter((file) => !file.pad);
  return {
    infoHash,
    infoHashV2: identity.v2,
    name,
    bytes: content.reduce((total, file) => total + file.length, 0),
    pieceLength: geometry.pieceLength,
    pieces: geometry.pieceCount,
    files: content.length,
    isPrivate,
    trackers: metainfo.announceTiers.flat()
      .filter((url) => url.length <= TRACKER_LENGTH_MAX)
      .slice(0, TRACKERS_LISTED_MAX),
    addedAt,
  };
}

/** The entry of an info hash, private or not; a hybrid is found by that of its v2 swarm, too. */
export function findEntry(catalog: Catalog, infoHash: InfoHash): CatalogEntry | undefined {
  return catalog.cards.get(catalog.keysByV2.get(infoHash) ?? infoHash)?.entry;
}

/** By what an entry's torrent is known. */
export function identityOf(
  { infoHash, infoHashV2 }: Pick<CatalogEntry, "infoHash" | "infoHashV2">,
): Identity {
  const hasV1 = infoHashV2 === undefined || truncatedInfoHash(infoHashV2) !== infoHash;
  return { v1: hasV1 ? infoHash : undefined, v2: infoHashV2 };
}

/** The swarms of every entry, private ones too, in the order they came in. */
export function infoHashesOf(catalog: Catalog): InfoHash[] {
  return [...catalog.cards.values()].flatMap(({ entry }) => swarmHashes(identityOf(entry)));
}

/** Whether an entry that is not there yet would be one too many. */
export function isCatalogFull(catalog: Catalog): boolean {
  return catalog.cards.size >= catalog.entriesMax;
}

/** Adds an entry. One that is there already stays as it is. */
export function addEntry(catalog: Catalog, entry: CatalogEntry): void {
  if (catalog.cards.has(entry.infoHash)) return;
  catalog.cards.set(entry.infoHash, { entry, folded: fold(entry.name) });
  for (const hash of swarmHashes(identityOf(entry)).slice(1)) {
    catalog.keysByV2.set(hash, entry.infoHash);
  }
}

/** Removes an entry; false when there is none. */
export function removeEntry(catalog: Catalog, infoHash: InfoHash): boolean {
  const entry = catalog.cards.get(infoHash)?.entry;
  if (entry === undefined) return false;
  for (const hash of swarmHashes(identityOf(entry)).slice(1)) catalog.keysByV2.delete(hash);
  return catalog.cards.delete(infoHash);
}

/** The public entries that match, newest first. */
export function listEntries(catalog: Catalog, query: ListQuery): ListPage {
  const { name, text, offset, limit } = query;
  const infoHashV2 = infoHashV2FromHex(text.trim());
  const infoHash = infoHashFromHex(text.trim()) ?? (infoHashV2 && truncatedInfoHash(infoHashV2));
  const wanted = infoHash && findEntry(catalog, infoHash);
  const words = fold(text).split(/\s+/).filter((word) => word !== "");
  const entries: CatalogEntry[] = [];
  for (const { entry, folded } of catalog.cards.values()) {
    if (entry.isPrivate || (name !== undefined && entry.name !== name)) continue;
    const matches = infoHash === undefined
      ? words.every((word) => folded.includes(word))
      : entry === wanted;
    if (matches) entries.push(entry);
  }
  const { length: total } = entries;
  // Entries are kept in the order they came in.
  const end = Math.max(0, total - offset);
  return { total, entries: entries.slice(Math.max(0, end - limit), end).reverse() };
}

/**
 * Reads the part of a URL after "?": `q`, `name`, `offset` and `limit`. Unknown parameters are
 * ignored. Errors: a sentence.
 */
export function parseListQuery(query: string): Result<ListQuery, string> {
  const parameters = new URLSearchParams(query);
  const text = parameters.get("q") ?? "";
  if (text.length > SEARCH_LENGTH_MAX) {
    return fail(`q is longer than ${SEARCH_LENGTH_MAX} characters; ask with fewer words`);
  }
  const name = parameters.get("name") ?? undefined;
  const offset = readCount(parameters.get("offset") ?? "0");
  if (offset === undefined) return fail("offset must be a number, 0 or more");
  const limit = readCount(parameters.get("limit") ?? String(LIST_LIMIT_DEFAULT));
  if (limit === undefined || limit > LIST_LIMIT_MAX) {
    return fail(`limit must be a number from 0 to ${LIST_LIMIT_MAX}`);
  }
  return ok({ name, text, offset, limit });
}

function readCount(text: string): number | undefined {
  return /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Case and accents of equal meaning don't count. */
function fold(text: string): string {
  return text.normalize("NFKC").toLowerCase();
}
