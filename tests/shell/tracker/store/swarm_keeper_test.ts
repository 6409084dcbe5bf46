import { assert, assertEquals, assertThrows } from "@std/assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createRng, randomBelow } from "../../../../core/bytes/random.ts";
import { listPeers } from "../../../../core/tracker_server/swarms/list_peers.ts";
import {
  announce,
  createSwarmStore,
  scrape,
  type SwarmStore,
  sweepSome,
  totalsOf,
} from "../../../../core/tracker_server/swarms/swarm_store.ts";
import { makeTorrent } from "../../../../shell/make_torrent.ts";
import { openTrackerData } from "../../../../shell/tracker/tracker_data.ts";
import { TorrentCatalog } from "../../../../shell/tracker/catalog/catalog.ts";
import {
  openTrackerFile,
  type SwarmLog,
  TrackerFileError,
} from "../../../../shell/tracker/store/sqlite_file.ts";
import { SwarmKeeper } from "../../../../shell/tracker/store/swarm_keeper.ts";
import { HASH, OTHER_HASH, query } from "../../../core/tracker_server/swarms/kit.ts";
import { valueOf } from "../../../core/tracker/unwrap.ts";
import { infoHashOf, torrent } from "../catalog/torrents.ts";
import type { InfoHash } from "../../../../core/metainfo/info_hash.ts";
import { until } from "../../../support/until.ts";

const EXPIRY_SECONDS = 100;

