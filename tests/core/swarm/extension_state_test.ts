/** What a handshake of BEP 10 says, and later ones change. */
import { assertEquals } from "@std/assert";
import { applyHandshake, createPeerExtensions } from "../../../core/swarm/extension_state.ts";
import { EXTENSIONS_KNOWN_MAX } from "../../../core/swarm/limits.ts";
import type { ExtendedHandshake } from "../../../core/wire/extended.ts";

const NOTHING: ExtendedHandshake = {
  extensions: new Map(),
  version: undefined,
  port: undefined,
  reqq: undefined,
  yourIp: undefined,
  uploadOnly: undefined,
  metadataSize: undefined,
};

Deno.test("what a later handshake does not name stays as it was", () => {
  const peer = createPeerExtensions();
  assertEquals([peer.isUploadOnly, peer.metadataSize, peer.client], [false, undefined, undefined]);
  applyHandshake(peer, { ...NOTHING, uploadOnly: true, metadataSize: 5, version: "x", reqq: 7 });
  applyHandshake(peer, NOTHING);
  assertEquals([peer.isUploadOnly, peer.metadataSize, peer.client, peer.reqq], [true, 5, "x", 7]);
  applyHandshake(peer, { ...NOTHING, uploadOnly: false });
  assertEquals(peer.isUploadOnly, false);
});

Deno.test("extensions are numbered anew, withdrawn and named again, and no more than are remembered", () => {
  const peer = createPeerExtensions();
  const say = (...extensions: [string, number][]) =>
    applyHandshake(peer, { ...NOTHING, extensions: new Map(extensions) });
  assertEquals(say(["a", 1], ["b", 2]), ["a", "b"]);
  assertEquals(say(["a", 3], ["c", 4]), ["c"]);
  assertEquals([...peer.theirNumbers], [["a", 3], ["b", 2], ["c", 4]]);
  assertEquals(say(["a", 0]), []);
  assertEquals(say(["a", 5]), ["a"]);
  const many = Array.from(
    { length: EXTENSIONS_KNOWN_MAX },
    (_, i): [string, number] => [`x${i}`, 9],
  );
  assertEquals(say(...many).length, EXTENSIONS_KNOWN_MAX - 3);
  assertEquals(peer.theirNumbers.size, EXTENSIONS_KNOWN_MAX);
  say(["a", 6]);
  assertEquals(peer.theirNumbers.get("a"), 6);
});
