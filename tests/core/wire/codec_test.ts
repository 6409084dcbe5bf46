import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createByteWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import {
  appendBlockHeader,
  appendRequest,
  BLOCK_FRAME_HEAD,
  decodeMessage,
  isHashMessage,
  putBlockHeader,
} from "../../../core/wire/codec.ts";
import { createFrameView, frameBytesMax, readFrame } from "../../../core/wire/frame.ts";
import type { HashRange, WireMessage } from "../../../core/wire/message.ts";
import { MESSAGE_ID } from "../../../core/wire/message_id.ts";
import { anyMessage, framesOf } from "./messages.ts";
import { KEEP_ALIVE_FRAME, MESSAGE_VECTORS } from "./wire_vectors.ts";

function decode(bytes: Uint8Array) {
  const view = createFrameView();
  assertEquals(readFrame(bytes, 0, bytes.length, frameBytesMax(1), view), "frame");
  return decodeMessage(bytes, view);
}

const RANGE: HashRange = {
  root: new Uint8Array(32).fill(0xab),
  baseLayer: 2,
  index: 512,
  length: 256,
  proofLayers: 7,
};
const RANGE_HEX = "ab".repeat(32) + "00000002" + "00000200" + "00000100" + "00000007";

/** One of every message, with its frame. */
const FRAMES: [string, WireMessage][] = [
  ["00000000", { kind: "keep-alive" }],
  ["0000000100", { kind: "choke" }],
  ["0000000101", { kind: "unchoke" }],
  ["0000000102", { kind: "interested" }],
  ["0000000103", { kind: "not-interested" }],
  ["0000000504deadbeef", { kind: "have", piece: 0xdeadbeef }],
  ["0000000305a040", { kind: "bitfield", bits: Uint8Array.of(0xa0, 0x40) }],
  [
    "0000000d06000000070000800000004000",
    { kind: "request", piece: 7, begin: 32_768, length: 16_384 },
  ],
  ["0000000d08000000070000800000000001", { kind: "cancel", piece: 7, begin: 32_768, length: 1 }],
  ["0000000309c8d5", { kind: "port", port: 51_413 }],
  ["000000050d00000003", { kind: "suggest", piece: 3 }],
  ["000000010e", { kind: "have-all" }],
  ["000000010f", { kind: "have-none" }],
  [
    "0000000d10ffffffff0000000000004000",
    { kind: "reject", piece: 2 ** 32 - 1, begin: 0, length: 16_384 },
  ],
  ["000000051100000009", { kind: "allowed-fast", piece: 9 }],
  [`0000003115${RANGE_HEX}`, { kind: "hash-request", range: RANGE }],
  [`0000005116${RANGE_HEX}${"cd".repeat(32)}`, {
    kind: "hashes",
    range: RANGE,
    hashes: new Uint8Array(32).fill(0xcd),
  }],
  [`0000003117${RANGE_HEX}`, { kind: "hash-reject", range: RANGE }],
  ["0000000414036465", { kind: "extended", id: 3, payload: Uint8Array.of(0x64, 0x65) }],
];

Deno.test("every message has the specified bytes, in both directions", () => {
  for (const [hex, message] of FRAMES) {
    assertEquals(toHex(framesOf(message)), hex, message.kind);
    assertEquals<unknown>(decode(fromHex(hex)!), { ok: true, value: message }, message.kind);
  }
});

Deno.test("any message round-trips through its frame", () => {
  fc.assert(fc.property(anyMessage, (message) => {
    assertEquals<unknown>(decode(framesOf(message)), { ok: true, value: message });
  }));
});

Deno.test("a fixed-size message one byte longer or shorter is refused", () => {
  for (const [hex, message] of FRAMES) {
    if (["keep-alive", "bitfield", "extended", "hashes"].includes(message.kind)) continue;
    const frame = fromHex(hex)!;
    const id = frame[4]!;
    const wanted = frame.length - 5;
    for (const size of [wanted + 1, wanted - 1]) {
      if (size < 0) continue;
      const bytes = new Uint8Array(5 + size);
      bytes.set([0, 0, 0, 1 + size, id]);
      const error = { code: "message-size", id, size, wanted };
      assertEquals<unknown>(decode(bytes), { ok: false, error }, message.kind);
    }
  }
});

