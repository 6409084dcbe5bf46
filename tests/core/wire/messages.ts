/** Messages and frames for the tests of this module. */
import fc from "../../support/fast_check.ts";
import { createByteWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { appendMessage } from "../../../core/wire/codec.ts";
import type { WireMessage } from "../../../core/wire/message.ts";

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const hashRange = fc.record({
  root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  baseLayer: uint32,
  index: uint32,
  length: uint32,
  proofLayers: uint32,
});

/** Any message that we can send. */
export const anyMessage: fc.Arbitrary<WireMessage> = fc.oneof(
  fc.record({
    kind: fc.constantFrom(
      "keep-alive",
      "choke",
      "unchoke",
      "interested",
      "not-interested",
      "have-all",
      "have-none",
    ),
  }),
  fc.record({ kind: fc.constantFrom("have", "suggest", "allowed-fast"), piece: uint32 }),
  fc.record({
    kind: fc.constantFrom("request", "cancel", "reject"),
    piece: uint32,
    begin: uint32,
    length: uint32,
  }),
  fc.record({ kind: fc.constant("bitfield"), bits: fc.uint8Array() }),
  fc.record({ kind: fc.constant("port"), port: fc.integer({ min: 0, max: 65_535 }) }),
  fc.record({ kind: fc.constantFrom("hash-request", "hash-reject"), range: hashRange }),
  fc.record({
    kind: fc.constant("hashes"),
    range: hashRange,
    hashes: fc.uint8Array({ maxLength: 20 }).map((bytes) => new Uint8Array(32 * bytes.length)),
  }),
  fc.record({
    kind: fc.constant("extended"),
    id: fc.integer({ min: 0, max: 255 }),
    payload: fc.uint8Array(),
  }),
) as fc.Arbitrary<WireMessage>;

/** The frames of messages, concatenated. */
export function framesOf(...messages: readonly WireMessage[]): Uint8Array {
  const writer = createByteWriter();
  for (const message of messages) appendMessage(writer, message);
  return writtenBytes(writer);
}
