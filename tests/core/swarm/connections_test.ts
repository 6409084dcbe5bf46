import { assert, assertEquals } from "@std/assert";
import { banPeer } from "../../../core/swarm/connections.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";
import {
  ADDRESSES_MAX,
  BANS_MAX,
  CONNECTION_WORTH_MS,
  CONNECTIONS_MAX,
  CONNECTIONS_WANTED,
  DIALS_AT_ONCE_MAX,
  DIALS_PER_SECOND,
  PEER_DEAD_MS,
  REDIAL_FIRST_MS,
  REDIAL_LAST_MS,
} from "../../../core/swarm/limits.ts";
import type { PeerKey } from "../../../core/torrent/protocol.ts";
import { encodeExtendedHandshake } from "../../../core/wire/extended.ts";
import { Kit, OUR_ID } from "../torrent/kit.ts";

const THEM = { ip: "10.9.9.9", port: 5_000 };

/** A torrent that received one address and dials it. */
function dialling(): { kit: Kit; job: number } {
  const kit = new Kit({ have: ".." });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM] });
  return { kit, job: kit.all("dial")[0]!.job };
}

function listensAt(kit: Kit, peer: PeerKey, port: number): void {
  const payload = encodeExtendedHandshake({
    extensions: new Map(),
    version: "x 1",
    port,
    reqq: 20,
    yourIp: undefined,
    uploadOnly: false,
    metadataSize: undefined,
  });
  kit.say(peer, { kind: "extended", id: 0, payload });
}

Deno.test("an address is dialled once, however often it is named", () => {
  const { kit } = dialling();
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM, THEM] });
  assertEquals(kit.all("dial").map(({ address }) => address), [THEM]);
});

Deno.test("a failed address is redialled after delays that double up to a limit", () => {
  const { kit } = dialling();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 10; attempt++) {
    kit.feed({ kind: "dial-failed", job: kit.all("dial").at(-1)!.job, why: "refused" });
    const failedMs = kit.now;
    const dials = kit.all("dial").length;
    while (kit.all("dial").length === dials) kit.wait(REDIAL_FIRST_MS);
    waits.push(kit.now - failedMs);
  }
  assertEquals(waits.slice(0, 3), [1, 2, 4].map((n) => n * REDIAL_FIRST_MS));
  assertEquals(waits.at(-1), REDIAL_LAST_MS);
});

Deno.test("a peer that disconnects at once is redialled with increasing delays", () => {
  for (const [stayMs, waitMs] of [[1_000, 4], [CONNECTION_WORTH_MS, 1]] as const) {
    const { kit } = dialling();
    for (let attempt = 0; attempt < 3; attempt++) {
      const peer = kit.handshake({ ...THEM, incoming: false }, kit.all("dial").at(-1)!.job);
      kit.now += stayMs;
      kit.disconnect(peer);
      if (attempt < 2) kit.wait(4 * REDIAL_FIRST_MS);
    }
    kit.forget();
    kit.wait(waitMs * REDIAL_FIRST_MS - 1);
    assertEquals(kit.all("dial").length, 0, `after ${stayMs} ms`);
    kit.wait(1);
    assertEquals(kit.all("dial").length, 1, `after ${stayMs} ms`);
  }
});

Deno.test("a connection to ourselves is closed, and the address is not dialled again", () => {
  const { kit, job } = dialling();
  const peer = kit.handshake({ ...THEM, id: OUR_ID[0]! }, job);
  assertEquals(kit.closed(peer), "ourselves");
  kit.wait(10 * REDIAL_LAST_MS);
  assertEquals(kit.all("dial").length, 1);
});

