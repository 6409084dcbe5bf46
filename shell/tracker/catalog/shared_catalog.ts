/**
 * One catalog for all trackers on a Redis. Each tracker has a complete local copy, so lists and
 * files are answered from there, with Redis or without; Redis holds what there is and hands it on:
 *
 *     tt:{catalog}:born    string  drawn when the catalog began; another one means that it began anew
 *     tt:{catalog}:seq     string  number of the last change
 *     tt:{catalog}:there   zset    info hashes by the number of the change that added them
 *     tt:{catalog}:gone    zset    the same for those that were removed lately
 *     tt:torrent:{HEX}     hash    the `.torrent`, and the second when it was added
 *
 * Nothing here expires, so a server set to evict what expires first keeps all of it. Whatever a
 * tracker has and Redis has not, it gives to Redis, unless it was removed: so a Redis that comes back
 * empty is filled again, and what was uploaded while it was away is handed on afterwards.
 */
import { Buffer } from "node:buffer";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { TorrentCatalog } from "./catalog.ts";
import type { RedisLink } from "../redis/link.ts";

/** How long an idle tracker may not know of a change. */
const POLL_MS = 2_000;
/** Changes of one answer: a millisecond of Redis's time. */
const CHANGES_MAX = 1_000;
/** A tracker that was away for more removals than these brings the earlier ones back. */
const REMOVALS_KEPT = 10_000;

const CATALOG = "tt:{catalog}";
const torrentKey = (infoHash: InfoHash) => `tt:torrent:{${infoHash}}`;

/** ARGV: a drawn text, a change's number. Returns born, and the changes after that one, some at a time. */
const CHANGES_SCRIPT = `
redis.call('SET', KEYS[1] .. ':born', ARGV[1], 'NX')
local function after(name)
  return redis.call('ZRANGEBYSCORE', KEYS[1] .. name, '(' .. ARGV[2], '+inf', 'WITHSCORES',
    'LIMIT', 0, ${CHANGES_MAX})
end
return {redis.call('GET', KEYS[1] .. ':born'), after(':there'), after(':gone')}
`;

/** ARGV: info hash, "1" where it was uploaded just now and not remembered. */
const ADD_SCRIPT = `
local there, gone = KEYS[1] .. ':there', KEYS[1] .. ':gone'
if redis.call('ZSCORE', there, ARGV[1]) then return 0 end
if ARGV[2] ~= '1' and redis.call('ZSCORE', gone, ARGV[1]) then return 0 end
redis.call('ZREM', gone, ARGV[1])
return redis.call('ZADD', there, redis.call('INCR', KEYS[1] .. ':seq'), ARGV[1])
`;

/** ARGV: info hash. */
const REMOVE_SCRIPT = `
redis.call('ZREM', KEYS[1] .. ':there', ARGV[1])
redis.call('ZADD', KEYS[1] .. ':gone', redis.call('INCR', KEYS[1] .. ':seq'), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1] .. ':gone', 0, -${REMOVALS_KEPT + 1})
`;

interface Change {
  readonly infoHash: InfoHash;
  /** Changes are numbered as they are made. */
  readonly seq: number;
}

