import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import bencode from "bencode";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import { byteText } from "../../../core/bencode/node.ts";
import { plainValue } from "./plain_value.ts";

const anyKey = fc.uint8Array({ maxLength: 8 }).map(byteText);
/** The other encoder reads keys as UTF-8. */
const asciiKey = fc.string({ unit: "binary-ascii", maxLength: 8 });

/** Integers, byte strings, lists and Maps with keys of the given kind, nested. */
function trees(keys: fc.Arbitrary<string>): fc.Arbitrary<Bencodable> {
  return fc.letrec<{ tree: Bencodable }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      // Minus zero is encoded as zero, so it does not round-trip.
      fc.maxSafeInteger().map((value) => value + 0),
      fc.uint8Array({ maxLength: 40 }),
      fc.array(tie("tree"), { maxLength: 5 }),
      fc.array(fc.tuple(keys, tie("tree")), { maxLength: 5 }).map((entries) =>
        new Map([...new Map(entries)].sort(([a], [b]) => (a < b ? -1 : 1)))
      ),
    ),
  })).tree;
}

Deno.test("each value has exactly one encoding", () => {
  const cases: [Bencodable, string][] = [
    ["spam", "4:spam"],
    ["", "0:"],
    ["\u00e9", "2:\xc3\xa9"],
    [-0, "i0e"],
    [-3, "i-3e"],
    [Number.MAX_SAFE_INTEGER, "i9007199254740991e"],
    [Uint8Array.of(0, 255), "2:\x00\xff"],
    [[1, "a", []], "li1e1:alee"],
    [{ b: 1, a: 2, B: 3 }, "d1:Bi3e1:ai2e1:bi1ee"],
    [{ kept: 1, left: undefined }, "d4:kepti1ee"],
    [new Map([["\xff", 1], ["a", 2]]), "d1:ai2e1:\xffi1ee"],
    [{}, "de"],
  ];
  for (const [value, text] of cases) assertEquals(byteText(encodeBencode(value)), text);
});

Deno.test("keys are sorted by bytes, not by UTF-16 units", () => {
  // U+FF21 is EF BC A1, U+1F600 is F0 9F 98 80 and D83D DE00 in UTF-16.
  const bytes = encodeBencode({ "\u{1F600}": 1, "\uFF21": 2 });
  assertEquals(byteText(bytes).indexOf("i2e") < byteText(bytes).indexOf("i1e"), true);
});

Deno.test("encoding a number that is not a safe integer fails an assertion", () => {
  for (const value of [1.5, NaN, Infinity, 2 ** 53]) assertThrows(() => encodeBencode(value));
});

Deno.test("encoded values decode to the same value", () => {
  fc.assert(fc.property(trees(anyKey), (value) => {
    const result = decodeBencode(encodeBencode(value));
    assertEquals(result.ok && plainValue(result.value, "exact"), value);
  }));
});

Deno.test("encoder and decoder agree with npm:bencode", () => {
  fc.assert(fc.property(trees(asciiKey), (value) => {
    const bytes = encodeBencode(value);
    assertEquals(byteText(bencode.encode(value)), byteText(bytes));
    const decoded = decodeBencode(bytes);
    if (!decoded.ok) throw new Error(decoded.error.code);
    assertEquals(bencode.encode(bencode.decode(bytes)), bencode.encode(value));
  }));
});
