/** Looks into one swarm in Redis, for scrapes and for people. */
import type { Buffer } from "node:buffer";
import { decodeCompactPeers } from "../../../core/bytes/compact_peers.ts";
import type { ListedPeer } from "../../../core/tracker_server/swarms/list_peers.ts";
import type { SwarmCounts } from "../../../core/tracker_server/types.ts";
import type { RedisLink } from "./link.ts";
import { doneKey, listKey, LISTS, PARTIAL_SEEDS_AT, SWARM_FIELD, swarmKey } from "./script.ts";

/** The counts of a swarm; zeros for one that is not known. `hex` is its info hash. */
export async function readCounts(link: RedisLink, hex: string): Promise<SwarmCounts> {
  const [{ sizes, partialSeeds }, done] = await Promise.all([
    readSwarm(link, hex),
    link.command(doneKey(hex), "GET", doneKey(hex)),
  ]);
  const counts = { seeders: 0, leechers: 0, completed: Number(done ?? 0) };
  LISTS.forEach(({ isSeeder }, i) => counts[isSeeder ? "seeders" : "leechers"] += sizes[i]!);
  return { ...counts, downloaders: counts.leechers - partialSeeds };
}

/** Up to `countMax` peers; of a larger swarm, the first of lists that are in random order anyway. */
export async function readPeers(
  link: RedisLink,
  hex: string,
  countMax: number,
): Promise<ListedPeer[]> {
  const { sizes } = await readSwarm(link, hex);
  const lists = await Promise.all(LISTS.map(async ({ name, version, recordSize, isSeeder }, i) => {
    const count = Math.min(sizes[i]!, countMax);
    if (count === 0) return [];
    const key = listKey(hex, name);
    const found = await link.command(key, "GETRANGE", key, "0", `${count * recordSize - 1}`);
    const peers = decodeCompactPeers(found as Uint8Array, version);
    return peers.ok ? peers.value.map((peer) => ({ ...peer, isSeeder })) : [];
  }));
  return lists.flat().slice(0, countMax);
}

/** Sizes in the order of LISTS. */
async function readSwarm(
  link: RedisLink,
  hex: string,
): Promise<{ sizes: number[]; partialSeeds: number }> {
  const key = swarmKey(hex);
  const packed = await link.command(key, "HGET", key, SWARM_FIELD) as Buffer | null;
  const sizes = LISTS.map((_, i) => packed?.readUInt32BE(4 * i) ?? 0);
  // Written by an earlier version, it has no such number.
  const isCounted = packed !== null && packed.length > PARTIAL_SEEDS_AT;
  return { sizes, partialSeeds: isCounted ? packed.readUInt32BE(PARTIAL_SEEDS_AT) : 0 };
}