async function withFolder(run: (path: string) => void | Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tt-tracker-" });
  try {
    await run(join(folder, "data.db"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

interface Kept {
  readonly store: SwarmStore;
  readonly keeper: SwarmKeeper;
  readonly problems: string[];
}

/** A tracker's store in memory at second 1,000 of its clock. */
function keep(log: SwarmLog): Kept {
  const store = createSwarmStore({ seed: 1, expirySeconds: EXPIRY_SECONDS });
  const problems: string[] = [];
  const onProblem = (sentence: string) => void problems.push(sentence);
  return { store, keeper: new SwarmKeeper({ store, log, now: () => 1_000, onProblem }), problems };
}

/** Peers and counts of the two swarms of the tests. */
function pictureOf(store: SwarmStore): unknown {
  return [HASH, OTHER_HASH].map((infoHash) => ({
    peers: listPeers(store, infoHash, Infinity).map((peer) => JSON.stringify(peer)).sort(),
    counts: scrape(store, infoHash),
  }));
}

/** As a kill does: the system closes the file, and nothing is saved. */
function kill({ keeper, store }: Kept, log: SwarmLog): void {
  const { setAliveAt } = log;
  log.setAliveAt = () => {};
  keeper.close();
  log.setAliveAt = setAliveAt;
  store.changes = undefined;
}

Deno.test("swarms are restored after a clean end", async () => {
  await withFolder((path) => {
    const first = openTrackerFile(path);
    const before = keep(first.log);
    announce(before.store, query(1), 1_000);
    announce(before.store, query(2, { isComplete: true, ip: "2001:db8::1" }), 1_000);
    announce(before.store, query(3, { infoHash: OTHER_HASH }), 1_000);
    const done = query(3, { infoHash: OTHER_HASH, isComplete: true, event: "completed" });
    announce(before.store, done, 1_000);
    before.keeper.close();
    first.close();
    const second = openTrackerFile(path);
    const after = keep(second.log);
    assertEquals(pictureOf(after.store), pictureOf(before.store));
    assertEquals(totalsOf(after.store), totalsOf(before.store));
    assertEquals(after.problems, []);
    after.keeper.close();
    second.close();
  });
});

Deno.test("changes of one turn are written together, before waiting callers continue", async () => {
  await withFolder(async (path) => {
    const file = openTrackerFile(path);
    const kept = keep(file.log);
    for (const id of [1, 2]) {
      announce(kept.store, query(id), 1_000);
      kept.keeper.note();
    }
    assertEquals([...file.log.read()].length, 0);
    await kept.keeper.settling;
    assertEquals([...file.log.read()].length, 1);
    announce(kept.store, query(1), 1_000);
    kept.keeper.note();
    assertEquals(kept.keeper.settling, undefined);
    kill(kept, file.log);
    const again = keep(file.log);
    assertEquals(totalsOf(again.store).leechers, 2);
    again.keeper.close();
    file.close();
  });
});

Deno.test("compaction keeps the log short, and loses nothing at any kill", async () => {
  await withFolder(async (path) => {
    const file = openTrackerFile(path);
    const kept = keep(file.log);
    const entries = () => [...file.log.read()].length;
    // Joining and leaving repeatedly, a write each, makes a log much longer than the swarms.
    for (let i = 0; i < 3_000; i++) {
      announce(kept.store, query(i % 5, { event: i % 2 === 0 ? undefined : "stopped" }), 1_000);
      kept.keeper.settle();
    }
    const length = entries();
    assert(length > 1_000);
    // The log of an earlier process is always compacted.
    kill(kept, file.log);
    const again = keep(file.log);
    assertEquals(pictureOf(again.store), pictureOf(kept.store));
    await until(() => {
      const probe = createSwarmStore({ seed: 1, expirySeconds: EXPIRY_SECONDS });
      const keeper = new SwarmKeeper({
        store: probe,
        log: { ...file.log, append: () => 0, setAliveAt: () => {} },
        now: () => 1_000,
        onProblem: () => {},
      });
      keeper.close();
      assertEquals(pictureOf(probe), pictureOf(kept.store));
      return entries() <= 10;
    }, "the log is short");
    again.keeper.close();
    file.close();
  });
});

Deno.test("restored peers have aged by the tracker's downtime", async () => {
  await withFolder((path) => {
    const file = openTrackerFile(path);
    const kept = keep(file.log);
    announce(kept.store, query(1, { isComplete: true, event: "completed" }), 1_000);
    kept.keeper.close();
    const awayFor = (seconds: number) => {
      file.log.setAliveAt(Math.floor(Date.now() / 1000) - seconds);
      const { store, keeper } = keep(file.log);
      kill({ store, keeper, problems: [] }, file.log);
      sweepSome(store, 100, 1_000);
      const { seeders, leechers, completed } = scrape(store, HASH);
      return { seeders, leechers, completed };
    };
    assertEquals(awayFor(EXPIRY_SECONDS / 2), { seeders: 1, leechers: 0, completed: 1 });
    assertEquals(awayFor(EXPIRY_SECONDS), { seeders: 0, leechers: 0, completed: 1 });
    assertEquals(awayFor(1e9), { seeders: 0, leechers: 0, completed: 1 });
    // A clock that was set back.
    assertEquals(awayFor(-1e6), { seeders: 1, leechers: 0, completed: 1 });
    file.close();
  });
});

Deno.test("a failing log is reported once and stops nothing", async () => {
  await withFolder((path) => {
    const file = openTrackerFile(path);
    const append = () => {
      throw new Error("database or disk is full");
    };
    const kept = keep({ ...file.log, append });
    for (let i = 0; i < 10; i++) {
      announce(kept.store, query(i), 1_000);
      kept.keeper.settle();
    }
    assertEquals(totalsOf(kept.store).leechers, 10);
    assertEquals(kept.problems.length, 1);
    assert(/disk is full/.test(kept.problems[0]!));
    kept.keeper.close();
    file.close();
  });
});

Deno.test("a damaged log loses its damaged part only", async () => {
  await withFolder((path) => {
    const file = openTrackerFile(path);
    const kept = keep(file.log);
    announce(kept.store, query(1), 1_000);
    kept.keeper.settle();
    file.log.append(Uint8Array.of(77));
    announce(kept.store, query(2), 1_000);
    kept.keeper.close();
    const again = keep(file.log);
    assertEquals(totalsOf(again.store).leechers, 2);
    assertEquals(again.problems.length, 1);
    again.keeper.close();
    file.close();
  });
});

Deno.test("torrents are restored unchanged, and removed ones stay removed", async () => {
  await withFolder((path) => {
    const first = openTrackerFile(path);
    const catalog = new TorrentCatalog(first.torrents);
    const one = torrent({ salt: 1, name: "año 日本", announce: "http://a.example/announce" });
    const two = torrent({ salt: 2, isPrivate: true });
    const three = torrent({ salt: 3 });
    const [entry] = [one, two, three].map((bytes) => valueOf(catalog.add(bytes)).entry);
    catalog.remove(infoHashOf(three) as InfoHash);
    first.close();
    const second = openTrackerFile(path);
    const again = new TorrentCatalog(second.torrents);
    assertEquals(again.find(entry!.infoHash), entry);
    assertEquals(again.bytes(entry!.infoHash), one);
    assertEquals(again.find(infoHashOf(two) as InfoHash)?.isPrivate, true);
    assertEquals(again.find(infoHashOf(three) as InfoHash), undefined);
    assertEquals([...second.torrents.entries()].length, 2);
    second.close();
  });
});

Deno.test("a data file from before v2 support is upgraded", async () => {
  await withFolder(async (path) => {
    const first = openTrackerFile(path);
    const old = valueOf(new TorrentCatalog(first.torrents).add(torrent({ salt: 1 }))).entry;
    first.close();
    const database = new DatabaseSync(path);
    database.exec("alter table torrents drop column info_hash_v2; pragma user_version = 1");
    database.close();

    const second = openTrackerFile(path);
    const catalog = new TorrentCatalog(second.torrents);
    assertEquals(catalog.find(old.infoHash), old);
    const content = `${path}.content`;
    await Deno.writeFile(content, new Uint8Array(40_000));
    const { bytes } = await makeTorrent(content, { format: "v2", announceTiers: [["http://t/"]] });
    const { entry } = valueOf(catalog.add(bytes));
    assertEquals(entry.infoHashV2?.length, 64);
    second.close();
    const third = openTrackerFile(path);
    assertEquals(new TorrentCatalog(third.torrents).find(entry.infoHash), entry);
    third.close();
  });
});

Deno.test("an unusable data file gives one sentence", async () => {
  await withFolder(async (path) => {
    const refuses = (at: string, pattern: RegExp) => {
      const error = assertThrows(() => openTrackerFile(at), TrackerFileError);
      assert(pattern.test(error.message), error.message);
      assert(error.message.includes(at));
    };
    refuses(`${path}/missing/data.db`, /Cannot use the file .* choose another --data/);
    await Deno.writeTextFile(`${path}.txt`, "no database at all ".repeat(100));
    refuses(`${path}.txt`, /not a tracker's database/);
    const file = openTrackerFile(path);
    refuses(path, /Another tracker uses the file/);
    file.close();
    openTrackerFile(path).close();
  });
});

Deno.test("random bytes inside the file give one sentence, or do no harm", async () => {
  const whole = await new Promise<Uint8Array>((resolve, reject) => {
    withFolder((path) => {
      const file = openTrackerFile(path);
      const kept = keep(file.log);
      for (let id = 1; id <= 50; id++) announce(kept.store, query(id), 1_000);
      kept.keeper.close();
      const catalog = new TorrentCatalog(file.torrents);
      for (let salt = 0; salt < 50; salt++) valueOf(catalog.add(torrent({ salt })));
      file.close();
      resolve(Deno.readFileSync(path));
    }).catch(reject);
  });
  const rng = createRng(20);
  let refused = 0;
  await withFolder(async (path) => {
    for (let round = 0; round < 300; round++) {
      const bytes = whole.slice();
      // A page, or a few bytes, and in half of the rounds only the part with the rows.
      const first = round % 2 === 0 ? 0 : Math.floor(bytes.length / 4);
      const at = first + randomBelow(rng, bytes.length - first);
      const end = Math.min(bytes.length, at + (round % 3 === 0 ? 4_096 : 8));
      for (let i = at; i < end; i++) bytes[i] = randomBelow(rng, 256);
      for (const name of [path, `${path}-wal`, `${path}-shm`]) {
        await Deno.remove(name).catch(() => {});
      }
      Deno.writeFileSync(path, bytes);
      const options = { path, host: "127.0.0.1", catalogToken: undefined, intervalSeconds: 300 };
      try {
        const data = openTrackerData({ ...options, onProblem: () => {} });
        data.backend.close();
        await data.close();
      } catch (error) {
        if (!(error instanceof TrackerFileError)) throw new Error(`round ${round}: ${error}`);
        refused++;
      }
    }
  });
  assert(refused > 20, `${refused} of 300 were noticed`);
});

Deno.test("a peer that expired before the restart is not restored", async () => {
  await withFolder((path) => {
    const file = openTrackerFile(path);
    // The first clock started 2,000 seconds before the second, in which peers expire after 1,300.
    const open = (startedAgo: number) => {
      const store = createSwarmStore({ seed: 1, expirySeconds: 1_300 });
      const clock = { now: 5_000 - startedAgo };
      const wall = Math.floor(Date.now() / 1000);
      const now = () => clock.now;
      const keeper = new SwarmKeeper({ store, log: file.log, now, onProblem: () => {} });
      store.wallOffset = wall - 5_000;
      return { store, keeper, clock };
    };
    const first = open(2_000);
    const tell = (id: number) => announce(first.store, query(id), first.clock.now);
    tell(1);
    for (; first.clock.now < 5_000; first.clock.now += 250) {
      tell(2);
      first.keeper.settle();
    }
    assertEquals(totalsOf(first.store).leechers, 1, "the first peer has expired by then");
    first.keeper.close();

    for (let restarts = 0; restarts < 3; restarts++) {
      const again = open(0);
      // What the sweeps below remove is not logged.
      again.store.changes = undefined;
      sweepSome(again.store, 100, 5_000);
      const ports = listPeers(again.store, HASH, 10).map(({ port }) => port);
      assertEquals(ports, [1002], "the second one announced a moment ago");
      // Without another announce it expires in time, and a restart does not change its age.
      sweepSome(again.store, 100, 5_000 + 1_300 + 1);
      assertEquals(totalsOf(again.store).leechers, 0);
      again.keeper.close();
    }
    file.close();
  });
});
