import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  checkHandshakePrefix,
  completedHandshake,
  createHandshakeReader,
  decodeHandshake,
  encodeHandshake,
  feedHandshake,
  type Handshake,
  HANDSHAKE_SIZE,
  receivedInfoHash,
  receivedV2Bit,
} from "../../../core/wire/handshake.ts";
import { HANDSHAKE_VECTOR } from "./wire_vectors.ts";

const INFO_HASH = "00112233445566778899aabbccddeeff01234567" as InfoHash;
const PEER_ID = new TextEncoder().encode("-TT0001-0123456789ab");
const PLAIN: Handshake = {
  infoHash: INFO_HASH,
  peerId: PEER_ID,
  fast: false,
  extended: false,
  dht: false,
};
const PROTOCOL_HEX = "13426974546f7272656e742070726f746f636f6c";

Deno.test("a handshake is 68 bytes: protocol, reserved bits, info hash, peer id", () => {
  assertEquals(
    toHex(encodeHandshake(PLAIN)),
    PROTOCOL_HEX + "0000000000000000" + INFO_HASH + toHex(PEER_ID),
  );
});

Deno.test("each feature has its reserved bit", () => {
  const reserved = (features: Partial<Handshake>) =>
    toHex(encodeHandshake({ ...PLAIN, ...features }).subarray(20, 28));
  assertEquals(reserved({ extended: true }), "0000000000100000");
  assertEquals(reserved({ dht: true }), "0000000000000001");
  assertEquals(reserved({ fast: true }), "0000000000000004");
  assertEquals(reserved({ fast: true, extended: true, dht: true }), "0000000000100005");
});

Deno.test("any handshake round-trips", () => {
  const handshakes = fc.record({
    infoHash: fc.uint8Array({ minLength: 20, maxLength: 20 }).map((b) => toHex(b) as InfoHash),
    peerId: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    fast: fc.boolean(),
    extended: fc.boolean(),
    dht: fc.boolean(),
  });
  fc.assert(fc.property(handshakes, (handshake) => {
    assertEquals<unknown>(decodeHandshake(encodeHandshake(handshake)), {
      ok: true,
      value: handshake,
    });
  }));
});

Deno.test("unknown reserved bits are ignored", () => {
  const bytes = encodeHandshake(PLAIN);
  bytes.set(fromHex("ffffffffffefffEA")!, 20);
  assertEquals<unknown>(decodeHandshake(bytes), { ok: true, value: PLAIN });
});

Deno.test("bytes after the handshake are left alone", () => {
  const bytes = new Uint8Array(HANDSHAKE_SIZE + 5).fill(0xee);
  bytes.set(encodeHandshake(PLAIN));
  assertEquals<unknown>(decodeHandshake(bytes), { ok: true, value: PLAIN });
});

Deno.test("the peer ID is a copy", () => {
  const bytes = encodeHandshake(PLAIN);
  const decoded = decodeHandshake(bytes);
  bytes.fill(0);
  assertEquals(decoded.ok && decoded.value.peerId, PEER_ID);
});

Deno.test("another protocol is recognised by its first wrong byte", () => {
  const good = encodeHandshake(PLAIN);
  for (let offset = 0; offset < 20; offset++) {
    const bytes = good.slice(0, offset + 1);
    assertEquals(checkHandshakePrefix(bytes), undefined);
    bytes[offset]! ^= 0x80;
    const error = { code: "handshake-protocol" as const, offset, byte: bytes[offset]! };
    assertEquals(checkHandshakePrefix(bytes), error);
    assertEquals<unknown>(decodeHandshake(bytes), { ok: false, error });
  }
  assertEquals(checkHandshakePrefix(new Uint8Array(0)), undefined);
  const http = new TextEncoder().encode("GET / HTTP/1.1\r\n");
  assertEquals(checkHandshakePrefix(http)?.code, "handshake-protocol");
});

Deno.test("nothing after the protocol name makes a prefix wrong", () => {
  const bytes = encodeHandshake(PLAIN);
  bytes.fill(0xff, 20);
  assertEquals(checkHandshakePrefix(bytes), undefined);
});

Deno.test("a truncated handshake is incomplete", () => {
  for (const size of [0, 20, 67]) {
    const decoded = decodeHandshake(encodeHandshake(PLAIN).subarray(0, size));
    assertEquals<unknown>(decoded, { ok: false, error: { code: "handshake-short", size } });
  }
});

