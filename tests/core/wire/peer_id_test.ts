import { assertEquals, assertNotEquals } from "@std/assert";
import { peerIdPrefix } from "../../../core/wire/peer_id.ts";

Deno.test("a peer ID begins with the client and its version", () => {
  assertEquals(peerIdPrefix("0.1.0"), "-TD0100-");
  assertEquals(peerIdPrefix("1.2.3"), "-TD1230-");
  assertEquals(peerIdPrefix("12.35.0"), "-TDCZ00-");
});

Deno.test("versions with two digits are distinguished", () => {
  assertNotEquals(peerIdPrefix("0.10.0"), peerIdPrefix("0.1.0"));
  assertNotEquals(peerIdPrefix("1.1.0"), peerIdPrefix("0.11.0"));
});
