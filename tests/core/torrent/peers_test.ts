/** Which connection gives way to another, and what is left of one that is gone. */
import { assertEquals } from "@std/assert";
import {
  CROWD_EVICTION_AGE_MS,
  EVICTION_AGE_MS,
  HOST_CONNECTIONS_MAX,
  PEER_DEAD_MS,
  REDIAL_FIRST_MS,
} from "../../../core/swarm/limits.ts";
import { type FakePeer, Kit, type Picture, writable } from "./kit.ts";

/** The port is the priority; places for `connections`. */
function kitWith(connections: number, picture: Partial<Picture> = {}): Kit {
  const kit = new Kit({ have: "..", priorityOf: (_ours, theirs) => theirs.port, ...picture });
  kit.feed({ kind: "granted", connections, dials: 30, uploadSlots: 24, bufferBytes: 1e6 });
  return kit;
}

/** Which of the connections the newcomer took the place of, if it did. */
function replacedBy(kit: Kit, newcomer: FakePeer, keys: readonly number[], job?: number) {
  const isIn = kit.isConnected(kit.handshake(newcomer, job));
  const gone = keys.filter((key) => !kit.isConnected(key));
  return isIn ? gone : "refused";
}

const peerAt = (port: number): FakePeer => ({ port: 10_000 + port });

Deno.test("a connection where nobody wants anything gives way once it is a minute old", () => {
  const kit = kitWith(3);
  const keys = [3, 1, 2].map((port) => kit.handshake(peerAt(port)));
  kit.say(keys[1]!, { kind: "interested" });
  kit.waitWith(keys, EVICTION_AGE_MS - 1);
  assertEquals(replacedBy(kit, peerAt(0), keys), "refused");
  kit.now += 1;
  assertEquals(replacedBy(kit, peerAt(0), keys), [keys[2]], "the lesser of the idle ones");
});

Deno.test("a dead connection gives way whatever it wanted", () => {
  const kit = kitWith(3);
  const keys = [1, 2, 3].map((port) => kit.handshake(peerAt(port)));
  for (const key of keys) kit.say(key, { kind: "interested" });
  kit.waitWith(keys.slice(0, 2), PEER_DEAD_MS);
  assertEquals(replacedBy(kit, peerAt(0), keys), [keys[2]]);
});

Deno.test("of connections without payload the least gives way to a greater priority only", () => {
  const full = () => {
    const kit = kitWith(3);
    const keys = [5, 4, 6].map((port) => kit.handshake(peerAt(port)));
    for (const key of keys) kit.say(key, { kind: "interested" });
    kit.waitWith(keys, EVICTION_AGE_MS);
    return { kit, keys };
  };
  for (const [port, expected] of [[3, "refused"], [4, "refused"], [5, [2]]] as const) {
    const { kit, keys } = full();
    assertEquals(replacedBy(kit, peerAt(port), keys), expected, `priority ${port}`);
  }
  const moving = full();
  writable(moving.kit.peer(moving.keys[1]!).up).rate = 1;
  assertEquals(replacedBy(moving.kit, peerAt(5), moving.keys), "refused");
  assertEquals(replacedBy(moving.kit, peerAt(6), moving.keys), [moving.keys[0]]);
  const both = full();
  for (const key of both.keys) writable(both.kit.peer(key).down).rate = 1;
  assertEquals(replacedBy(both.kit, peerAt(9), both.keys), "refused");
});

Deno.test("one that we dialled takes the place of one that dialled us and moved nothing", () => {
  const kit = kitWith(3);
  const keys = [1, 2, 3].map((port) => kit.handshake(peerAt(port)));
  for (const key of keys) kit.say(key, { kind: "interested" });
  kit.feed({ kind: "blocks-sent", peer: keys[0]!, bytes: 1 });
  kit.forget();
  assertEquals(replacedBy(kit, peerAt(0), keys, 0xffff), [keys[1]]);
});