Deno.test("a peer ID of the wrong size fails an assertion", () => {
  assertThrows(() => encodeHandshake({ ...PLAIN, peerId: new Uint8Array(19) }));
});

Deno.test("the conformance vector of the handshake passes in both directions", () => {
  const { infoHash, bytes } = HANDSHAKE_VECTOR;
  const handshake = {
    infoHash: infoHash as InfoHash,
    peerId: new TextEncoder().encode(HANDSHAKE_VECTOR.peerId),
    fast: true,
    extended: true,
    dht: true,
  };
  assertEquals(toHex(encodeHandshake(handshake)), bytes);
  assertEquals<unknown>(decodeHandshake(fromHex(bytes)!), { ok: true, value: handshake });
});

const OTHER_HASH = "ff".repeat(20) as InfoHash;

Deno.test("a handshake is parsed however its bytes are split, and the rest is left", () => {
  const bytes = new Uint8Array([...encodeHandshake(PLAIN), 0, 0, 0, 1, 2]);
  const cuts = fc.uniqueArray(fc.integer({ min: 0, max: bytes.length }), { maxLength: 10 });
  fc.assert(
    fc.property(cuts, (places) => {
      const reader = createHandshakeReader();
      const ends = [...places.sort((a, b) => a - b), bytes.length];
      let taken = 0;
      for (const [index, end] of ends.entries()) {
        const part = bytes.subarray(index === 0 ? 0 : ends[index - 1]!, end);
        const fed = feedHandshake(reader, part);
        taken += fed.ok ? fed.value : NaN;
        assertEquals(receivedInfoHash(reader), end < 48 ? undefined : INFO_HASH);
        assertEquals(completedHandshake(reader), end < HANDSHAKE_SIZE ? undefined : PLAIN);
      }
      assertEquals(taken, HANDSHAKE_SIZE);
    }),
    { seed: 48 },
  );
});

Deno.test("the info hash is known after 48 bytes, before the peer ID", () => {
  const reader = createHandshakeReader();
  const bytes = encodeHandshake(PLAIN);
  feedHandshake(reader, bytes.subarray(0, 47));
  assertEquals(receivedInfoHash(reader), undefined);
  feedHandshake(reader, bytes.subarray(47, 48));
  assertEquals(receivedInfoHash(reader), INFO_HASH);
});

Deno.test("a reply may have either info hash of the torrent, and no other", () => {
  for (const expected of [[INFO_HASH], [OTHER_HASH, INFO_HASH]]) {
    const reader = createHandshakeReader(expected);
    assertEquals<unknown>(feedHandshake(reader, encodeHandshake(PLAIN)), { ok: true, value: 68 });
  }
  const error = { code: "handshake-other-torrent", infoHash: INFO_HASH };
  const reader = createHandshakeReader([OTHER_HASH]);
  assertEquals<unknown>(feedHandshake(reader, encodeHandshake(PLAIN)), { ok: false, error });
});

Deno.test("a wrong byte is refused at once, however the bytes are split", () => {
  for (let offset = 0; offset < 20; offset++) {
    const reader = createHandshakeReader();
    const bytes = encodeHandshake(PLAIN);
    bytes[offset]! ^= 0x20;
    assertEquals(feedHandshake(reader, bytes.subarray(0, offset)).ok, true);
    const fed = feedHandshake(reader, bytes.subarray(offset, offset + 1));
    assertEquals(!fed.ok && fed.error.code, "handshake-protocol");
  }
});

Deno.test("whether a peer speaks v2 shows in its own reserved bit, once 28 bytes have come", () => {
  for (
    const [features, isV2] of [[{ v2: true }, true], [{ dht: true, fast: true }, false]] as const
  ) {
    const bytes = encodeHandshake({ ...PLAIN, ...features });
    const reader = createHandshakeReader();
    feedHandshake(reader, bytes.subarray(0, 27));
    assertEquals(receivedV2Bit(reader), false);
    feedHandshake(reader, bytes.subarray(27, 28));
    assertEquals(receivedV2Bit(reader), isV2);
  }
});

Deno.test("a torrent has one info hash or two: other expectations are our mistake", () => {
  assertThrows(() => createHandshakeReader([]));
  assertThrows(() => createHandshakeReader([INFO_HASH, INFO_HASH, INFO_HASH]));
});
