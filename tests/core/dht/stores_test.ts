import { assertAlmostEquals, assertEquals } from "@std/assert";
import { createPublicKey, verify as verifyWith } from "node:crypto";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import { parseIp } from "../../../core/bytes/ip.ts";
import { createRng } from "../../../core/bytes/random.ts";
import { addToBloom, createBloom, estimateBloom, uniteBloom } from "../../../core/dht/bloom.ts";
import {
  expireItems,
  isGenuine,
  ITEM_LIFE_MS,
  ITEMS_MAX,
  type ItemStore,
  signedBytes,
  storeItem,
  targetOf,
} from "../../../core/dht/item_store.ts";
import type { MutableItem } from "../../../core/dht/krpc.ts";
import {
  bloomOf,
  createPeerStore,
  expirePeers,
  PEER_LIFE_MS,
  samplePeers,
  storePeer,
  SWARM_PEERS_MAX,
  SWARMS_MAX,
  SWARMS_PER_HOST_MAX,
} from "../../../core/dht/peer_store.ts";
import { decodeSavedNode, encodeSavedNode } from "../../../core/dht/saved_node.ts";
import { createToken, isTokenValid, TOKEN_PERIOD_MS } from "../../../core/dht/tokens.ts";
import {
  admitQuery,
  BAN_MS,
  createTraffic,
  HOST_QUERIES_IN_MAX,
  HOST_QUERIES_OUT_MAX,
  isBanned,
  mayQuery,
  QUERIES_IN_MAX,
  QUERIES_OUT_MAX,
  strike,
  takeQuery,
  WINDOW_MS,
} from "../../../core/dht/traffic.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { at, bytesOf, idOf, textOf } from "./kit.ts";

const HASH = idOf(7);
const publicIp = (n: number) => at(`${20 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}.1:6881`);

Deno.test("the Bloom filter of BEP 33's addresses has the published bytes and estimate", () => {
  const bloom = createBloom();
  for (let i = 0; i < 256; i++) addToBloom(bloom, Uint8Array.of(192, 0, 2, i), sha1);
  for (let i = 0; i <= 0x3e7; i++) {
    addToBloom(bloom, parseIp(`2001:db8::${i.toString(16)}`)!, sha1);
  }
  assertEquals(
    toHex(bloom),
    "f6c3f5eaa07ffd91bde89f777f26fb2bff37bdb8fb2bbaa2fd3ddde7bacfff75ee7ccbae" +
      "fe5eedb1fbfaff67f6abff5e43ddbca3fd9b9ffdf4ffd3e9dff12d1bdf59db53dbe9fa5b" +
      "7ff3b8fdfcde1afb8bedd7be2f3ee71ebbbfe93bcdeefe148246c2bc5dbff7e7efdcf24f" +
      "d8dc7adffd8fffdfddfff7a4bbeedf5cb95ce81fc7fcff1ff4ffffdfe5f7fdcbb7fd79b3" +
      "fa1fc77bfe07fff905b7b7ffc7fefeffe0b8370bb0cd3f5b7f2bd93feb4386cfdd6f7fd5" +
      "bfaf2e9ebffffeecd67adbf7c67f17efd5d75eba6ffeba7fff47a91eb1bfbb53e8abfb57" +
      "62abe8ff237279bfefbfeef5ffc5febfdfe5adffadfee1fb737ffffbfd9f6aeffeee76b6" +
      "fd8f72ef",
  );
  assertAlmostEquals(estimateBloom(bloom), 1224.9308, 0.0001);
  assertEquals(estimateBloom(createBloom()), 0);
  const both = createBloom();
  uniteBloom(both, bloom);
  assertEquals(both, bloom);
});

Deno.test("a token is valid for one address and target, for two periods", () => {
  const tokens = { secret: new Uint8Array(20).fill(9) };
  const asker = at("192.0.2.1:5");
  const token = createToken(tokens, asker, HASH, 0, sha1);
  const isValid = (from: string, target: string, now: number, bytes = token) =>
    isTokenValid(tokens, bytes, at(from), target, now, sha1);
  assertEquals(isValid("192.0.2.1:5", HASH, 0), true);
  // Another port of the same host: NATs change it.
  assertEquals(isValid("192.0.2.1:6", HASH, 2 * TOKEN_PERIOD_MS - 1), true);
  assertEquals(isValid("192.0.2.1:5", HASH, 2 * TOKEN_PERIOD_MS), false);
  assertEquals(isValid("192.0.2.2:5", HASH, 0), false);
  assertEquals(isValid("192.0.2.1:5", idOf(8), 0), false);
  assertEquals(isValid("192.0.2.1:5", HASH, 0, token.slice(1)), false);
  assertEquals(isValid("192.0.2.1:5", HASH, 0, token.map((byte) => byte ^ 1)), false);
});

