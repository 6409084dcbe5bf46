/** The limits of a node's parts: sizes, counts, orders and times, one step to each side. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { createRng, nextUint32 } from "../../../core/bytes/random.ts";
import { addToBloom, createBloom, estimateBloom } from "../../../core/dht/bloom.ts";
import { hostKey, networkKey, scopeOf } from "../../../core/dht/endpoint.ts";
import { voteForAddress } from "../../../core/dht/identity.ts";
import { ITEMS_MAX, type ItemStore, storeItem, targetOf } from "../../../core/dht/item_store.ts";
import type { KrpcMessage, MutableItem } from "../../../core/dht/krpc.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import { encodeQuery } from "../../../core/dht/krpc_encode.ts";
import { compareDistance, randomNodeId } from "../../../core/dht/node_id.ts";
import {
  createPeerStore,
  expirePeers,
  PEER_LIFE_MS,
  samplePeers,
  storePeer,
  SWARM_PEERS_MAX,
  SWARMS_MAX,
} from "../../../core/dht/peer_store.ts";
import { decodeSavedNode, encodeSavedNode } from "../../../core/dht/saved_node.ts";
import { createSecureId, isCompliantId } from "../../../core/dht/secure_id.ts";
import { createDht } from "../../../core/dht/state.ts";
import { createToken, isTokenValid, TOKEN_PERIOD_MS } from "../../../core/dht/tokens.ts";
import {
  admitQuery,
  BAN_MS,
  createTraffic,
  isBanned,
  QUERIES_IN_MAX,
  QUERIES_OUT_MAX,
  strike,
  takeQuery,
  WINDOW_MS,
} from "../../../core/dht/traffic.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at, bytesOf, idOf, optionsOf, textOf } from "./kit.ts";

const ID = idOf(1, 2, 3);
const HASH = idOf(7);
const publicIp = (n: number) => at(`${20 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.1:6881`);

function read(text: string): KrpcMessage | string {
  const message = decodeKrpc(bytesOf(text));
  return message.ok ? message.value : message.error.code;
}

const query = (args: string, method: string, transaction = "aa") =>
  `d1:ad2:id20:${ID}${args}e1:q${method.length}:${method}1:t${transaction.length}:${transaction}1:y1:qe`;
const response = (body: string) => `d1:rd2:id20:${ID}${body}e1:t2:aa1:y1:re`;
/** A field of the decoded message; the whole result if it was refused. */
const field = (text: string, key: string): unknown => {
  const message = read(text);
  return typeof message === "string"
    ? message
    : (message as unknown as Record<string, unknown>)[key];
};

Deno.test("each family that is wanted counts once, and others not at all", () => {
  const want = (list: string) =>
    field(query(`6:target20:${HASH}4:wantl${list}e`, "find_node"), "want");
  assertEquals(want("2:n4"), [4]);
  assertEquals(want("2:n6"), [6]);
  assertEquals(want("2:n42:n62:n42:n6"), [4, 6]);
  assertEquals(want("2:n5i4e"), []);
});

Deno.test("a transaction has 32 bytes at most, a token 64, a value 1,000 and a salt 64", () => {
  assertEquals(field(query("", "ping", "t".repeat(32)), "transaction"), "t".repeat(32));
  const announce = (token: number) =>
    field(
      query(`9:info_hash20:${HASH}4:porti1e5:token${token}:${"k".repeat(token)}`, "announce_peer"),
      "port",
    );
  assertEquals([announce(64), announce(65)], [1, "krpc-argument"]);
  const value = (size: number) => {
    const body = size - 4;
    return field(query(`5:token1:x1:v${body}:${"v".repeat(body)}`, "put"), "kind");
  };
  assertEquals([value(1_000), value(1_001)], ["query", "krpc-value-size"]);
  const put = (salt: string, seq = "3:seqi0e") =>
    field(
      query(
        `1:k32:${"k".repeat(32)}${salt}${seq}3:sig64:${"s".repeat(64)}5:token1:x1:vi1e`,
        "put",
      ),
      "item",
    );
  const saltOf = (item: unknown) => (item as MutableItem).salt?.length ?? item;
  assertEquals(saltOf(put("")), 0);
  assertEquals(saltOf(put(`4:salt64:${"s".repeat(64)}`)), 64);
  assertEquals(put(`4:salt65:${"s".repeat(65)}`), "krpc-salt-size");
  assertEquals((put("", "3:seqi0e") as MutableItem).sequence, 0);
  assertEquals([put("", ""), put("", "3:seqi-1e")], ["krpc-argument", "krpc-argument"]);
});