Deno.test("a banned peer is neither dialled nor accepted", () => {
  const { kit, job } = dialling();
  const liar = kit.handshake({ ...THEM, id: 9 }, job);
  kit.say(liar, { kind: "bitfield", bits: new Uint8Array([0b11000000]) });
  kit.say(liar, { kind: "unchoke" });
  kit.complete(liar, [0, 1]);
  assertEquals(kit.closed(liar), "banned");
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [{ ...THEM, port: 5_001 }] });
  kit.wait(10 * REDIAL_LAST_MS);
  assertEquals(kit.all("dial").length, 1);
  assertEquals(kit.closed(kit.handshake({ ip: THEM.ip, id: 10 })), "banned");
  assert(kit.isConnected(kit.handshake({ ip: "10.9.9.10", id: 9 })), "an id alone is not banned");
});

Deno.test("connections are limited, and dials leave slots for incoming connections", () => {
  const kit = new Kit({ have: ".." });
  const addresses = Array.from({ length: 250 }, (_, i) => ({ ip: `10.2.0.${i}`, port: 6881 }));
  kit.feed({ kind: "peers-found", source: "tracker", addresses });
  assertEquals(kit.all("dial").length, DIALS_AT_ONCE_MAX);
  for (let i = 0; i < kit.all("dial").length; i++) {
    kit.wait(1_000 / DIALS_PER_SECOND);
    const { job, address } = kit.all("dial")[i]!;
    kit.feed({
      kind: "connected",
      peer: 1_000 + i,
      job,
      address,
      peerId: new Uint8Array(20).map((_, at) => at === 0 ? i : at === 1 ? 1 : 0),
      features: { fast: true, extended: false, dht: false },
    });
  }
  assertEquals(kit.torrent.swarm.connections.size, CONNECTIONS_WANTED);
  for (let i = CONNECTIONS_WANTED; i < CONNECTIONS_MAX; i++) {
    kit.feed({
      kind: "connected",
      peer: 2_000 + i,
      job: undefined,
      address: { ip: `10.3.${i & 255}.${i >> 8}`, port: i },
      peerId: new Uint8Array(20).map((_, at) => at === 0 ? i & 255 : at === 1 ? 2 + (i >> 8) : 0),
      features: { fast: true, extended: false, dht: false },
    });
  }
  assertEquals(kit.torrent.swarm.connections.size, CONNECTIONS_MAX);
  assertEquals(kit.closed(kit.handshake({ id: 199 })), "too-many-peers");
});

Deno.test("above the limit, addresses replace those that failed most often", () => {
  const kit = new Kit({ have: ".." });
  const many = Array.from({ length: ADDRESSES_MAX }, (_, i) => ({
    ip: `10.4.${i >> 8}.${i & 255}`,
    port: 6881,
  }));
  kit.feed({ kind: "peers-found", source: "tracker", addresses: many });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM] });
  assertEquals(kit.torrent.swarm.addresses.entries.has("10.9.9.9:5000"), false);
  kit.feed({ kind: "dial-failed", job: kit.all("dial")[0]!.job, why: "refused" });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM] });
  assertEquals(kit.torrent.swarm.addresses.entries.has("10.9.9.9:5000"), true);
  assertEquals(kit.torrent.swarm.addresses.entries.has("10.4.0.0:6881"), false);
  assertEquals(kit.torrent.swarm.addresses.entries.size, ADDRESSES_MAX);
});

Deno.test("two peers that dial each other at once keep the same connection", () => {
  // The dial of the greater ID is kept, on both sides and in either order of arrival.
  for (const theirs of [100, 250]) {
    const weAreGreater = OUR_ID[0]! > theirs;
    for (const oursFirst of [true, false]) {
      const kit = new Kit({ have: ".." });
      const ip = THEM.ip;
      const dial = () => kit.handshake({ ip, id: theirs, incoming: false });
      const accept = () => kit.handshake({ ip, id: theirs, incoming: true });
      const first = oursFirst ? dial() : accept();
      const second = oursFirst ? accept() : dial();
      const [dialled, accepted] = oursFirst ? [first, second] : [second, first];
      assertEquals(kit.isConnected(dialled), weAreGreater);
      assertEquals(kit.isConnected(accepted), !weAreGreater);
      assertEquals(kit.closed(weAreGreater ? accepted : dialled), "duplicate");
    }
  }
});