Deno.test("peers are stored once per host, expire, and can be sampled without seeds", () => {
  const store = createPeerStore();
  const rng = createRng(1);
  storePeer(store, HASH, at("20.0.0.1:1"), false, 0);
  storePeer(store, HASH, at("20.0.0.1:2"), false, 1);
  storePeer(store, HASH, at("20.0.0.2:1"), true, 1);
  storePeer(store, HASH, at("[2001:db8::1]:3"), false, 1);
  const sample = (version: 4 | 6, noSeeds = false, now = 1) =>
    samplePeers(store, HASH, version, noSeeds, 50, now, rng).sort();
  assertEquals(sample(4), [at("20.0.0.1:2"), at("20.0.0.2:1")]);
  assertEquals(sample(4, true), [at("20.0.0.1:2")]);
  assertEquals(sample(6), [at("[2001:db8::1]:3")]);
  assertEquals(sample(4, false, PEER_LIFE_MS + 2), []);
  expirePeers(store, PEER_LIFE_MS + 2);
  assertEquals([store.swarms.size, store.peerCount, store.hosts.size], [0, 0, 0]);
});

Deno.test("no flood makes the peer store exceed its limits", () => {
  const store = createPeerStore();
  for (let i = 0; i < 2 * SWARM_PEERS_MAX; i++) storePeer(store, HASH, publicIp(i), false, i);
  assertEquals(store.swarms.get(HASH)!.size, SWARM_PEERS_MAX);
  assertEquals(store.peerCount, SWARM_PEERS_MAX);
  const one = at("99.0.0.1:1");
  let stored = 0;
  for (let i = 0; i < 200; i++) if (storePeer(store, idOf(1, i), one, false, 0)) stored++;
  assertEquals(stored, SWARMS_PER_HOST_MAX);
  for (let i = 0; i < 2 * SWARMS_MAX; i++) {
    storePeer(store, idOf(2, i >> 8, i & 255), publicIp(i + 5_000), false, 0);
  }
  assertEquals(store.swarms.size, SWARMS_MAX);
  let hosts = 0;
  for (const count of store.hosts.values()) hosts += count;
  assertEquals(hosts, store.peerCount);
});

Deno.test("a sample is random and never larger than requested", () => {
  const store = createPeerStore();
  for (let i = 0; i < 200; i++) storePeer(store, HASH, publicIp(i), i % 2 === 0, 0);
  const seen = new Set<string>();
  const rng = createRng(5);
  for (let i = 0; i < 100; i++) {
    const sample = samplePeers(store, HASH, 4, false, 10, 0, rng);
    assertEquals(new Set(sample).size, 10);
    for (const peer of sample) seen.add(peer);
  }
  assertEquals(seen.size > 180, true);
  const bloom = bloomOf(store, HASH, sha1)!;
  assertAlmostEquals(estimateBloom(bloom.seeds), 100, 8);
  assertAlmostEquals(estimateBloom(bloom.peers), 100, 8);
});

/** Spec: BEP 44, test vectors. */
const PUBLIC_KEY = fromHex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")!;
const VALUE = bytesOf("12:Hello World!");
const PLAIN: MutableItem = {
  kind: "mutable",
  value: VALUE,
  publicKey: PUBLIC_KEY,
  signature: fromHex(
    "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff" +
      "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01",
  )!,
  salt: new Uint8Array(),
  sequence: 1,
  expectedSequence: undefined,
};
const SALTED: MutableItem = {
  ...PLAIN,
  salt: bytesOf("foobar"),
  signature: fromHex(
    "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d" +
      "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08",
  )!,
};

function verify(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): boolean {
  const jwk = {
    kty: "OKP",
    crv: "Ed25519",
    x: publicKey.toBase64({ alphabet: "base64url", omitPadding: true }),
  };
  return verifyWith(null, message, createPublicKey({ key: jwk, format: "jwk" }), signature);
}

Deno.test("stored values have the targets and signatures of BEP 44", () => {
  const hex = (item: Parameters<typeof targetOf>[0]) => toHex(bytesOf(targetOf(item, sha1)));
  assertEquals(hex(PLAIN), "4a533d47ec9c7d95b1ad75f576cffc641853b750");
  assertEquals(hex(SALTED), "411eba73b6f087ca51a3795d9c8c938d365e32c1");
  assertEquals(
    hex({ kind: "immutable", value: VALUE }),
    "e5f96f6f38320f0f33959cb4d3d656452117aadb",
  );
  assertEquals(textOf(signedBytes(PLAIN)), "3:seqi1e1:v12:Hello World!");
  assertEquals(textOf(signedBytes(SALTED)), "4:salt6:foobar3:seqi1e1:v12:Hello World!");
  for (const item of [PLAIN, SALTED]) {
    assertEquals(isGenuine(item, targetOf(item, sha1), sha1, verify), true);
    const forged = { ...item, value: bytesOf("12:Hello Wurld!") };
    assertEquals(isGenuine(forged, targetOf(item, sha1), sha1, verify), false);
    assertEquals(isGenuine(item, HASH, sha1, verify), false);
  }
});

