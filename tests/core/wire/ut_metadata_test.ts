import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  METADATA_BYTES_MAX,
  METADATA_MESSAGE_BYTES_MAX,
  METADATA_PIECE_SIZE,
  type MetadataMessage,
  metadataPieceCount,
  metadataPieceSize,
} from "../../../core/wire/ut_metadata.ts";
import { hostile } from "../../fuzz/hostile_bytes.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
const bytesOf = (value: string) => Uint8Array.from(value, (c) => c.charCodeAt(0));
const errorOf = (value: string) => {
  const decoded = decodeMetadataMessage(bytesOf(value));
  return decoded.ok ? undefined : decoded.error.code;
};

Deno.test("messages have the specified format", () => {
  assertEquals(
    text(encodeMetadataMessage({ kind: "request", piece: 0 })),
    "d8:msg_typei0e5:piecei0ee",
  );
  assertEquals(
    text(encodeMetadataMessage({ kind: "reject", piece: 7 })),
    "d8:msg_typei2e5:piecei7ee",
  );
  assertEquals(
    text(
      encodeMetadataMessage({ kind: "data", piece: 0, totalSize: 3425, payload: bytesOf("xyz") }),
    ),
    "d8:msg_typei1e5:piecei0e10:total_sizei3425eexyz",
  );
});

Deno.test("a payload that resembles bencode stays payload", () => {
  const decoded = decodeMetadataMessage(bytesOf("d8:msg_typei1e5:piecei1eed4:infoi0ee"));
  if (!decoded.ok || decoded.value.kind !== "data") throw new Error("no data");
  assertEquals(text(decoded.value.payload), "d4:infoi0ee");
  assertEquals(decoded.value.totalSize, undefined);
});

Deno.test("unknown types are ignored, and invalid ones refused", () => {
  assertEquals<unknown>(decodeMetadataMessage(bytesOf("d8:msg_typei9ee")), {
    ok: true,
    value: { kind: "unknown" },
  });
  assertEquals(errorOf("le"), "metadata-not-dict");
  assertEquals(errorOf("de"), "metadata-type-missing");
  assertEquals(errorOf("d8:msg_typei0ee"), "metadata-piece");
  assertEquals(errorOf("d8:msg_typei0e5:piecei-1ee"), "metadata-piece");
  assertEquals(
    errorOf(`d8:msg_typei0e5:piecei${METADATA_BYTES_MAX / METADATA_PIECE_SIZE}ee`),
    "metadata-piece",
  );
  assertEquals(errorOf("d8:msg_typei1e5:piecei0ee"), "metadata-payload-size");
  assertEquals(
    errorOf(`d8:msg_typei1e5:piecei0ee${"x".repeat(METADATA_PIECE_SIZE + 1)}`),
    "metadata-payload-size",
  );
  assertEquals(errorOf("x".repeat(METADATA_MESSAGE_BYTES_MAX + 1)), "metadata-bencode");
});

Deno.test("pieces cover the metadata exactly", () => {
  for (const size of [1, 16_383, 16_384, 16_385, 100_000]) {
    let sum = 0;
    for (let piece = 0; piece < metadataPieceCount(size); piece++) {
      sum += metadataPieceSize(size, piece);
    }
    assertEquals(sum, size);
  }
});

const piece = fc.nat({ max: 1023 });
const anyMessage: fc.Arbitrary<Exclude<MetadataMessage, { kind: "unknown" }>> = fc.oneof(
  fc.record({ kind: fc.constantFrom("request" as const, "reject" as const), piece }),
  fc.record({
    kind: fc.constant("data" as const),
    piece,
    totalSize: fc.option(fc.nat(), { nil: undefined }),
    payload: fc.uint8Array({ minLength: 1, maxLength: 200 }),
  }),
);

Deno.test("any message round-trips", () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      assertEquals<unknown>(decodeMetadataMessage(encodeMetadataMessage(message)), {
        ok: true,
        value: message,
      });
    }),
    fuzzParameters,
  );
});

Deno.test("hostile metadata messages are parsed or refused", () => {
  fc.assert(
    fc.property(hostile(anyMessage.map(encodeMetadataMessage)), (bytes) => {
      const decoded = decodeMetadataMessage(bytes);
      if (!decoded.ok || decoded.value.kind !== "data") return;
      assert(decoded.value.payload.length <= bytes.length);
    }),
    fuzzParameters,
  );
});
