/**
 * The tracker's one file: a SQLite database with the catalog, and the swarms as a log of changes.
 *
 * A torrent is on the disk when `put` returns. The log is handed to the system at once, which keeps
 * it when this process is killed, and reaches the disk a little later: after a power cut, the last
 * seconds of announces may be missing, and clients repeat them.
 */
import { DatabaseSync } from "node:sqlite";
import { fromHex } from "../../../core/bytes/hex.ts";
import { infoHashV2FromBytes } from "../../../core/metainfo/identity.ts";
import { infoHashBytes, infoHashFromBytes } from "../../../core/metainfo/info_hash.ts";
import type { CatalogEntry } from "../../../core/tracker_server/catalog.ts";
import type { TorrentStore } from "../catalog/catalog.ts";

/** Raised whenever the tables change. */
const FORMAT = 2;

const SCHEMA = `
create table torrents (
  id integer primary key,
  info_hash blob not null unique,
  name text not null,
  bytes integer not null,
  piece_length integer not null,
  pieces integer not null,
  files integer not null,
  private integer not null,
  trackers text not null,
  added_at integer not null,
  torrent blob not null,
  info_hash_v2 blob
) strict;
create table swarm_log (seq integer primary key, changes blob not null) strict;
create table alive (id integer primary key check (id = 0), at integer not null) strict;
pragma user_version = ${FORMAT};
`;

/** From the first format, which knew no v2 torrents. */
const MIGRATION = `
alter table torrents add column info_hash_v2 blob;
pragma user_version = ${FORMAT};
`;

/**
 * SQLite's own journal is moved into the database this often: seldom, for it waits for the disk.
 */
const JOURNAL_PAGES_MAX = 8_000;
const SETTINGS = `
pragma locking_mode = exclusive;
pragma journal_mode = wal;
pragma synchronous = normal;
pragma wal_autocheckpoint = ${JOURNAL_PAGES_MAX};
`;

/** A place of the swarm log. */
export interface SwarmLog {
  /** Everything in the log, in the order it was written. */
  read(): Iterable<Uint8Array>;
  /** Adds changes; returns their place, counted upwards. */
  append(changes: Uint8Array): number;
  /** Deletes up to `countMax` entries before a place; true when none is left. */
  trim(before: number, countMax: number): boolean;
  /** When the tracker was last known to run, in seconds since 1970; undefined for a new file. */
  aliveAt(): number | undefined;
  setAliveAt(seconds: number): void;
}

export interface TrackerFile {
  readonly torrents: TorrentStore;
  readonly log: SwarmLog;
  close(): void;
}

/** Why the file can't be used: one sentence. */
export class TrackerFileError extends Error {
  override readonly name = "TrackerFileError";
}

/**
 * Opens the file for this process alone, and makes it if it is not there. Throws a
 * TrackerFileError.
 */
export function openTrackerFile(path: string): TrackerFile {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(SETTINGS);
    prepareTables(database, path);
    return { torrents: openTorrents(database), log: openLog(database), close: closeOnce(database) };
  } catch (error) {
    database?.close();
    throw toFileError(error, path);
  }
}

function prepareTables(database: DatabaseSync, path: string): void {
  const { user_version: format } = database.prepare("pragma user_version").get()!;
  if (format === FORMAT) return;
  if (format === 1) return database.exec(`begin exclusive; ${MIGRATION} commit`);
  if (format !== 0) {
    throw new TrackerFileError(
      `The file ${path} was created by another version of tt; use that one, or choose another --data`,
    );
  }
  database.exec(`begin exclusive; ${SCHEMA} commit`);
}