Deno.test("an extended message without its extended ID is refused", () => {
  const error = { code: "message-size", id: 20, size: 0, wanted: 1 };
  assertEquals<unknown>(decode(fromHex("0000000114")!), { ok: false, error });
});

Deno.test("hashes without a full range, or with a partial hash, are refused", () => {
  for (const size of [0, 47, 49, 79, 81]) {
    const bytes = new Uint8Array(5 + size);
    bytes.set([0, 0, 0, 1 + size, 22]);
    const error = { code: "message-size", id: 22, size, wanted: 80 };
    assertEquals<unknown>(decode(bytes), { ok: false, error });
  }
});

Deno.test("a message with an unknown ID is reported as such, whatever its size", () => {
  for (const hex of ["000000010a", "0000000318aabb", "00000002ff00"]) {
    const bytes = fromHex(hex)!;
    assertEquals<unknown>(decode(bytes), { ok: true, value: { kind: "unknown", id: bytes[4]! } });
  }
});

Deno.test("a decoded message is independent of the read buffer", () => {
  for (const hex of ["0000000305a040", "00000004140aa040"]) {
    const bytes = fromHex(hex)!;
    const decoded = decode(bytes);
    const before = JSON.stringify(decoded);
    bytes.fill(0xee);
    assertEquals(JSON.stringify(decoded), before);
  }
});

Deno.test("decoding a piece frame as a message fails an assertion", () => {
  assertThrows(() => decode(fromHex("0000000c070000000100000000616263")!));
});

Deno.test("encoding an unknown message fails", () => {
  assertThrows(() => framesOf({ kind: "unknown", id: 99 }));
  assertThrows(() => framesOf({ kind: "new" } as unknown as WireMessage));
});

Deno.test("a request is encoded without a message object", () => {
  const writer = createByteWriter();
  appendRequest(writer, 7, 32_768, 16_384);
  assertEquals(toHex(writtenBytes(writer)), "0000000d06000000070000800000004000");
});

Deno.test("a block's header includes the length of the payload", () => {
  const writer = createByteWriter();
  appendBlockHeader(writer, 1, 16_384, 3);
  assertEquals(toHex(writtenBytes(writer)), "0000000c070000000100004000");
});

Deno.test("the conformance vectors of the messages pass in both directions", () => {
  assertEquals(toHex(framesOf({ kind: "keep-alive" })), KEEP_ALIVE_FRAME);
  assertEquals(
    Object.values(MESSAGE_ID).sort((a, b) => a - b),
    MESSAGE_VECTORS.map(({ id }) => id),
  );
  for (const { id, frame, fields } of MESSAGE_VECTORS) {
    if (frame === undefined) continue;
    const decoded = decode(fromHex(frame)!);
    if (!decoded.ok) throw new Error(`${id} is refused: ${decoded.error.code}`);
    const { kind, ...rest } = decoded.value;
    assertEquals<unknown>(rest, fields ?? {}, kind);
    assertEquals(toHex(framesOf(decoded.value)), frame);
  }
});

Deno.test("the head of a block is written where it is wanted, byte for byte", () => {
  const bytes = new Uint8Array(20).fill(0xee);
  putBlockHeader(bytes, 3, 0x01020304, 0x0a0b0c0d, 0x4000);
  // Length 9 + 16,384, the ID of piece, piece and begin.
  assertEquals(toHex(bytes), "eeeeee" + "00004009" + "07" + "01020304" + "0a0b0c0d" + "eeeeeeee");
  assertEquals(BLOCK_FRAME_HEAD, 13);
  putBlockHeader(bytes, 0, 0xfffefdfc, 0xff000000, 0xff_ffff);
  assertEquals(toHex(bytes.subarray(0, 13)), "01000008" + "07" + "fffefdfc" + "ff000000");
});

Deno.test("messages about hash trees are told apart", () => {
  for (const [, message] of FRAMES) {
    const isAbout = ["hash-request", "hashes", "hash-reject"].includes(message.kind);
    assertEquals(isHashMessage(message), isAbout, message.kind);
  }
});