Deno.test("of a crowd on one host the oldest without payload gives way", () => {
  const crowd = (count: number) => {
    const kit = kitWith(count);
    const keys = Array.from(
      { length: count },
      (_, i) => kit.handshake({ ip: "127.0.0.1", port: 1_000 + i }),
    );
    for (const key of keys) kit.say(key, { kind: "interested" });
    return { kit, keys };
  };
  const large = crowd(HOST_CONNECTIONS_MAX + 1);
  large.kit.now += CROWD_EVICTION_AGE_MS - 1;
  assertEquals(replacedBy(large.kit, peerAt(9), large.keys), "refused");
  large.kit.now += 1;
  assertEquals(replacedBy(large.kit, peerAt(9), large.keys), [large.keys[0]]);
  const small = crowd(HOST_CONNECTIONS_MAX);
  small.kit.now += CROWD_EVICTION_AGE_MS;
  assertEquals(replacedBy(small.kit, peerAt(9), small.keys), "refused");
});

/** A connection that we dialled is closed: whether its address is dialled again. */
function isRedialled(have: string, theirs: string, uploadOnly = false): boolean {
  const kit = new Kit({ have, blocks: 1 });
  const address = { ip: "10.9.9.9", port: 6881 };
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [address] });
  const peer = kit.handshake({ ...address, id: 9 }, kit.all("dial")[0]?.job ?? 0xffff);
  if (theirs.includes("#")) {
    kit.say(peer, { kind: "bitfield", bits: Uint8Array.of(theirs === "##" ? 0xc0 : 0x80) });
  }
  if (uploadOnly) writable(kit.connection(peer)).isUploadOnly = true;
  kit.forget();
  kit.disconnect(peer);
  kit.wait(REDIAL_FIRST_MS);
  return kit.all("dial").length > 0;
}

Deno.test("a peer without use for us is not dialled again, others are", () => {
  assertEquals(isRedialled("##", "#."), true);
  assertEquals(isRedialled("#.", "##"), true);
  assertEquals(isRedialled("##", ".."), true);
  assertEquals(isRedialled("##", "##"), false);
});

Deno.test("what a peer said before the metadata was known goes with it", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  const peer = kit.handshake();
  kit.say(peer, { kind: "have", piece: 1 });
  assertEquals(kit.torrent.early.peers.size, 1);
  kit.disconnect(peer);
  assertEquals(kit.torrent.early.peers.size, 0);
});

Deno.test("a peer that knows only the Fast extension hears that we have nothing", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  assertEquals(kit.sentKinds(kit.handshake({ fast: true })), ["have-none"]);
  assertEquals(kit.sentKinds(kit.handshake({ fast: false })), []);
});

Deno.test("a connection where only we want something is no idle one, nor one that moves both ways", () => {
  const full = () => {
    const kit = kitWith(3);
    const keys = [5, 4, 6].map((port) => kit.handshake(peerAt(port)));
    for (const key of keys) kit.say(key, { kind: "have", piece: 0 });
    kit.waitWith(keys, EVICTION_AGE_MS);
    return { kit, keys };
  };
  const still = full();
  assertEquals(replacedBy(still.kit, peerAt(3), still.keys), "refused");
  const moving = full();
  for (const key of moving.keys) {
    writable(moving.kit.peer(key).down).rate = 1;
    writable(moving.kit.peer(key).up).rate = 1;
  }
  assertEquals(replacedBy(moving.kit, peerAt(9), moving.keys), "refused");
});

Deno.test("of connections of the same priority the oldest gives way", () => {
  const kit = kitWith(3);
  const keys = [4, 4, 4].map((port) => kit.handshake(peerAt(port)));
  kit.waitWith(keys, EVICTION_AGE_MS);
  assertEquals(replacedBy(kit, peerAt(0), keys), [keys[0]]);
});

Deno.test("what a peer takes is its sign of life while it is not read, and no other time", () => {
  const kit = new Kit({ have: "##", blocks: 1 });
  const [paused, read] = [1, 2].map(() => kit.connect("..", { unchokes: false })) as [
    number,
    number,
  ];
  kit.now += 1_000;
  writable(kit.peer(paused)).readingPaused = true;
  writable(kit.peer(paused)).isSilent = true;
  for (const peer of [paused, read]) kit.add({ kind: "blocks-sent", peer, bytes: 1 });
  assertEquals(kit.connection(paused).lastHeardMs, kit.now);
  assertEquals(kit.peer(paused).isSilent, false);
  assertEquals(kit.connection(read).lastHeardMs, kit.now - 1_000);
});