Deno.test("a second connection in the same direction is refused while the first is open", () => {
  const kit = new Kit({ have: ".." });
  const { ip } = THEM;
  const first = kit.handshake({ ip, id: 5 });
  const second = kit.handshake({ ip, id: 5 });
  assertEquals([kit.closed(first), kit.closed(second)], [undefined, "duplicate"]);
  const others = [kit.connect(".."), kit.connect("..")];
  kit.waitWith(others, PEER_DEAD_MS + 5_000);
  const third = kit.handshake({ ip, id: 5 });
  assertEquals([kit.closed(first), kit.isConnected(third)], ["duplicate", true]);
});

Deno.test("the address of a replaced dial is not redialled while its peer is connected", () => {
  const { kit, job } = dialling();
  kit.handshake({ ...THEM, id: 250 }, job);
  const theirs = kit.handshake({ ip: THEM.ip, port: 40_000, id: 250, incoming: true });
  assertEquals(kit.isConnected(theirs), true);
  kit.forget();
  kit.waitWith([theirs], REDIAL_LAST_MS);
  assertEquals(kit.all("dial"), []);
  kit.disconnect(theirs);
  kit.wait(REDIAL_LAST_MS);
  assert(kit.all("dial").length > 0);
});

Deno.test("a peer that dialled us is not dialled back while it is connected", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.handshake({ ip: THEM.ip, port: 40_000, extended: true });
  listensAt(kit, peer, THEM.port);
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM] });
  assertEquals(kit.all("dial"), []);
  assertEquals(kit.connection(peer).client, "x 1");
  assertEquals(kit.connection(peer).reqq, 20);
  kit.disconnect(peer);
  kit.wait(REDIAL_FIRST_MS);
  assertEquals(kit.all("dial").map(({ address }) => address), [THEM]);
});

Deno.test("a peer that we dialled keeps the dialled address, whatever port it announces", () => {
  const { kit, job } = dialling();
  const peer = kit.handshake({ ...THEM, extended: true }, job);
  listensAt(kit, peer, 7_001);
  assertEquals(kit.connection(peer).address, THEM);
});

Deno.test("a seed that is no longer needed is not redialled", () => {
  const kit = new Kit({ have: "##" });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [THEM] });
  const seed = kit.handshake({ ...THEM }, kit.all("dial")[0]!.job);
  kit.say(seed, { kind: "have-all" });
  assertEquals(kit.closed(seed), "both-complete");
  kit.wait(10 * REDIAL_LAST_MS);
  assertEquals(kit.all("dial").length, 1);
});

Deno.test("a dial that succeeds after the stop is closed", () => {
  const { kit, job } = dialling();
  kit.feed({ kind: "stop" });
  assertEquals(kit.closed(kit.handshake(THEM, job)), "stopping");
});

Deno.test("events of closed connections are ignored", () => {
  const kit = new Kit({ have: ".." });
  kit.forget();
  kit.say(77, { kind: "unchoke" });
  kit.disconnect(77);
  kit.feed({ kind: "violated", peer: 77, why: "x" });
  assertEquals(kit.effects, []);
});

Deno.test("a violation found by the shell closes the connection", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("..");
  kit.feed({ kind: "violated", peer, why: "a frame too long" });
  assertEquals(kit.closed(peer), "protocol-violation");
  assertEquals(kit.reports("peer-violated").map(({ why }) => why), ["a frame too long"]);
});

Deno.test("a dial whose connection is refused is tried again later", () => {
  const { kit, job } = dialling();
  const crowd = Array.from({ length: 8 }, (_, i) => kit.handshake({ ip: THEM.ip, id: i + 1 }));
  const peer = kit.handshake({ ...THEM, id: 50 }, job);
  assertEquals(kit.closed(peer), "too-many-from-host");
  for (const key of crowd) kit.disconnect(key);
  kit.forget();
  kit.wait(REDIAL_FIRST_MS);
  assertEquals(kit.all("dial").map(({ address }) => address), [THEM]);
});

