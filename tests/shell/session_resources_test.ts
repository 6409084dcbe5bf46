/**
 * Torrents of one process share its resources, handle their exhaustion, and let the process sleep.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Needs, Resources } from "../../core/limits/resources.ts";
import { processTotals, TORRENT_CAP } from "../../core/session/limits.ts";
import type { Network } from "../../shell/net/byte_stream.ts";
import { SessionResources, type Sharer } from "../../shell/session_resources.ts";
import { MemoryNetwork } from "./bottle/memory_network.ts";
import { VirtualClock } from "./bottle/virtual_clock.ts";

const LEAST: Resources = { connections: 2, dials: 0, uploadSlots: 0, bufferBytes: 0 };

class FakeTorrent implements Sharer {
  granted: Resources = TORRENT_CAP;
  grants = 0;
  looks = 0;
  socketCount = 0;

  constructor(public wanted: number) {}

  needs(): Needs {
    this.looks++;
    return { least: LEAST, most: { ...LEAST, connections: this.wanted } };
  }

  grant(grant: Resources): void {
    this.granted = grant;
    this.grants++;
  }
}

function open(descriptors: number, network?: Network) {
  const clock = new VirtualClock();
  const resources = new SessionResources(
    network ?? new MemoryNetwork({ clock }).of("10.0.0.1"),
    clock,
    descriptors,
  );
  return { clock, resources };
}

Deno.test("a single torrent gets the maximum, without a report", () => {
  const { resources } = open(4_096);
  const torrent = new FakeTorrent(10);
  resources.join(torrent);
  assertEquals([torrent.granted, torrent.grants], [TORRENT_CAP, 0]);
});

Deno.test("what a torrent no longer needs goes to another within a second of activity", async () => {
  const { clock, resources } = open(256);
  const torrents = [new FakeTorrent(300), new FakeTorrent(300)];
  for (const torrent of torrents) resources.join(torrent);
  const { connections } = processTotals(256);
  assertEquals(torrents.map(({ granted }) => granted.connections), [
    Math.ceil(connections / 2),
    Math.floor(connections / 2),
  ]);
  torrents[0]!.wanted = 4;
  await clock.run(5_000);
  assert(torrents[1]!.granted.connections < connections / 2 + 1, "nothing happened yet");
  resources.touch();
  await clock.run(1_000);
  assertEquals(torrents[1]!.granted.connections, connections - 4);
  resources.leave(torrents[1]!);
  await clock.run(1_000);
  assert(torrents[0]!.granted.connections > connections / 2);
});

Deno.test("many torrents that come at once are looked at together, and all get their part", async () => {
  const { clock, resources } = open(4_096);
  const torrents = Array.from({ length: 1_000 }, () => new FakeTorrent(2));
  for (const torrent of torrents) resources.join(torrent);
  await clock.run(1_000);
  const looks = torrents.reduce((sum, torrent) => sum + torrent.looks, 0);
  assert(looks < 10 * torrents.length, `${looks} looks at ${torrents.length} torrents`);
  const { connections } = processTotals(4_096);
  const granted = torrents.reduce((sum, torrent) => sum + torrent.granted.connections, 0);
  assertEquals(granted, connections);
  const late = new FakeTorrent(2);
  resources.join(late);
  assertEquals([late.grants, late.looks], [1, 0], "what is left, until the next review");
  await clock.run(1_000);
  assert(late.looks > 0);
});

Deno.test("a thousand torrents without peers each let in those that dial them", async () => {
  const { clock, resources } = open(4_096);
  const nothing: Resources = { ...LEAST, connections: 0 };
  const torrents = Array.from({ length: 1_000 }, () => {
    const torrent = new FakeTorrent(0);
    torrent.needs = () => ({ least: nothing, most: nothing });
    resources.join(torrent);
    return torrent;
  });
  await clock.run(1_000);
  assertEquals(torrents.filter(({ granted }) => granted.connections < 2).length, 0);
});

Deno.test("no peer is let in beyond what the process can have", () => {
  const { resources } = open(256);
  const torrent = new FakeTorrent(0);
  resources.join(torrent);
  torrent.socketCount = processTotals(256).connections - 1;
  assert(resources.hasRoom);
  torrent.socketCount++;
  assert(!resources.hasRoom);
});

Deno.test("an idle process is not woken", async () => {
  const { clock, resources } = open(256);
  for (let i = 0; i < 5; i++) resources.join(new FakeTorrent(50));
  resources.touch();
  await clock.run(2_000);
  assertEquals(clock.pendingCount, 0);
});

Deno.test("when descriptors run out, fewer connections are granted from then on", async () => {
  const exhausted = Object.assign(new Error("Too many open files"), { code: "EMFILE" });
  const network: Network = {
    dial: () => Promise.reject(exhausted),
    listen() {
      throw new Error("not asked for");
    },
  };
  const { clock, resources } = open(1_024, network);
  const torrents = [1, 2, 3].map(() => new FakeTorrent(300));
  for (const torrent of torrents) {
    resources.join(torrent);
    torrent.socketCount = 50;
  }
  await assertRejects(() => resources.network.dial({ ip: "192.0.2.1", port: 1 }));
  await clock.run(1_000);
  const granted = torrents.reduce((sum, { granted }) => sum + granted.connections, 0);
  assert(granted <= 150, `${granted} are granted after 150 were too many`);
});
