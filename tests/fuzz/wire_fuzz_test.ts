/** Any bytes are either decoded by the wire module or refused; nothing throws. */
import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { decodeCompactPeers, encodeCompactPeers } from "../../core/bytes/compact_peers.ts";
import { toHex } from "../../core/bytes/hex.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import { encodeBencode } from "../../core/bencode/encode.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { decodeMessage } from "../../core/wire/codec.ts";
import { decodeExtendedHandshake, encodeExtendedHandshake } from "../../core/wire/extended.ts";
import {
  createBlockHeader,
  createFrameView,
  frameBytesMax,
  readBlockHeader,
  readFrame,
} from "../../core/wire/frame.ts";
import {
  checkHandshakePrefix,
  decodeHandshake,
  encodeHandshake,
  HANDSHAKE_SIZE,
} from "../../core/wire/handshake.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import { anyMessage, framesOf } from "../core/wire/messages.ts";
import { hostile } from "./hostile_bytes.ts";
import { fuzzParameters } from "./runs.ts";

const BYTES_MAX = frameBytesMax(1000);

Deno.test("a hostile stream ends incomplete or as a violation, after its valid messages", () => {
  const streams = fc.array(anyMessage, { maxLength: 8 }).map((all) => framesOf(...all));
  fc.assert(
    fc.property(hostile(streams), (stream) => {
      const view = createFrameView();
      const block = createBlockHeader();
      let start = 0;
      let verdict;
      while ((verdict = readFrame(stream, start, stream.length, BYTES_MAX, view)) === "frame") {
        assert(start < view.bodyStart && view.bodyStart <= view.frameEnd);
        assert(view.frameEnd <= stream.length && view.frameEnd === start + view.needed);
        if (view.id === MESSAGE_ID.piece) {
          if (readBlockHeader(stream, view, block)) {
            assertEquals(block.payloadStart + block.length, view.frameEnd);
          }
        } else {
          const decoded = decodeMessage(stream, view);
          if (decoded.ok && decoded.value.kind !== "unknown") {
            assertEquals(
              toHex(framesOf(decoded.value)),
              toHex(stream.subarray(start, view.frameEnd)),
            );
          }
        }
        start = view.frameEnd;
      }
      if (verdict === "incomplete") assert(start + view.needed > stream.length);
      else assert(view.needed > BYTES_MAX);
    }),
    fuzzParameters,
  );
});

Deno.test("a hostile handshake is parsed or refused", () => {
  const infoHash = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
  const handshakes = fc.record({ fast: fc.boolean(), extended: fc.boolean(), dht: fc.boolean() })
    .map((features) =>
      encodeHandshake({ infoHash, peerId: new Uint8Array(20).fill(0x41), ...features })
    );
  fc.assert(
    fc.property(hostile(handshakes), (bytes) => {
      const decoded = decodeHandshake(bytes);
      const error = checkHandshakePrefix(bytes);
      if (!decoded.ok) {
        if (decoded.error.code === "handshake-short") assert(bytes.length < HANDSHAKE_SIZE);
        else assertEquals(decoded.error, error);
        return;
      }
      assertEquals(error, undefined);
      const back = encodeHandshake(decoded.value);
      assertEquals(toHex(back.subarray(0, 20)), toHex(bytes.subarray(0, 20)));
      assertEquals(toHex(back.subarray(28)), toHex(bytes.subarray(28, HANDSHAKE_SIZE)));
      for (let i = 20; i < 28; i++) assertEquals(back[i]! & ~bytes[i]!, 0);
    }),
    fuzzParameters,
  );
});

Deno.test("a hostile extension handshake is refused or within its ranges", () => {
  const value = fc.oneof(
    fc.integer(),
    fc.string(),
    fc.uint8Array({ maxLength: 20 }),
    fc.dictionary(fc.string({ maxLength: 12 }), fc.integer({ min: -2, max: 300 })),
  );
  const key = fc.constantFrom(
    ...["m", "v", "p", "reqq", "yourip", "upload_only", "metadata_size", "e"],
  );
  const payloads = fc.dictionary(key, value).map((dict) => encodeBencode(dict));
  fc.assert(
    fc.property(hostile(payloads), (payload) => {
      const decoded = decodeExtendedHandshake(payload);
      if (!decoded.ok) return;
      const { extensions, version, port, reqq, yourIp, metadataSize } = decoded.value;
      for (const id of extensions.values()) assert(Number.isInteger(id) && id >= 0 && id <= 255);
      assert(version === undefined || !/\p{Cc}/u.test(version));
      assert(port === undefined || (port >= 1 && port <= 65_535));
      assert((reqq ?? 1) >= 1 && (metadataSize ?? 1) >= 1);
      assert(yourIp === undefined || canonicalIp(yourIp) === yourIp);
      const again = decodeExtendedHandshake(encodeExtendedHandshake(decoded.value));
      assertEquals<unknown>(again, decoded);
    }),
    fuzzParameters,
  );
});

Deno.test("hostile compact peers are refused or have addresses and ports", () => {
  for (const version of [4, 6] as const) {
    fc.assert(
      fc.property(hostile(fc.uint8Array({ maxLength: 90 })), (bytes) => {
        const decoded = decodeCompactPeers(bytes, version);
        if (!decoded.ok) return;
        for (const { ip, port } of decoded.value) {
          assert(canonicalIp(ip) === ip && port >= 1 && port <= 65_535);
        }
        const kept = encodeCompactPeers(decoded.value, version);
        assert(kept.length <= bytes.length && kept.length % (version === 4 ? 6 : 18) === 0);
      }),
      fuzzParameters,
    );
  }
});

Deno.test("hostile address text is invalid or has one canonical text", () => {
  const soup = fc.array(fc.constantFrom(..."0123456789abcdefF:::.%[] ".split(""), "::", "255"))
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(soup, fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const canonical = canonicalIp(text);
      if (canonical !== undefined) assertEquals(canonicalIp(canonical), canonical);
    }),
    fuzzParameters,
  );
});