function openTorrents(database: DatabaseSync): TorrentStore {
  const columns =
    "info_hash, name, bytes, piece_length, pieces, files, private, trackers, added_at, info_hash_v2";
  const select = database.prepare(`select ${columns} from torrents order by id`);
  const selectBytes = database.prepare("select torrent from torrents where info_hash = ?");
  const insert = database.prepare(
    `insert into torrents (${columns}, torrent) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const remove = database.prepare("delete from torrents where info_hash = ?");
  /** The catalog is promised to survive a power cut; the log is not, and is much quicker for it. */
  const durably = (run: () => void) => {
    database.exec("pragma synchronous = full");
    try {
      run();
    } finally {
      database.exec("pragma synchronous = normal");
    }
  };
  return {
    *entries() {
      for (const row of select.iterate()) yield toEntry(row as unknown as TorrentRow);
    },
    bytes: (infoHash) =>
      selectBytes.get(infoHashBytes(infoHash))?.torrent as Uint8Array | undefined,
    put(entry, bytes) {
      const { name, pieceLength, pieces, files, trackers, addedAt } = entry;
      const hash = infoHashBytes(entry.infoHash);
      const facts = [name, entry.bytes, pieceLength, pieces, files, Number(entry.isPrivate)];
      const v2 = entry.infoHashV2 === undefined ? null : fromHex(entry.infoHashV2)!;
      durably(() => insert.run(hash, ...facts, trackers.join("\n"), addedAt, v2, bytes));
    },
    remove: (infoHash) => durably(() => remove.run(infoHashBytes(infoHash))),
  };
}

interface TorrentRow {
  readonly info_hash: Uint8Array;
  readonly name: string;
  readonly bytes: number;
  readonly piece_length: number;
  readonly pieces: number;
  readonly files: number;
  readonly private: number;
  /** URLs, a line each. */
  readonly trackers: string;
  readonly added_at: number;
  readonly info_hash_v2: Uint8Array | null;
}

function toEntry(row: TorrentRow): CatalogEntry {
  return {
    infoHash: infoHashFromBytes(row.info_hash),
    infoHashV2: row.info_hash_v2 === null ? undefined : infoHashV2FromBytes(row.info_hash_v2),
    name: row.name,
    bytes: row.bytes,
    pieceLength: row.piece_length,
    pieces: row.pieces,
    files: row.files,
    isPrivate: row.private !== 0,
    trackers: row.trackers.split("\n").filter((url) => url !== ""),
    addedAt: row.added_at,
  };
}

function openLog(database: DatabaseSync): SwarmLog {
  const select = database.prepare("select changes from swarm_log order by seq");
  const insert = database.prepare("insert into swarm_log (changes) values (?)");
  const trim = database.prepare(
    "delete from swarm_log where seq in (select seq from swarm_log where seq < ? order by seq limit ?)",
  );
  const alive = database.prepare("select at from alive");
  const setAlive = database.prepare("insert or replace into alive (id, at) values (0, ?)");
  return {
    *read() {
      for (const row of select.iterate()) yield row.changes as Uint8Array;
    },
    append: (changes) => Number(insert.run(changes).lastInsertRowid),
    trim: (before, countMax) => Number(trim.run(before, countMax).changes) < countMax,
    aliveAt: () => alive.get()?.at as number | undefined,
    setAliveAt: (seconds) => void setAlive.run(seconds),
  };
}

function closeOnce(database: DatabaseSync): () => void {
  return () => {
    if (database.isOpen) database.close();
  };
}

/** Why a file that could be opened can't be used: what is in it makes no sense. */
export function damagedFile(error: unknown, path: string): TrackerFileError {
  const message =
    `The file ${path} is not a tracker's database, or is damaged; move it away, or choose ` +
    "another --data";
  return new TrackerFileError(message, { cause: error });
}

function toFileError(error: unknown, path: string): TrackerFileError {
  if (error instanceof TrackerFileError) return error;
  const why = error instanceof Error ? error.message : String(error);
  if (/locked/.test(why)) {
    const message = `Another tracker uses the file ${path}; stop it, or choose another --data`;
    return new TrackerFileError(message, { cause: error });
  }
  if (/not a database|malformed|corrupt/.test(why)) return damagedFile(error, path);
  const reason = why.replace(/: .*/, "");
  const message =
    `Cannot use the file ${path}: ${reason}; choose another --data, or --store memory`;
  return new TrackerFileError(message, { cause: error });
}