Deno.test("an implied port makes the named one meaningless", () => {
  const text = query(
    `12:implied_porti1e9:info_hash20:${HASH}4:porti7e5:token1:x`,
    "announce_peer",
  );
  assertEquals([field(text, "port"), field(text, "impliedPort")], [0, true]);
});

Deno.test("an error without a code has none, and one filter without the other is none", () => {
  assertEquals(field("d1:ele1:t2:aa1:y1:ee", "code"), 0);
  const filter = "x".repeat(256);
  for (const half of [`4:BFpe256:${filter}`, `4:BFsd256:${filter}`]) {
    assertEquals(field(response(half), "bloom"), undefined);
  }
});

Deno.test("a query says only what is asked for", () => {
  const ask = (noSeeds: boolean, scrape: boolean) =>
    textOf(
      encodeQuery("aa", ID, false, {
        method: "get_peers",
        target: HASH,
        want: [],
        noSeeds,
        scrape,
      }),
    )
      .match(/6:noseedi\d+e|6:scrapei\d+e/g) ?? [];
  assertEquals(ask(false, false), []);
  assertEquals(ask(true, false), ["6:noseedi1e"]);
  assertEquals(ask(false, true), ["6:scrapei1e"]);
  const item = {
    kind: "mutable",
    value: bytesOf("i1e"),
    publicKey: new Uint8Array(32),
    signature: new Uint8Array(64),
    sequence: 1,
    expectedSequence: undefined,
  } as const;
  const saltIn = (salt: string) =>
    textOf(encodeQuery("aa", ID, false, {
      method: "put",
      token: bytesOf("t"),
      item: { ...item, salt: bytesOf(salt) },
    })).match(/4:salt\d+:\w/)?.[0];
  assertEquals([saltIn(""), saltIn("s")], [undefined, "4:salt1:s"]);
});

Deno.test("a filter's estimate is bounded where nearly all or nearly no bits are set", () => {
  assertEquals(estimateBloom(createBloom()), 0);
  assertAlmostEquals(estimateBloom(createBloom().fill(1, 0, 1)), 0.5, 1e-9);
  const full = Math.log(1 / 2_048) / (2 * Math.log(1 - 1 / 2_048));
  assertAlmostEquals(estimateBloom(createBloom().fill(255)), full, 1e-9);
  const one = createBloom();
  addToBloom(one, Uint8Array.of(192, 0, 2, 1), sha1);
  assertAlmostEquals(estimateBloom(one), 1, 0.01);
});

Deno.test("private networks are those of the standards, and nothing beside them", () => {
  const scopes = (...ips: string[]) => ips.map((ip) => scopeOf(at(`${ip}:1`)));
  const privateOnes = ["10.9.9.9", "172.16.0.1", "172.31.0.1", "192.168.0.1", "169.254.0.1"];
  assertEquals(scopes(...privateOnes, "100.64.0.1", "100.127.0.1"), Array(7).fill(1));
  const publicOnes = ["11.0.0.1", "172.15.0.1", "172.32.0.1", "192.167.0.1", "20.168.0.1"];
  const more = ["169.253.0.1", "20.254.0.1", "100.63.0.1", "100.128.0.1", "126.0.0.1"];
  assertEquals(scopes(...publicOnes, ...more), Array(10).fill(2));
  assertEquals(scopes("[fc00::1]", "[fdff::1]", "[fe80::1]", "[febf::1]"), [1, 1, 1, 1]);
  assertEquals(scopes("[fec0::1]", "[2a80::1]", "[fb00::1]", "[::2]", "[2001:db8::1]"), [
    2,
    2,
    2,
    2,
    2,
  ]);
  assertEquals(scopes("[::1]", "127.9.9.9"), [0, 0]);
});

