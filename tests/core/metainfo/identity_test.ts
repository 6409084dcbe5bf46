import { assertEquals } from "@std/assert";
import {
  infoHashV2FromBytes,
  infoHashV2FromHex,
  keyOf,
  swarmHashes,
} from "../../../core/metainfo/identity.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";

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
