import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex } from "../../../core/bytes/hex.ts";
import { createRng } from "../../../core/bytes/random.ts";
import {
  hostKey,
  isUsable,
  mayName,
  networkKey,
  SCOPE_LOOPBACK,
  SCOPE_PRIVATE,
  SCOPE_PUBLIC,
  scopeOf,
} from "../../../core/dht/endpoint.ts";
import { voteForAddress } from "../../../core/dht/identity.ts";
import {
  compareDistance,
  randomIdSharing,
  randomNodeId,
  sharedPrefixBits,
} from "../../../core/dht/node_id.ts";
import { createSecureId, isCompliantId } from "../../../core/dht/secure_id.ts";
import { createDht } from "../../../core/dht/state.ts";
import { at, idOf, optionsOf, textOf } from "./kit.ts";

const id = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(textOf);

/** Address and id. Spec: BEP 42, test vectors. */
const BEP42: [string, string][] = [
  ["124.31.75.21:1", "5fbfbff10c5d6a4ec8a88e4c6ab4c28b95eee401"],
  ["21.75.31.124:1", "5a3ce9c14e7a08645677bbd1cfe7d8f956d53256"],
  ["65.23.51.170:1", "a5d43220bc8f112a3d426c84764f8c2a1150e616"],
  ["84.124.73.14:1", "1b0321dd1bb1fe518101ceef99462b947a01ff41"],
  ["43.213.53.83:1", "e56f6cbf5b7c4be0237986d5243b87aa6d51305a"],
];

for (const [address, hex] of BEP42) {
  Deno.test(`the BEP 42 ID for ${address} is valid, and another is not`, () => {
    const proper = textOf(fromHex(hex)!);
    assertEquals(isCompliantId(proper, at(address)), true);
    assertEquals(isCompliantId(proper, at("124.31.75.99:1")), false);
    const flipped = proper.slice(0, 2) + String.fromCharCode(proper.charCodeAt(2) ^ 8);
    assertEquals(isCompliantId(flipped + proper.slice(3), at(address)), false);
  });
}

Deno.test("a generated ID is valid for its address, over IPv4 and IPv6", () => {
  const rng = createRng(1);
  for (let i = 0; i < 200; i++) {
    const four = at(`${1 + i}.2.3.${i}:1`);
    const six = at(`[2001:db8:${i.toString(16)}::1]:1`);
    assertEquals(isCompliantId(createSecureId(four, rng), four), true);
    assertEquals(isCompliantId(createSecureId(six, rng), six), true);
    assertEquals(isCompliantId(createSecureId(six, rng), at("[2001:db9::1]:1")), false);
  }
});

Deno.test("any ID is valid in a private network", () => {
  assertEquals(isCompliantId(idOf(1), at("10.0.0.1:1")), true);
  assertEquals(isCompliantId(idOf(1), at("127.0.0.1:1")), true);
});

Deno.test("XOR distance is symmetric, zero for equal IDs, and orders nodes", () => {
  fc.assert(
    fc.property(id, id, id, (a, b, target) => {
      const number = (text: string) =>
        BigInt(
          "0x" + Array.from(text, (c) => c.charCodeAt(0).toString(16).padStart(2, "0")).join(""),
        );
      const wanted = (number(a) ^ number(target)) - (number(b) ^ number(target));
      const got = compareDistance(a, b, target);
      assertEquals(Math.sign(got), wanted < 0n ? -1 : wanted > 0n ? 1 : 0);
      const bits = sharedPrefixBits(a, b);
      const shared = (number(a) ^ number(b)).toString(2).padStart(160, "0").indexOf("1");
      assertEquals(bits, shared === -1 ? 160 : shared);
    }),
    { seed: 2, numRuns: 200 },
  );
});

Deno.test("a random ID for a bucket shares exactly the required prefix", () => {
  const rng = createRng(3);
  const own = randomNodeId(rng);
  for (let bits = 0; bits < 160; bits++) {
    assertEquals(sharedPrefixBits(own, randomIdSharing(own, bits, rng)), bits);
  }
});