Deno.test("a mutable value is replaced only by newer ones with the same key", () => {
  const items: ItemStore = new Map();
  const put = (more: Partial<MutableItem>, isSigned = true) =>
    storeItem(items, { ...PLAIN, ...more }, 0, sha1, () => isSigned);
  assertEquals(storeItem(items, { ...PLAIN, value: bytesOf("i1e") }, 0, sha1, verify), 206);
  assertEquals(put({ sequence: 5 }), undefined);
  assertEquals(put({ sequence: 4 }), 302);
  assertEquals(put({ sequence: 5, value: bytesOf("i2e") }), 302);
  assertEquals(put({ sequence: 5 }), undefined);
  assertEquals(put({ sequence: 6, expectedSequence: 4 }), 301);
  assertEquals(put({ sequence: 6, expectedSequence: 5 }), undefined);
  assertEquals(put({ sequence: 7 }, false), 206);
  assertEquals(items.size, 1);
});

Deno.test("stored values are limited in number and expire", () => {
  const items: ItemStore = new Map();
  for (let i = 0; i < ITEMS_MAX + 10; i++) {
    storeItem(items, { kind: "immutable", value: bytesOf(`i${i}e`) }, i, sha1, verify);
  }
  assertEquals(items.size, ITEMS_MAX);
  expireItems(items, ITEM_LIFE_MS + 500);
  assertEquals(items.size, ITEMS_MAX - 490);
});

Deno.test("saved nodes round-trip; anything else is refused with an error code", () => {
  const saved = {
    ids: { 4: idOf(1), 6: undefined },
    nodes: [
      { id: idOf(2), endpoint: at("20.0.0.1:1") },
      { id: idOf(3), endpoint: at("[2001:db8::1]:2") },
    ],
  };
  const bytes = encodeSavedNode(saved);
  assertEquals(decodeSavedNode(bytes), { ok: true, value: saved });
  for (let size = 0; size < bytes.length; size++) {
    assertEquals(decodeSavedNode(bytes.slice(0, size)).ok, false);
  }
  assertEquals(decodeSavedNode(bytesOf("d6:formati2ee")).ok, false);
  // Invalid node addresses are skipped.
  const odd = encodeSavedNode({ ids: {}, nodes: [{ id: idOf(2), endpoint: at("224.0.0.1:1") }] });
  assertEquals(decodeSavedNode(odd), {
    ok: true,
    value: { ids: { 4: undefined, 6: undefined }, nodes: [] },
  });
});

Deno.test("responses and queries are rate limited per host and in total", () => {
  const traffic = createTraffic(0);
  const one = at("20.0.0.1:1");
  const admitted = (from: (i: number) => string, now: number) =>
    Array.from({ length: 3_000 }, (_, i) => admitQuery(traffic, from(i), now)).filter(Boolean)
      .length;
  assertEquals(admitted(() => one, 0), HOST_QUERIES_IN_MAX);
  assertEquals(admitted(publicIp, 0), QUERIES_IN_MAX - HOST_QUERIES_IN_MAX);
  assertEquals(admitted(() => one, WINDOW_MS), HOST_QUERIES_IN_MAX);
  assertEquals(traffic.totals.queriesIn, 9_000);
  const asked = (to: (i: number) => string) =>
    Array.from({ length: 3_000 }, (_, i) => takeQuery(traffic, to(i), WINDOW_MS)).filter(Boolean)
      .length;
  assertEquals(asked((i) => at(`20.0.0.1:${1 + i}`)), HOST_QUERIES_OUT_MAX);
  assertEquals(asked(publicIp), QUERIES_OUT_MAX - HOST_QUERIES_OUT_MAX);
  assertEquals(mayQuery(traffic, WINDOW_MS), false);
  assertEquals(mayQuery(traffic, 2 * WINDOW_MS), true);
});

Deno.test("a host that sends three invalid responses is ignored for a while", () => {
  const traffic = createTraffic(0);
  const host = at("20.0.0.1:1");
  for (let i = 0; i < 3; i++) {
    assertEquals(isBanned(traffic, host, 0), false);
    strike(traffic, host, 0);
  }
  assertEquals(isBanned(traffic, at("20.0.0.1:9"), BAN_MS - 1), true);
  assertEquals(takeQuery(traffic, host, 0), false);
  assertEquals(isBanned(traffic, host, BAN_MS), false);
  for (let i = 0; i < 30_000; i++) strike(traffic, publicIp(i % 9_000), 0);
  assertEquals(traffic.strikes.size <= 2_048 && traffic.banned.size <= 2_048, true);
});
