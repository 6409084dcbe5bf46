/**
 * The tracker's `.torrent` files: the list of `core/tracker_server/catalog.ts`, and a store that holds
 * the bytes. A torrent is listed once the store has it, so whatever was answered is kept.
 */
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { fail, ok, type Result } from "../../../core/bytes/result.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  addEntry,
  type Catalog,
  CATALOG_NAME_LENGTH_MAX,
  CATALOG_TORRENT_BYTES_MAX,
  type CatalogEntry,
  catalogEntry,
  createCatalog,
  findEntry,
  infoHashesOf,
  isCatalogFull,
  removeEntry,
} from "../../../core/tracker_server/catalog.ts";
import { readMetainfo } from "../../read_metainfo.ts";

/** Bytes of all torrents together that a store in memory takes. */
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;

/** Where `.torrent` files are kept. Every method throws when the place fails. */
export interface TorrentStore {
  /** In the order they were put there. */
  entries(): Iterable<CatalogEntry>;
  /** The `.torrent`; undefined when it is not there. */
  bytes(infoHash: InfoHash): Uint8Array | undefined;
  /** Returns when the torrent would survive a power cut, where that is the store's promise. */
  put(entry: CatalogEntry, bytes: Uint8Array): void;
  remove(infoHash: InfoHash): void;
}

/** Why an upload was not taken: an HTTP status and a sentence. */
export interface UploadRefusal {
  readonly status: 400 | 413 | 507;
  readonly message: string;
}

export class TorrentCatalog {
  readonly list: Catalog = createCatalog();
  readonly #store: TorrentStore;

  constructor(store: TorrentStore) {
    this.#store = store;
    for (const entry of store.entries()) addEntry(this.list, entry);
  }

  find(infoHash: InfoHash): CatalogEntry | undefined {
    return findEntry(this.list, infoHash);
  }

  infoHashes(): InfoHash[] {
    return infoHashesOf(this.list);
  }

  bytes(infoHash: InfoHash): Uint8Array | undefined {
    return this.#store.bytes(infoHash);
  }

  /**
   * Takes a `.torrent`; one that is there already changes nothing. `addedAt` is in seconds since 1970,
   * now unless given.
   */
  add(
    bytes: Uint8Array,
    addedAt: number = Math.floor(Date.now() / 1000),
  ): Result<{ entry: CatalogEntry; isNew: boolean }, UploadRefusal> {
    if (bytes.length > CATALOG_TORRENT_BYTES_MAX) return fail(tooLarge());
    const metainfo = readMetainfo(bytes);
    if (!metainfo.ok) {
      return fail({ status: 400, message: describeMetainfoError(metainfo.error) });
    }
    const { name } = metainfo.value;
    if (name.length > CATALOG_NAME_LENGTH_MAX) return fail(nameTooLong(name.length));
    const known = this.find(metainfo.value.infoHash);
    if (known !== undefined) return ok({ entry: known, isNew: false });
    if (isCatalogFull(this.list)) return fail(full());
    const entry = catalogEntry(metainfo.value, addedAt);
    try {
      this.#store.put(entry, bytes);
    } catch (error) {
      return fail(error instanceof StoreFull ? full() : notSaved(error));
    }
    addEntry(this.list, entry);
    return ok({ entry, isNew: true });
  }

  /** False when there is no such torrent. */
  remove(infoHash: InfoHash): boolean {
    if (this.find(infoHash) === undefined) return false;
    this.#store.remove(infoHash);
    return removeEntry(this.list, infoHash);
  }
}

/** What a store throws that takes no more. */
export class StoreFull extends Error {
  override readonly name = "StoreFull";
}

/** A store that is gone with the process. */
export function createMemoryStore(bytesMax: number = MEMORY_BYTES_MAX): TorrentStore {
  const held = new Map<InfoHash, { entry: CatalogEntry; bytes: Uint8Array }>();
  let size = 0;
  return {
    *entries() {
      for (const { entry } of held.values()) yield entry;
    },
    bytes: (infoHash) => held.get(infoHash)?.bytes,
    put(entry, bytes) {
      if (size + bytes.length > bytesMax) throw new StoreFull();
      size += bytes.length;
      held.set(entry.infoHash, { entry, bytes });
    },
    remove(infoHash) {
      size -= held.get(infoHash)?.bytes.length ?? 0;
      held.delete(infoHash);
    },
  };
}

/** The answer to bytes beyond the limit, whether all of them were read or not. */
export function tooLarge(): UploadRefusal {
  const message = `A torrent of more than ${CATALOG_TORRENT_BYTES_MAX} bytes is not taken here; ` +
    "make it with longer pieces";
  return { status: 413, message };
}

function nameTooLong(length: number): UploadRefusal {
  const message = `The torrent's name has ${length} characters, and no list holds more than ` +
    `${CATALOG_NAME_LENGTH_MAX}; make it with a shorter one`;
  return { status: 400, message };
}

function notSaved(error: unknown): UploadRefusal {
  const why = error instanceof Error ? error.message : String(error);
  return { status: 507, message: `The torrent cannot be saved: ${why}; send it again later` };
}

function full(): UploadRefusal {
  return {
    status: 507,
    message: "The catalog is full; ask the operator of this tracker to remove some torrents",
  };
}