Deno.test("only nodes in the same scope may name local addresses", () => {
  const loopback = [at("127.0.0.1:1"), at("[::1]:1")];
  const inside = [
    at("10.1.2.3:1"),
    at("172.16.0.1:1"),
    at("192.168.0.1:1"),
    at("100.64.0.1:1"),
    at("169.254.1.1:1"),
    at("[fd00::1]:1"),
    at("[fe80::1]:1"),
  ];
  const outside = [at("172.32.0.1:1"), at("100.128.0.1:1"), at("8.8.8.8:1"), at("[2001:db8::1]:1")];
  for (const one of loopback) assertEquals(scopeOf(one), SCOPE_LOOPBACK);
  for (const one of inside) assertEquals(scopeOf(one), SCOPE_PRIVATE);
  for (const one of outside) assertEquals(scopeOf(one), SCOPE_PUBLIC);
  assertEquals(mayName(outside[0]!, inside[0]!), false);
  assertEquals(mayName(outside[0]!, loopback[0]!), false);
  assertEquals(mayName(inside[0]!, loopback[0]!), false);
  assertEquals(mayName(inside[0]!, outside[0]!), true);
  assertEquals(mayName(loopback[0]!, inside[0]!), true);
  assertEquals(mayName(outside[0]!, outside[1]!), true);
});

Deno.test("nothing is sent to port 0, multicast, broadcast or invalid addresses", () => {
  for (
    const text of ["1.2.3.4:0", "0.1.2.3:1", "224.0.0.1:1", "255.255.255.255:1", "[ff02::1]:1"]
  ) {
    assertEquals(isUsable(at(text)), false, text);
  }
  assertEquals(isUsable("\0".repeat(17) + "\x01"), false);
  assertEquals(isUsable("\0".repeat(10) + "\xff\xff\x01\x02\x03\x04\x00\x01"), false);
});

Deno.test("a host is an IPv4 address, an IPv6 /64, or a loopback endpoint", () => {
  assertEquals(hostKey(at("8.8.8.8:1")), hostKey(at("8.8.8.8:2")));
  assertEquals(hostKey(at("[2001:db8::1]:1")), hostKey(at("[2001:db8::2]:2")));
  assertEquals(hostKey(at("127.0.0.1:1")) === hostKey(at("127.0.0.1:2")), false);
  assertEquals(networkKey(at("8.8.8.8:1")), networkKey(at("8.8.8.9:1")));
  assertEquals(networkKey(at("10.0.0.1:1")), undefined);
});

Deno.test("an address reported by two thirds of eight networks is adopted with a new ID", () => {
  const dht = createDht(optionsOf(1), 0);
  const network = dht.networks[0]!;
  const vote = (voter: string, own: string) => voteForAddress(dht, network, at(voter), at(own), 0);
  // One subnet has one vote, however many hosts it has.
  for (let i = 1; i < 100; i++) assertEquals(vote(`8.8.8.${i}:1`, "9.9.9.9:1"), false);
  assertEquals(network.external, undefined);
  for (let i = 1; i < 6; i++) assertEquals(vote(`${i}.1.1.1:1`, "23.0.0.1:7"), false);
  assertEquals(vote("6.1.1.1:1", "9.9.9.9:1"), false);
  // Eight votes, six of them for one address; then nine, six for one: not more than two thirds.
  assertEquals(vote("7.1.1.1:1", "23.0.0.1:8"), true);
  assertEquals(network.external, at("23.0.0.1:1"));
  assertEquals(isCompliantId(network.table.ownId, at("23.0.0.1:1")), true);
  const ownId = network.table.ownId;
  assertEquals(vote("11.1.1.1:1", "23.0.0.1:1"), false);
  assertEquals(network.table.ownId, ownId);
});

Deno.test("nodes in private networks do not vote on our public address", () => {
  const dht = createDht(optionsOf(1), 0);
  for (let i = 1; i < 20; i++) {
    voteForAddress(dht, dht.networks[0]!, at(`10.0.0.${i}:1`), at("23.0.0.1:1"), 0);
    voteForAddress(dht, dht.networks[0]!, at(`${i}.3.3.3:1`), at("10.0.0.9:1"), 0);
  }
  assertEquals(dht.networks[0]!.external, undefined);
});
