import { assertEquals, assertThrows } from "@std/assert";
import { DIGESTS } from "../../../shell/hash/sha256.ts";
import {
  formatOf,
  type Identity,
  infoHashV2FromBytes,
  infoHashV2FromHex,
  isInfoOf,
  keyOf,
  swarmHashes,
  v2SwarmHash,
} from "../../../core/metainfo/identity.ts";
import { infoHashFromBytes, infoHashFromHex } from "../../../core/metainfo/info_hash.ts";

const v1 = infoHashFromHex("aa".repeat(20))!;
const v2 = infoHashV2FromHex("BC".repeat(32))!;
const cut = "bc".repeat(20);

Deno.test("a torrent has one swarm, a hybrid two, and the v1 hash is its key", () => {
  assertEquals<string[]>(swarmHashes({ v1, v2: undefined }), [v1]);
  assertEquals<string[]>(swarmHashes({ v1: undefined, v2 }), [cut]);
  assertEquals<string[]>(swarmHashes({ v1, v2 }), [v1, cut]);
  assertEquals<string>(keyOf({ v1, v2 }), v1);
  assertEquals<string>(keyOf({ v1: undefined, v2 }), cut);
});

Deno.test("a v2 info hash has 64 digits or 32 bytes", () => {
  assertEquals(infoHashV2FromHex(cut), undefined);
  assertEquals(infoHashV2FromHex("x".repeat(64)), undefined);
  assertEquals(infoHashV2FromBytes(new Uint8Array(32).fill(0xbc)), v2);
});

Deno.test("what a torrent is for follows from its hashes", () => {
  assertEquals(formatOf({ v1, v2: undefined }), "v1");
  assertEquals(formatOf({ v1: undefined, v2 }), "v2");
  assertEquals(formatOf({ v1, v2 }), "hybrid");
  assertEquals<string | undefined>(v2SwarmHash({ v1, v2 }), cut);
  assertEquals(v2SwarmHash({ v1, v2: undefined }), undefined);
});

Deno.test("an info dictionary is that of an identity if every hash says so", () => {
  const info = new TextEncoder().encode("de");
  const right = {
    v1: infoHashFromBytes(DIGESTS.sha1(info)),
    v2: infoHashV2FromBytes(DIGESTS.sha256(info)),
  };
  const isOf = (identity: Identity) => isInfoOf(identity, info, DIGESTS);
  assertEquals(isOf(right), true);
  assertEquals([isOf({ ...right, v2: undefined }), isOf({ ...right, v1: undefined })], [
    true,
    true,
  ]);
  assertEquals([isOf({ ...right, v1 }), isOf({ ...right, v2 })], [false, false]);
  assertEquals([isOf({ v1, v2: undefined }), isOf({ v1: undefined, v2 })], [false, false]);
});

Deno.test("a torrent without any hash, or with one of a wrong size, is a programming error", () => {
  assertThrows(() => keyOf({ v1: undefined, v2: undefined }), Error, "a torrent has an info hash");
  assertThrows(() => infoHashV2FromBytes(new Uint8Array(31)), Error, "32 bytes, not 31");
});