Deno.test("an IPv6 host is its /64, and its owner's network the /48", () => {
  const host = (ip: string) => hostKey(at(`[${ip}]:1`));
  assertEquals(host("2001:db8:1:2:3::1"), host("2001:db8:1:2:ffff::9"));
  assertEquals(host("2001:db8:1:2::1") === host("2001:db8:1:3::1"), false);
  assertEquals(host("fd00::1"), host("fd00::2"));
  assertEquals(hostKey(at("[::1]:1")) === hostKey(at("[::1]:2")), false);
  const network = (ip: string) => networkKey(at(`[${ip}]:1`));
  assertEquals(network("2001:db8:1:2::1"), network("2001:db8:1:ffff::1"));
  assertEquals(network("2001:db8:1::1") === network("2001:db8:2::1"), false);
  assertEquals(network("fd00::1"), undefined);
});

Deno.test("a random id is five words of the generator, the high byte first", () => {
  const rng = createRng(5), same = createRng(5);
  const bytes = new DataView(new ArrayBuffer(20));
  for (let i = 0; i < 5; i++) bytes.setUint32(4 * i, nextUint32(same));
  assertEquals(bytesOf(randomNodeId(rng)), new Uint8Array(bytes.buffer));
  assertEquals(compareDistance(HASH, HASH, ID), 0);
});

Deno.test("an id of an address is free in all bits but those that follow from the address", () => {
  const endpoint = at("45.45.45.45:1");
  const rng = createRng(1);
  const ids = Array.from({ length: 200 }, () => createSecureId(endpoint, rng));
  assertEquals(ids.every((id) => isCompliantId(id, endpoint)), true);
  for (let byte = 2; byte < 20; byte++) {
    const seen = new Set(ids.map((id) => id.charCodeAt(byte)));
    // The third byte has three free bits, the last one selects an eighth of the ID space.
    assertEquals(seen.size >= 8, true, `byte ${byte} has ${seen.size} values`);
  }
});

Deno.test("a value of the same length is another value, and one put again is the newest", () => {
  const items: ItemStore = new Map();
  const mutable: MutableItem = {
    kind: "mutable",
    value: bytesOf("i1e"),
    publicKey: new Uint8Array(32),
    signature: new Uint8Array(64),
    salt: new Uint8Array(),
    sequence: 1,
    expectedSequence: undefined,
  };
  const put = (value: string) =>
    storeItem(items, { ...mutable, value: bytesOf(value) }, 0, sha1, () => true);
  assertEquals([put("i1e"), put("i1e"), put("i2e"), put("i11e")], [undefined, undefined, 302, 302]);
  items.clear();
  const immutable = (i: number) => ({ kind: "immutable", value: bytesOf(`i${i}e`) }) as const;
  for (let i = 0; i < ITEMS_MAX; i++) storeItem(items, immutable(i), i, sha1, () => true);
  storeItem(items, immutable(0), ITEMS_MAX, sha1, () => true);
  assertEquals(items.size, ITEMS_MAX);
  storeItem(items, immutable(ITEMS_MAX), ITEMS_MAX, sha1, () => true);
  assertEquals([0, 1].map((i) => items.has(targetOf(immutable(i), sha1))), [true, false]);
});

Deno.test("a peer lives for its time to the millisecond, and is renewed by an announce", () => {
  const store = createPeerStore();
  const rng = createRng(1);
  storePeer(store, HASH, publicIp(1), false, 1_000);
  const count = (now: number) => samplePeers(store, HASH, 4, false, 50, now, rng).length;
  assertEquals([count(1_000 + PEER_LIFE_MS), count(1_001 + PEER_LIFE_MS)], [1, 0]);
  expirePeers(store, 1_000 + PEER_LIFE_MS);
  assertEquals(store.peerCount, 1);
  storePeer(store, HASH, publicIp(1), false, 2_000);
  expirePeers(store, 1_001 + PEER_LIFE_MS);
  assertEquals([store.peerCount, store.hosts.size], [1, 1]);
  expirePeers(store, 2_001 + PEER_LIFE_MS);
  assertEquals([store.peerCount, store.hosts.size], [0, 0]);
});

