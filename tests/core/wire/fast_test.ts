import { assertEquals, assertNotEquals } from "@std/assert";
import { createHash } from "node:crypto";
import fc from "../../support/fast_check.ts";
import { allowedFastSet } from "../../../core/wire/fast.ts";
import { ALLOWED_FAST_VECTORS } from "./wire_vectors.ts";

const INFO_HASH = new Uint8Array(20).fill(0xaa);
const sha1 = (bytes: Uint8Array) => new Uint8Array(createHash("sha1").update(bytes).digest());

Deno.test("the example of BEP 6 is reproduced, in order", () => {
  const set = [1059, 431, 808, 1217, 287, 376, 1188, 353, 508];
  assertEquals(allowedFastSet(INFO_HASH, "80.4.4.200", 1313, 7, sha1), set.slice(0, 7));
  assertEquals(allowedFastSet(INFO_HASH, "80.4.4.200", 1313, 9, sha1), set);
});

Deno.test("peers in one /24 get the same set, others another", () => {
  const set = allowedFastSet(INFO_HASH, "80.4.4.200", 1313, 10, sha1);
  assertEquals(allowedFastSet(INFO_HASH, "80.4.4.1", 1313, 10, sha1), set);
  assertEquals(allowedFastSet(INFO_HASH, "::ffff:80.4.4.1", 1313, 10, sha1), set);
  assertNotEquals(allowedFastSet(INFO_HASH, "80.4.5.200", 1313, 10, sha1), set);
  const other = new Uint8Array(20).fill(0xab);
  assertNotEquals(allowedFastSet(other, "80.4.4.200", 1313, 10, sha1), set);
});

Deno.test("a small torrent gives all its pieces and ends", () => {
  assertEquals(allowedFastSet(INFO_HASH, "10.0.0.1", 4, 10, sha1), [0, 2, 3, 1]);
  assertEquals(allowedFastSet(INFO_HASH, "10.0.0.1", 1, 10, sha1), [0]);
  assertEquals(allowedFastSet(INFO_HASH, "10.0.0.1", 0, 10, sha1), []);
});

Deno.test("a set has the requested number of distinct pieces of the torrent", () => {
  const counts = fc.integer({ min: 0, max: 12 });
  fc.assert(fc.property(fc.ipV4(), fc.integer({ min: 1, max: 5000 }), counts, (ip, pieces, k) => {
    const set = allowedFastSet(INFO_HASH, ip, pieces, k, sha1);
    assertEquals(new Set(set).size, Math.min(k, pieces));
    assertEquals(set.every((piece) => piece < pieces), true);
  }));
});

Deno.test("a peer on IPv6 gets no set", () => {
  assertEquals(allowedFastSet(INFO_HASH, "2001:db8::1", 1313, 10, sha1), []);
});

Deno.test("the conformance vectors of the allowed fast set pass", () => {
  for (const { ip, pieces, set } of ALLOWED_FAST_VECTORS) {
    assertEquals(allowedFastSet(INFO_HASH, ip, pieces, set.length, sha1), [...set]);
  }
});
