/**
 * Locks a torrent, prints a line, and holds the lock until it is killed: `lock_holder.ts DIR
 * INFOHASH`.
 */
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { TorrentLocks } from "../../../shell/disk/lock.ts";

await new TorrentLocks().lock(Deno.args[0]!, Deno.args[1] as InfoHash);
console.log("locked");
await Deno.stdin.read(new Uint8Array(1));