Deno.test("a sample has every peer in turn, and all of them in order where there is room", () => {
  const store = createPeerStore();
  const peers = Array.from({ length: 20 }, (_, i) => publicIp(i));
  for (const peer of peers) storePeer(store, HASH, peer, false, 0);
  const rng = createRng(3);
  assertEquals(samplePeers(store, HASH, 4, false, 20, 0, rng), peers);
  const samples = Array.from({ length: 60 }, () => samplePeers(store, HASH, 4, false, 10, 0, rng));
  for (const peer of peers) {
    const times = samples.filter((sample) => sample.includes(peer)).length;
    assertEquals(times > 10 && times < 50, true, `${times} of 60`);
  }
});

Deno.test("the peer and the torrent that were announced longest ago make room", () => {
  const store = createPeerStore();
  for (let i = 0; i < SWARM_PEERS_MAX; i++) storePeer(store, HASH, publicIp(i), false, i);
  storePeer(store, HASH, publicIp(0), false, SWARM_PEERS_MAX);
  storePeer(store, HASH, publicIp(SWARM_PEERS_MAX), false, SWARM_PEERS_MAX);
  const hosts = store.swarms.get(HASH)!;
  assertEquals([0, 1, 2].map((i) => hosts.has(hostKey(publicIp(i)))), [true, false, true]);
  const many = createPeerStore();
  const hash = (i: number) => idOf(9, i >> 8, i & 255);
  for (let i = 0; i < SWARMS_MAX; i++) storePeer(many, hash(i), publicIp(i), false, 0);
  storePeer(many, hash(0), publicIp(0), false, 1);
  storePeer(many, hash(SWARMS_MAX), publicIp(SWARMS_MAX), false, 1);
  assertEquals([0, 1, 2].map((i) => many.swarms.has(hash(i))), [true, false, true]);
});

Deno.test("several nodes and ids of each family are saved; a file without lists has none", () => {
  const nodes = [1, 2, 3].flatMap((i) => [
    { id: idOf(i), endpoint: publicIp(i) },
    { id: idOf(0, i), endpoint: at(`[2001:db8::${i}]:${i}`) },
  ]).sort((a, b) => a.endpoint.length - b.endpoint.length);
  const saved = { ids: { 4: idOf(1), 6: idOf(2) }, nodes };
  assertEquals(decodeSavedNode(encodeSavedNode(saved)), { ok: true, value: saved });
  assertEquals(decodeSavedNode(bytesOf("d6:formati1ee")), {
    ok: true,
    value: { ids: { 4: undefined, 6: undefined }, nodes: [] },
  });
});

Deno.test("a node has a secret of 20 bytes or more", () => {
  assertThrows(() => createDht(optionsOf(1, { secret: new Uint8Array(19) }), 0), Error, "20 bytes");
  createDht(optionsOf(1, { secret: new Uint8Array(20) }), 0);
});

Deno.test("a token is a hash over the secret, the period, the target and the address, to its last byte", () => {
  const secret = new Uint8Array(24).map((_, i) => i + 1);
  const asker = at("192.0.2.1:5");
  const now = 7 * TOKEN_PERIOD_MS + 5;
  const token = createToken({ secret }, asker, HASH, now, sha1);
  const period = new DataView(new ArrayBuffer(8));
  period.setFloat64(0, 7);
  const hashed = [...secret, ...new Uint8Array(period.buffer), ...bytesOf(HASH), 192, 0, 2, 1];
  assertEquals(token, sha1(Uint8Array.from(hashed)).slice(0, 8));
  for (let i = 0; i < token.length; i++) {
    const forged = token.slice();
    forged[i]! ^= 1;
    assertEquals(isTokenValid({ secret }, forged, asker, HASH, now, sha1), false, `byte ${i}`);
  }
  assertEquals(isTokenValid({ secret }, Uint8Array.of(...token, 0), asker, HASH, now, sha1), false);
});

Deno.test("each window admits and sends as much as the first, and what is dropped is counted", () => {
  const traffic = createTraffic(0);
  for (const window of [0, 1, 2]) {
    const now = window * WINDOW_MS;
    let admitted = 0, sent = 0;
    for (let i = 0; i < 3_000; i++) {
      if (admitQuery(traffic, publicIp(i), now)) admitted++;
      if (takeQuery(traffic, publicIp(i), now)) sent++;
    }
    assertEquals([admitted, sent], [QUERIES_IN_MAX, QUERIES_OUT_MAX]);
    assertEquals(traffic.totals.droppedIn, (window + 1) * (3_000 - QUERIES_IN_MAX));
    assertEquals(traffic.totals.queriesOut, (window + 1) * QUERIES_OUT_MAX);
  }
});