Deno.test("the address of a second connection to the same peer belongs to the first", () => {
  // Its id is greater than ours: the one that it dialled stays.
  const greater = OUR_ID[0]! + 1;
  const { kit, job } = dialling();
  const first = kit.handshake({ ip: THEM.ip, port: 9_999, id: greater });
  const second = kit.handshake({ ...THEM, id: greater }, job);
  assertEquals([kit.isConnected(first), kit.closed(second)], [true, "duplicate"]);
  const use = () => kit.torrent.swarm.addresses.entries.get("10.9.9.9:5000")?.use;
  assertEquals(use(), "connected");
  kit.disconnect(first);
  assertEquals(use(), "free");
});

Deno.test("of two connections to one peer the greater id's own stays, by however little it is greater", () => {
  for (const [theirs, stays] of [[OUR_ID[0]! - 1, "ours"], [OUR_ID[0]! + 1, "theirs"]] as const) {
    const { kit, job } = dialling();
    const incoming = kit.handshake({ ip: THEM.ip, port: 9_999, id: theirs });
    const dialled = kit.handshake({ ...THEM, id: theirs }, job);
    assertEquals(kit.isConnected(stays === "ours" ? dialled : incoming), true, stays);
    assertEquals(kit.torrent.swarm.connections.size, 1);
  }
});

Deno.test("ids that differ in one byte belong to two peers, whichever byte it is", () => {
  for (const at of [0, 10, 19]) {
    const kit = new Kit({ have: ".." });
    for (const [peer, byte] of [[1, 1], [2, 2]] as const) {
      const peerId = new Uint8Array(20).fill(7);
      peerId[at] = byte;
      const features = { fast: true, extended: false, dht: false, v2: false };
      kit.feed({ kind: "connected", peer, job: undefined, address: THEM, peerId, features });
    }
    assertEquals(kit.torrent.swarm.connections.size, 2, `byte ${at}`);
  }
});

Deno.test("a connection that ends without a fault is not reported", () => {
  const kit = new Kit({ have: ".." });
  kit.handshake();
  kit.feed({ kind: "granted", connections: 0, dials: 0, uploadSlots: 0, bufferBytes: 0 });
  assertEquals([kit.all("close").length, kit.reports("peer-violated")], [1, []]);
});

Deno.test("on loopback a ban is of an id, and of the address that it was dialled at", () => {
  const kit = new Kit({ have: "." });
  const { swarm } = kit.torrent;
  const effects: Effect[] = [];
  const local = { ip: "127.0.0.1", port: 6881 };
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [local] });
  const peer = kit.handshake({ ...local, id: 5 }, kit.all("dial")[0]!.job);
  banPeer(swarm, kit.connection(peer), "a test", effects);
  kit.disconnect(peer);
  kit.forget();
  kit.wait(10 * REDIAL_LAST_MS);
  assertEquals(kit.all("dial"), []);
  assertEquals(kit.closed(kit.handshake({ ip: "127.0.0.1", id: 5 })), "banned");
  assertEquals(kit.isConnected(kit.handshake({ ip: "127.0.0.1", id: 6 })), true);
  assertEquals(swarm.addresses.bannedIps.size, 0);
  for (let i = 0; i < BANS_MAX; i++) {
    const id = new Uint8Array(20).fill(9);
    new DataView(id.buffer).setUint32(0, i);
    banPeer(swarm, { address: local, id }, "a test", effects);
  }
  assertEquals(swarm.bannedPeers.size, BANS_MAX);
  assertEquals(kit.isConnected(kit.handshake({ ip: "127.0.0.1", id: 5 })), true, "the first one");
});
