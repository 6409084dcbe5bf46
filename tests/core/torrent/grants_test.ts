/** A torrent reports its demand, stays within its grant, and returns what is taken back. */
import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import type { Resources } from "../../../core/limits/resources.ts";
import { needsOf } from "../../../core/torrent/grants.ts";
import { CHOKE_INTERVAL_MS } from "../../../core/transfer/limits.ts";
import { Kit, writable } from "./kit.ts";

const ALL: Resources = {
  connections: 300,
  dials: 30,
  uploadSlots: 24,
  bufferBytes: 64 * 1024 ** 2,
};

function grant(kit: Kit, part: Partial<Resources>): void {
  kit.feed({ kind: "granted", ...ALL, ...part });
}

function addresses(count: number) {
  return Array.from({ length: count }, (_, i) => ({ ip: `192.0.2.${i}`, port: 6881 }));
}

Deno.test("the demand follows from peers, addresses and missing pieces", () => {
  const kit = new Kit({ have: "#...", blocks: 2 });
  assertEquals(needsOf(kit.torrent, kit.now).most.connections, 2);
  grant(kit, { dials: 0 });
  kit.feed({ kind: "peers-found", addresses: addresses(5), source: "user" });
  const peer = kit.connect("....", { unchokes: false });
  kit.say(peer, { kind: "interested" });
  assertEquals(needsOf(kit.torrent, kit.now), {
    least: { connections: 2, dials: 1, uploadSlots: 1, bufferBytes: 4 * BLOCK_SIZE },
    most: { connections: 6, dials: 5, uploadSlots: 1, bufferBytes: 6 * BLOCK_SIZE },
  });
  const seed = new Kit({ have: "####" });
  assertEquals(needsOf(seed.torrent, seed.now).most.bufferBytes, 0);
  assertEquals(
    needsOf(seed.torrent, seed.now).most.connections,
    0,
    "nobody is there to connect to",
  );
  seed.connect("....");
  assertEquals(needsOf(seed.torrent, seed.now).least.connections, 2);
  kit.feed({ kind: "stop" });
  assertEquals(needsOf(kit.torrent, kit.now).least.connections, 0);
});

Deno.test("dials stay within the grant, and continue when it grows", () => {
  const kit = new Kit({ have: "...." });
  grant(kit, { dials: 2 });
  kit.feed({ kind: "peers-found", addresses: addresses(9), source: "user" });
  assertEquals(kit.all("dial").length, 2);
  grant(kit, { dials: 30, connections: 5 });
  assertEquals(kit.all("dial").length, 5);
});

Deno.test("when the grant shrinks, connections without interest are closed first", () => {
  const kit = new Kit({ have: "#..." });
  const idle = kit.connect("#...");
  const useful = [0, 1, 2].map(() => kit.connect(".##."));
  kit.forget();
  grant(kit, { connections: 3 });
  assertEquals(kit.closed(idle), "too-many-peers");
  grant(kit, { connections: 2 });
  assertEquals(kit.closed(useful.at(-1)!), "too-many-peers");
  const late = kit.connect("####");
  assertEquals(kit.closed(late), "too-many-peers");
  assertEquals(kit.torrent.swarm.connections.size, 2);
});

Deno.test("unchoked peers stay within the granted slots", () => {
  const kit = new Kit({ have: "##" });
  const peers = Array.from({ length: 12 }, () => kit.connect("..", { unchokes: false }));
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  const served = () => peers.filter((peer) => !kit.peer(peer).amChoking).length;
  assert(served() > 3);
  for (const slots of [3, 1, 0]) {
    grant(kit, { uploadSlots: slots });
    for (let second = 0; second < 3; second++) kit.waitWith(peers, CHOKE_INTERVAL_MS);
    assertEquals(served(), slots);
  }
});

Deno.test("no piece is started beyond the granted buffers", () => {
  const kit = new Kit({ have: ".".repeat(20), blocks: 4 });
  grant(kit, { bufferBytes: 0 });
  const peer = kit.connect("#".repeat(20));
  kit.say(peer, { kind: "unchoke" });
  assertEquals(kit.owed(peer).length, 0);
  grant(kit, { bufferBytes: 8 * BLOCK_SIZE });
  assertEquals(new Set(kit.owed(peer).map((name) => name.split(".")[0])).size, 2);
});

Deno.test("a torrent without metadata needs connections, and neither slots nor buffers", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  kit.feed({ kind: "peers-found", addresses: addresses(3), source: "user" });
  assertEquals(needsOf(kit.torrent, kit.now), {
    least: { connections: 2, dials: 0, uploadSlots: 0, bufferBytes: 0 },
    most: { connections: 3, dials: 0, uploadSlots: 0, bufferBytes: 0 },
  });
});

Deno.test("dials under way count as connections, peers without interest need no slot", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  kit.feed({ kind: "peers-found", addresses: addresses(3), source: "user" });
  assertEquals(kit.all("dial").length, 3);
  kit.connect("..");
  kit.connect("..");
  const { most } = needsOf(kit.torrent, kit.now);
  assertEquals([most.connections, most.uploadSlots], [5, 0]);
});

Deno.test("of useful connections those that carry least are closed first, then the youngest", () => {
  const kit = new Kit({ have: "#..." });
  const keys = [0, 1, 2, 3, 4].map(() => kit.connect(".##."));
  const rates: readonly (readonly [number, number])[] = [[0, 3], [1, 0], [0, 0], [2, 2], [0, 0]];
  for (const [i, [down, up]] of rates.entries()) {
    writable(kit.peer(keys[i]!).down).rate = down;
    writable(kit.peer(keys[i]!).up).rate = up;
  }
  kit.forget();
  grant(kit, { connections: 5 });
  assertEquals(kit.all("close"), []);
  for (const left of [4, 3, 2, 1]) grant(kit, { connections: left });
  assertEquals(kit.all("close").map(({ peer }) => keys.indexOf(peer)), [4, 2, 1, 0]);
});

Deno.test("a connection that carries little is worth more than one without interest", () => {
  const kit = new Kit({ have: "#..." });
  const useful = kit.connect(".##.");
  const idle = kit.connect("#...");
  writable(kit.peer(idle).down).rate = 0.5;
  kit.forget();
  grant(kit, { connections: 1 });
  assertEquals([kit.isConnected(useful), kit.isConnected(idle)], [true, false]);
});

Deno.test("one slot is the least for any number of interested peers", () => {
  const kit = new Kit({ have: "##", blocks: 1 });
  for (const peer of [1, 2, 3].map(() => kit.connect(".."))) kit.say(peer, { kind: "interested" });
  const { least, most } = needsOf(kit.torrent, kit.now);
  assertEquals([least.uploadSlots, most.uploadSlots], [1, 3]);
});
