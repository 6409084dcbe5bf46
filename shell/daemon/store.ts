/**
 * The daemon's memory: `daemon.db` in the state folder, a SQLite database with every torrent, its
 * record and the sums over all runs. Each change is a transaction, so that a process that is killed, or a
 * full disk, leaves the last state that was whole. One daemon at a time has it.
 *
 * Deliberately absent: settings (settings.json, for people to read) and resume states (beside the
 * content, where `tt get` finds them, too).
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { join } from "node:path";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { Failure } from "../failure.ts";
import { readRecord, type TorrentRecord } from "./record.ts";

/** Raised whenever the tables change. */
const FORMAT = 1;

const SCHEMA = `
create table torrents (
  info_hash text primary key,
  torrent blob not null,
  record text not null
) strict;
create table facts (name text primary key, value text not null) strict;
pragma user_version = ${FORMAT};
`;

const SETTINGS = `
pragma locking_mode = exclusive;
pragma journal_mode = wal;
pragma synchronous = normal;
`;

/** One torrent as stored. */
export interface StoredTorrent {
  readonly infoHash: InfoHash;
  /** Bytes of the `.torrent`. */
  readonly torrent: Uint8Array;
  readonly record: TorrentRecord;
}

/** Sums over all runs. */
export interface StoredTotals {
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
  readonly filesAdded: number;
  readonly secondsActive: number;
  readonly sessionCount: number;
}

const NO_TOTALS: StoredTotals = {
  uploadedBytes: 0,
  downloadedBytes: 0,
  filesAdded: 0,
  secondsActive: 0,
  sessionCount: 0,
};

export class Store {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #setFact: StatementSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
    this.#insert = database.prepare(
      "insert or replace into torrents (info_hash, torrent, record) values (?, ?, ?)",
    );
    this.#update = database.prepare("update torrents set record = ? where info_hash = ?");
    this.#delete = database.prepare("delete from torrents where info_hash = ?");
    this.#setFact = database.prepare("insert or replace into facts (name, value) values (?, ?)");
  }

  /** Opens the database in `folder` for this process alone. Throws a Failure. */
  static open(folder: string): Store {
    const path = join(folder, "daemon.db");
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path);
      database.exec(SETTINGS);
      const { user_version: format } = database.prepare("pragma user_version").get()!;
      if (format === 0) database.exec(`begin exclusive; ${SCHEMA} commit`);
      else if (format !== FORMAT) throw foreignFormat(path);
      // The first write takes the lock, and keeps it.
      database.exec("begin exclusive; commit");
      return new Store(database);
    } catch (error) {
      database?.close();
      throw toStoreFailure(error, path);
    }
  }

  /** Every torrent, in the order of its queue; what can't be read any more is left out. */
  *torrents(): Iterable<StoredTorrent> {
    const rows = this.#database.prepare("select info_hash, torrent, record from torrents");
    for (const row of rows.iterate()) {
      const record = readRecord(row.record as string);
      if (record === undefined) continue;
      yield { infoHash: row.info_hash as InfoHash, torrent: row.torrent as Uint8Array, record };
    }
  }

  /** On the disk when it returns. Throws a Failure. */
  put({ infoHash, torrent, record }: StoredTorrent): void {
    this.#run(this.#insert, infoHash, torrent, JSON.stringify(record));
  }

  /** Kept when this process is killed. Throws a Failure. */
  update(records: Iterable<readonly [InfoHash, TorrentRecord]>): void {
    this.together(() => {
      for (const [infoHash, record] of records) {
        this.#run(this.#update, JSON.stringify(record), infoHash);
      }
    });
  }

  remove(infoHash: InfoHash): void {
    this.#run(this.#delete, infoHash);
  }

  totals(): StoredTotals {
    const row = this.#database.prepare("select value from facts where name = 'totals'").get();
    return { ...NO_TOTALS, ...JSON.parse((row?.value as string | undefined) ?? "{}") };
  }

  setTotals(totals: StoredTotals): void {
    this.#run(this.#setFact, "totals", JSON.stringify(totals));
  }

  /** All of it, or nothing. */
  together(work: () => void): void {
    if (this.#database.isTransaction) return work();
    this.#exec("begin");
    try {
      work();
      this.#exec("commit");
    } catch (error) {
      // A full disk has ended the transaction already.
      if (this.#database.isTransaction) this.#database.exec("rollback");
      throw error;
    }
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #exec(sql: string): void {
    try {
      this.#database.exec(sql);
    } catch (error) {
      throw toStoreFailure(error, this.#database.location() ?? "daemon.db");
    }
  }

  #run(statement: StatementSync, ...values: SQLInputValue[]): void {
    try {
      statement.run(...values);
    } catch (error) {
      throw toStoreFailure(error, this.#database.location() ?? "daemon.db");
    }
  }
}

function foreignFormat(path: string): Failure {
  const message =
    `The file ${path} was created by another version of tt; use that one, or choose ` +
    "another --state";
  return new Failure("disk", "format", message);
}

function toStoreFailure(error: unknown, path: string): Failure {
  if (error instanceof Failure) return error;
  const why = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  if (/locked|busy/.test(why)) {
    const message = `Another daemon uses ${path}; stop it with tt stop, or choose another --state`;
    return new Failure("disk", "in-use", message, options);
  }
  if (/not a database|malformed/.test(why)) {
    const message =
      `The file ${path} is not the state of a daemon, or is damaged; move it away, or choose ` +
      "another --state";
    return new Failure("disk", "damaged", message, options);
  }
  if (/full/.test(why)) {
    const message = `Cannot write ${path}: the disk is full; free some space, nothing was lost`;
    return new Failure("disk", "disk-full", message, options);
  }
  const reason = why.replace(/: .*/, "");
  const message = `Cannot use ${path}: ${reason}; check its folder, or choose another --state`;
  return new Failure("disk", "state", message, options);
}
