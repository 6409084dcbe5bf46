import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import {
  decodePex,
  encodePex,
  PEX_FLAG,
  PEX_MESSAGE_BYTES_MAX,
  PEX_RECEIVED_MAX,
  type PexMessage,
} from "../../../core/wire/ut_pex.ts";
import { hostile } from "../../fuzz/hostile_bytes.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
const bytesOf = (value: string) => Uint8Array.from(value, (c) => c.charCodeAt(0));
const read = (value: string): PexMessage => {
  const decoded = decodePex(bytesOf(value));
  if (!decoded.ok) throw new Error(decoded.error.code);
  return decoded.value;
};

Deno.test("a message is a sorted dictionary of compact lists and flags", () => {
  const message = {
    added: [
      { address: { ip: "65.66.67.68", port: 0x4546 }, flags: PEX_FLAG.seed | PEX_FLAG.reachable },
      { address: { ip: "::1", port: 0x6162 }, flags: PEX_FLAG.utp },
    ],
    dropped: [{ ip: "97.98.99.100", port: 0x3132 }],
  };
  assertEquals(
    text(encodePex(message)),
    "d5:added6:ABCDEF7:added.f1:\x126:added618:" + "\0".repeat(15) + "\x01ab" +
      "8:added6.f1:\x047:dropped6:abcd12e",
  );
  assertEquals(decodePex(encodePex(message)), { ok: true, value: message });
  assertEquals(text(encodePex({ added: [], dropped: [] })), "d5:added0:e");
});

Deno.test("duplicates and port 0 are dropped, lists of a wrong size ignored", () => {
  const message = read("d5:added18:ABCDEFABCDEFABCD\0\x00" + "e");
  assertEquals(message.added.map(({ address }) => address), [{ ip: "65.66.67.68", port: 0x4546 }]);
  assertEquals(read("d5:added5:ABCDE7:droppedi1ee"), { added: [], dropped: [] });
  assertEquals(read("d5:added6:ABCDEF7:added.f2:\x01\x02e").added[0]!.flags, 0);
});

Deno.test("message size is limited, and of a long list the first part is used", () => {
  const list = (count: number) =>
    Array.from({ length: count }, (_, i) => `\x01\x02${String.fromCharCode(i >> 8, i & 255)}ab`);
  const long = list(1_000).join("");
  assertEquals(read(`d5:added${long.length}:${long}e`).added.length, PEX_RECEIVED_MAX);
  const huge = decodePex(new Uint8Array(PEX_MESSAGE_BYTES_MAX + 1));
  assert(!huge.ok && huge.error.code === "pex-bencode");
  const list0 = decodePex(bytesOf("le"));
  assert(!list0.ok && list0.error.code === "pex-not-dict");
});

const address = fc.record({
  ip: fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
  ).map(formatIp),
  port: fc.integer({ min: 1, max: 65_535 }),
});
const messages: fc.Arbitrary<PexMessage> = fc.record({
  added: fc.uniqueArray(fc.record({ address, flags: fc.nat({ max: 255 }) }), {
    selector: (contact) => JSON.stringify(contact.address),
  }),
  dropped: fc.uniqueArray(address, { selector: (peer) => JSON.stringify(peer) }),
});
const inOrder = (message: PexMessage): PexMessage => {
  const is6 = (ip: string) => ip.includes(":");
  return {
    added: [
      ...message.added.filter((c) => !is6(c.address.ip)),
      ...message.added.filter((c) => is6(c.address.ip)),
    ],
    dropped: [
      ...message.dropped.filter((c) => !is6(c.ip)),
      ...message.dropped.filter((c) => is6(c.ip)),
    ],
  };
};

Deno.test("any message round-trips", () => {
  fc.assert(
    fc.property(messages, (message) => {
      assertEquals(decodePex(encodePex(message)), { ok: true, value: inOrder(message) });
    }),
    fuzzParameters,
  );
});

Deno.test("hostile peer exchange messages are parsed or refused", () => {
  fc.assert(
    fc.property(hostile(messages.map(encodePex)), (bytes) => {
      const decoded = decodePex(bytes);
      if (decoded.ok) assert(decoded.value.added.length <= 2 * PEX_RECEIVED_MAX);
    }),
    fuzzParameters,
  );
});