Deno.test("of hosts that misbehave the latest 2,048 are remembered", () => {
  const ban = (traffic: ReturnType<typeof createTraffic>, i: number) => {
    for (let times = 0; times < 3; times++) strike(traffic, publicIp(i), 0);
  };
  const traffic = createTraffic(0);
  for (let i = 0; i < 2_048; i++) ban(traffic, i);
  assertEquals([traffic.banned.size, traffic.totals.bans], [2_048, 2_048]);
  // After a second ban, the first one is the most recent.
  ban(traffic, 0);
  ban(traffic, 5_000);
  assertEquals([0, 1, 2, 5_000].map((i) => isBanned(traffic, publicIp(i), BAN_MS - 1)), [
    ...[true, false, true, true],
  ]);
  const struck = createTraffic(0);
  for (let i = 0; i < 2_048; i++) strike(struck, publicIp(i), 0);
  strike(struck, publicIp(0), 0);
  strike(struck, publicIp(6_000), 0);
  assertEquals([0, 1, 2].map((i) => struck.strikes.get(hostKey(publicIp(i)))), [2, undefined, 1]);
});

Deno.test("more than two thirds of at most 32 networks decide what our address is", () => {
  const start = (ownId?: string) => {
    const saved = ownId === undefined ? undefined : { ids: { 4: ownId }, nodes: [] };
    const dht = createDht(optionsOf(1, { saved }), 0);
    const network = dht.networks[0]!;
    const vote = (voter: string, own: string) =>
      voteForAddress(dht, network, at(voter), at(own), 0);
    return { network, vote };
  };
  const world = start();
  for (let i = 1; i <= 6; i++) world.vote(`${i}.1.1.1:1`, "23.0.0.1:7");
  for (let i = 7; i <= 8; i++) world.vote(`${i}.1.1.1:1`, "9.9.9.9:1");
  // Six of nine are two thirds and not more.
  const six = start();
  for (let i = 1; i <= 3; i++) six.vote(`${i}.1.1.1:1`, "9.9.9.9:1");
  for (let i = 4; i <= 9; i++) assertEquals(six.vote(`${i + 7}.1.1.1:1`, "23.0.0.1:7"), false);
  assertEquals([six.network.votes.size, six.network.external], [9, undefined]);
  assertEquals(six.vote("20.1.1.1:1", "23.0.0.1:7"), true);
  assertEquals(six.network.external, at("23.0.0.1:1"));

  const many = start();
  for (let i = 1; i <= 32; i++) many.vote(`${20 + i}.1.1.1:1`, `${60 + i}.0.0.1:1`);
  assertEquals(many.network.votes.size, 32);
  many.vote("21.1.1.9:1", "61.0.0.1:1");
  many.vote("99.1.1.1:1", "61.0.0.1:1");
  const key = (ip: string) => networkKey(at(`${ip}:1`))!;
  assertEquals(many.network.votes.size, 32);
  assertEquals(["21.1.1.1", "22.1.1.1"].map((ip) => many.network.votes.has(key(ip))), [
    true,
    false,
  ]);

  // An ID that already matches the address is kept, and so is the table.
  const address = at("23.0.0.1:1");
  const suited = start(createSecureId(address, createRng(2)));
  const { table } = suited.network;
  for (let i = 1; i <= 8; i++) assertEquals(suited.vote(`${i}.1.1.1:1`, "23.0.0.1:7"), false);
  assertEquals([suited.network.external, suited.network.table === table], [address, true]);

  const other = start();
  for (let i = 1; i <= 9; i++) {
    assertEquals(other.vote(`${i}.1.1.1:1`, "[2a00::1]:1"), false, "of the other family");
    assertEquals(other.vote(`${i}.1.1.1:1`, "224.0.0.1:1"), false, "of nobody");
  }
  assertEquals(other.network.votes.size, 0);
  // In a private network every host has a vote.
  const home = start();
  for (let i = 1; i <= 8; i++) home.vote(`10.0.0.${i}:1`, "10.0.0.99:1");
  assertEquals([home.network.votes.size, home.network.external], [8, at("10.0.0.99:1")]);
});
