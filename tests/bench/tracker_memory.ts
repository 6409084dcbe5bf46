/**
 * A program that fills a store with 1,000,000 torrents and 2,000,000 peers, distributed as on
 * public trackers: most torrents have one peer, a few have many. Prints, as JSON, the bytes by
 * which this process grew, and the seconds it took.
 */
import {
  announce,
  createSwarmStore,
  totalsOf,
} from "../../core/tracker_server/swarms/swarm_store.ts";

export const TORRENTS = 1_000_000;
export const PEERS = 2_000_000;

export interface MemoryResult {
  readonly bytes: number;
  readonly processBytes: number;
  readonly seconds: number;
}

function fill(): MemoryResult {
  const before = Deno.memoryUsage().rss;
  const start = performance.now();
  const store = createSwarmStore({ seed: 1, expirySeconds: 3600 });
  const query = {
    infoHash: new Uint8Array(20),
    peerId: new Uint8Array(20),
    ip: new Uint8Array(4),
    port: 6881,
    isComplete: false,
    event: undefined,
    numWant: 50,
    wantsBothFamilies: true,
    wantsPeerIds: false,
  };
  const views = [query.infoHash, query.peerId, query.ip].map((bytes) => new DataView(bytes.buffer));
  for (let peer = 0; peer < PEERS; peer++) {
    // The first million creates the torrents; the second concentrates on the low numbers.
    const torrent = peer < TORRENTS ? peer : Math.floor((peer / TORRENTS - 1) ** 3 * TORRENTS);
    for (const view of views) view.setUint32(0, peer);
    views[0]!.setUint32(0, torrent);
    query.isComplete = peer % 3 === 0;
    announce(store, query, 0);
  }
  const { swarms, peers } = totalsOf(store);
  if (swarms !== TORRENTS || peers !== PEERS) throw new Error(`${swarms} torrents, ${peers} peers`);
  const processBytes = Deno.memoryUsage().rss;
  return {
    bytes: processBytes - before,
    processBytes,
    seconds: (performance.now() - start) / 1000,
  };
}

if (import.meta.main) console.log(JSON.stringify(fill()));