export class SharedCatalog {
  readonly #catalog: TorrentCatalog;
  readonly #link: Pick<RedisLink, "command">;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Of the catalog that was followed so far, and its last change that we know. */
  #born = "";
  #since = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(catalog: TorrentCatalog, link: Pick<RedisLink, "command">) {
    this.#catalog = catalog;
    this.#link = link;
    this.#timer = setInterval(() => this.refresh(), POLL_MS);
  }

  /**
   * Resolves once all that any tracker had answered for when this was called is here too, or Redis is
   * away. However many ask at once, one question is under way and one waits.
   */
  refresh(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#follow().finally(() => this.#running = undefined);
      return this.#running;
    }
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      return this.refresh();
    });
    return this.#next;
  }

  /** Hands a torrent on that was uploaded here; later, where Redis is away now. */
  async publish(infoHash: InfoHash): Promise<void> {
    await this.#give(infoHash, true).catch(() => this.#forgetPlace());
  }

  /** Takes a torrent out for all. False when Redis is away, which would bring it back. */
  async withdraw(infoHash: InfoHash): Promise<boolean> {
    try {
      await this.#run(REMOVE_SCRIPT, infoHash);
      await this.#link.command(torrentKey(infoHash), "DEL", torrentKey(infoHash));
      return true;
    } catch {
      return false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** Never rejects. */
  async #follow(): Promise<void> {
    try {
      await this.#takeChanges();
    } catch {
      this.#forgetPlace();
    }
  }

  /** From the start next time, since Redis may have lost data when it is back. */
  #forgetPlace(): void {
    this.#since = 0;
  }

  async #takeChanges(): Promise<void> {
    const isWhole = this.#since === 0;
    const known = new Set<InfoHash>();
    for (let isMore = true; isMore;) {
      const reply = await this.#run(CHANGES_SCRIPT, crypto.randomUUID(), `${this.#since}`);
      const [born, there, gone] = reply as [unknown, unknown[], unknown[]];
      if (String(born) !== this.#born) {
        this.#born = String(born);
        if (this.#since > 0) {
          this.#forgetPlace();
          return await this.#takeChanges();
        }
      }
      const added = changesOf(there), removed = changesOf(gone);
      const end = Math.min(endOf(added), endOf(removed));
      for (const { infoHash } of removed.filter(({ seq }) => seq <= end)) {
        known.add(infoHash);
        this.#catalog.remove(infoHash);
      }
      // One at a time: a large one keeps the announces on this link waiting long enough.
      for (const { infoHash } of added.filter(({ seq }) => seq <= end)) {
        known.add(infoHash);
        await this.#take(infoHash);
      }
      isMore = end !== Infinity;
      const last = Math.max(0, ...[...added, ...removed].map(({ seq }) => seq));
      this.#since = Math.max(this.#since, isMore ? end : last);
    }
    if (isWhole) await this.#giveOthersThan(known);
  }

  async #giveOthersThan(known: ReadonlySet<InfoHash>): Promise<void> {
    for (const infoHash of this.#catalog.infoHashes()) {
      if (!known.has(infoHash)) await this.#give(infoHash, false);
    }
  }

  async #give(infoHash: InfoHash, isUpload: boolean): Promise<void> {
    const entry = this.#catalog.find(infoHash);
    const bytes = this.#catalog.bytes(infoHash);
    if (entry === undefined || bytes === undefined) return;
    const key = torrentKey(infoHash);
    const fields = ["torrent", Buffer.from(bytes), "added", `${entry.addedAt}`];
    await this.#link.command(key, "HSET", key, ...fields);
    await this.#run(ADD_SCRIPT, infoHash, isUpload ? "1" : "0");
  }

  /** What does not fit here is left out here, as an upload would be. */
  async #take(infoHash: InfoHash): Promise<void> {
    if (this.#catalog.find(infoHash) !== undefined) return;
    const key = torrentKey(infoHash);
    const found = await this.#link.command(key, "HMGET", key, "torrent", "added");
    const [bytes, addedAt] = found as [Uint8Array | null, unknown];
    if (bytes !== null) this.#catalog.add(bytes, Number(addedAt));
  }

  async #run(script: string, ...words: string[]): Promise<unknown> {
    return await this.#link.command(CATALOG, "EVAL", script, "1", CATALOG, ...words);
  }
}

/** Reads members and their scores, which stand one behind the other. */
function changesOf(list: readonly unknown[]): Change[] {
  const changes: Change[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const infoHash = infoHashFromHex(String(list[i]));
    if (infoHash !== undefined) changes.push({ infoHash, seq: Number(list[i + 1]) });
  }
  return changes;
}

/** The number up to which nothing is left out of a list that may be cut off. */
function endOf(changes: readonly Change[]): number {
  return changes.length < CHANGES_MAX ? Infinity : changes.at(-1)!.seq;
}
