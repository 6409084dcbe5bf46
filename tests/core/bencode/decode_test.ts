import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  type BencodeError,
  decodeBencode,
  DEPTH_MAX,
  describeBencodeError,
  KEY_BYTES_MAX,
  STRING_BYTES_MAX,
  VALUES_MAX,
} from "../../../core/bencode/decode.ts";
import { asBytes, asInteger, asList, asText, dictGet } from "../../../core/bencode/node.ts";
import { bytesOfByteText, byteText } from "../../../core/bencode/node.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { ascii, plainValue } from "./plain_value.ts";

function errorOf(text: string, options = {}): BencodeError | undefined {
  const result = decodeBencode(ascii(text), options);
  return result.ok ? undefined : result.error;
}

Deno.test("all kinds of values are decoded", () => {
  const cases: [string, unknown][] = [
    ["4:spam", "spam"],
    ["0:", ""],
    ["i3e", 3],
    ["i-3e", -3],
    ["i0e", 0],
    ["i9007199254740991e", 9007199254740991],
    ["i-9007199254740991e", -9007199254740991],
    ["le", []],
    ["de", {}],
    ["l4:spam4:eggse", ["spam", "eggs"]],
    ["d3:cow3:moo4:spam4:eggse", { cow: "moo", spam: "eggs" }],
    ["d1:ad1:bl1:ci1eeee", { a: { b: ["c", 1] } }],
    ["d0:i1e1:ai2ee", { "": 1, a: 2 }],
  ];
  for (const [text, value] of cases) {
    const result = decodeBencode(ascii(text));
    assertEquals(result.ok && plainValue(result.value), value, text);
  }
});

Deno.test("malformed input is refused with a code and an offset", () => {
  const cases: [string, BencodeError["code"], number][] = [
    ["", "unexpected-end", 0],
    ["i1", "unexpected-end", 2],
    ["i", "unexpected-end", 1],
    ["i-", "unexpected-end", 2],
    ["4", "unexpected-end", 1],
    ["5:spam", "unexpected-end", 6],
    ["99999999999999999999:spam", "string-too-long", 0],
    ["l1:a", "unexpected-end", 4],
    ["d1:ai1e", "unexpected-end", 7],
    ["d1:a", "unexpected-end", 4],
    ["ie", "integer-empty", 1],
    ["i-e", "integer-empty", 2],
    ["i x", "unexpected-byte", 1],
    ["i1.5e", "unexpected-byte", 2],
    ["i--1e", "unexpected-byte", 2],
    ["i+1e", "unexpected-byte", 1],
    ["i-0e", "integer-leading-zero", 2],
    ["i03e", "integer-leading-zero", 1],
    ["i-03e", "integer-leading-zero", 2],
    ["i9007199254740992e", "integer-unsafe", 0],
    ["li-9007199254740992ee", "integer-unsafe", 1],
    ["i18446744073709551616e", "integer-unsafe", 0],
    ["-1:a", "unexpected-byte", 0],
    ["4-spam", "unexpected-byte", 1],
    ["x", "unexpected-byte", 0],
    ["e", "unexpected-byte", 0],
    ["di1ei2ee", "key-not-string", 1],
    ["dle1:ae", "key-not-string", 1],
    ["d1:ae", "key-without-value", 4],
    ["d1:bi1e1:ai2ee", "keys-unsorted", 7],
    ["d1:ai1e1:ai2ee", "key-duplicate", 7],
    ["d2:aai1e1:ai2ee", "keys-unsorted", 8],
    ["03:abc", "length-leading-zero", 0],
    ["d01:ai1ee", "length-leading-zero", 1],
    ["i1ei2e", "trailing-data", 3],
    ["dee", "trailing-data", 2],
  ];
  for (const [text, code, offset] of cases) {
    const error = errorOf(text);
    assertEquals([error?.code, error?.offset], [code, offset], text);
  }
});

Deno.test("tolerant decoding accepts key order, duplicates, padded lengths and a tail only", () => {
  const forgiven: [string, unknown][] = [
    ["d1:bi1e1:ai2ee", { a: 2, b: 1 }],
    ["d1:ai1e1:ai2ee", { a: 1 }],
    ["03:abc", "abc"],
    ["i1ei2e", 1],
    ["de\r\n", {}],
  ];
  for (const [text, value] of forgiven) {
    const result = decodeBencode(ascii(text), { tolerant: true });
    assertEquals(result.ok && plainValue(result.value), value, text);
  }
  const unforgiven = [
    "",
    "i-0e",
    "i03e",
    "ie",
    "i1",
    "5:spam",
    "-1:a",
    "d1:ae",
    "di1ei2ee",
    "<html>",
  ];
  for (const text of unforgiven) {
    assertEquals(errorOf(text, { tolerant: true }) === undefined, false);
  }
});

Deno.test("the tolerated trailing data starts where the node ends", () => {
  const result = decodeBencode(ascii("d1:ai1eeREST"), { tolerant: true });
  assertEquals(result.ok && result.value.end, 8);
});

Deno.test("limits on depth, node count, string length, keys and input size are enforced", () => {
  const nested = (depth: number) => "l".repeat(depth) + "e".repeat(depth);
  assertEquals(errorOf(nested(DEPTH_MAX)), undefined);
  assertEquals(errorOf(nested(DEPTH_MAX + 1)), {
    code: "too-deep",
    offset: DEPTH_MAX,
    max: DEPTH_MAX,
  });
  assertEquals(errorOf("d1:a".repeat(200_000))?.code, "too-deep");
  assertEquals(errorOf(`l${"0:".repeat(VALUES_MAX)}e`)?.code, "too-many-values");
  assertEquals(errorOf(`${STRING_BYTES_MAX + 1}:`)?.code, "string-too-long");
  const key = "k".repeat(KEY_BYTES_MAX + 1);
  assertEquals(errorOf(`d${key.length}:${key}i1ee`)?.code, "string-too-long");
  assertEquals(errorOf("l1:ae", { bytesMax: 4 })?.code, "message-too-long");
  assertEquals(errorOf("l1:ae", { bytesMax: 5 }), undefined);
});

Deno.test("a claimed length allocates nothing and reads nothing beyond the input", () => {
  const result = decodeBencode(ascii(`${STRING_BYTES_MAX}:abc`));
  assertEquals(result, { ok: false, error: { code: "unexpected-end", offset: 12 } });
});

Deno.test("an error message is a clause without a full stop", () => {
  assertEquals(
    describeBencodeError({ code: "keys-unsorted", offset: 7 }),
    "there is a dictionary key out of order (at byte 7)",
  );
  assertEquals(
    describeBencodeError({ code: "too-deep", offset: 9, max: 100 }),
    "it is nested too deeply (at byte 9, the limit is 100)",
  );
});

Deno.test("a node's span covers exactly its bytes, also in a view of a larger buffer", () => {
  const text = "d4:infod6:lengthi5e4:name3:abce4:listl2:hiee";
  const buffer = ascii(`junk${text}junk`);
  const bytes = buffer.subarray(4, buffer.length - 4);
  const result = decodeBencode(bytes);
  if (!result.ok) throw new Error(result.error.code);
  const textOf = (node: { start: number; end: number } | undefined) =>
    node && byteText(bytes.subarray(node.start, node.end));
  const info = dictGet(result.value, "info");
  assertEquals(textOf(result.value), text);
  assertEquals(textOf(info), "d6:lengthi5e4:name3:abce");
  assertEquals(textOf(dictGet(info, "length")), "i5e");
  assertEquals(textOf(dictGet(info, "name")), "3:abc");
  assertEquals(textOf(asList(dictGet(result.value, "list"))?.[0]), "2:hi");
});

Deno.test("reading a node as a different kind returns undefined", () => {
  const result = decodeBencode(ascii("d1:bl1:\xffe1:ii7ee"));
  if (!result.ok) throw new Error(result.error.code);
  const list = dictGet(result.value, "b");
  const bad = asList(list)?.[0];
  assertEquals(asBytes(bad), Uint8Array.of(0xff));
  assertEquals(asText(bad), undefined);
  assertEquals(asInteger(dictGet(result.value, "i")), 7);
  assertEquals(
    [asInteger(list), asBytes(list), asText(list), asList(bad)],
    Array(4).fill(undefined),
  );
  assertEquals([dictGet(list, "b"), dictGet(undefined, "b"), asList(undefined)], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("byte text round-trips every byte value", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assertEquals(bytesOfByteText(byteText(bytes)), bytes);
});

Deno.test("random bytes give a result and never an exception", () => {
  const soup = fc.array(fc.constantFrom(..."idle0123456789:-ab \xff"), { maxLength: 60 });
  fc.assert(fc.property(soup, fc.boolean(), (characters, tolerant) => {
    const result = decodeBencode(ascii(characters.join("")), { tolerant });
    assertEquals(typeof result.ok, "boolean");
  }));
});

Deno.test("a mutated message is refused or decodes to bytes that encode back to it", () => {
  const original = ascii("d4:infod5:filesld6:lengthi45e4:pathl1:a2:bbeee4:name1:xe3:zzzi-9ee");
  const mutation = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
  fc.assert(fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
    const bytes = original.slice();
    for (const [at, value] of mutations) bytes[at] = value;
    const result = decodeBencode(bytes);
    if (result.ok) assertEquals(encodeBencode(plainValue(result.value, "exact")), bytes);
  }));
});

Deno.test("with a strict key, only its value must be canonical, and a line may end the text", () => {
  const strictBelow = "info";
  const codeOf = (text: string) => errorOf(text, { strictBelow })?.code;
  const forgiven = [
    "d4:infode1:ai1ee",
    "d1:bi1e1:ai2ee",
    "d1:xd1:bi1e1:ai2eee",
    "ld1:bi1e1:ai2eee",
    "d4:infode1:xi99999999999999999999ee",
    "d4:infodee\n",
    "d4:infodee\r\n",
    "i1e\n",
  ];
  for (const text of forgiven) assertEquals(codeOf(text), undefined, text);
  assertEquals(codeOf("d4:infod1:bi1e1:ai2eee"), "keys-unsorted");
  assertEquals(codeOf("d4:infod1:xd1:bi1e1:ai2eeee"), "keys-unsorted");
  assertEquals(codeOf("d4:infod1:ai99999999999999999999eee"), "integer-unsafe");
  for (const tail of ["\r", "\n\n", "\r\r\n", " \n", "x\n", "\n\r", " "]) {
    assertEquals(codeOf(`d4:infodee${tail}`), "trailing-data", JSON.stringify(tail));
  }
  assertEquals(errorOf("i1e\n")?.code, "trailing-data", "not without a strict key");
});

Deno.test("an integer that is too large is skipped where it is forgiven, and what follows is read", () => {
  const result = decodeBencode(ascii("d1:ai99999999999999999999e1:bi7ee"), { strictBelow: "info" });
  if (!result.ok) throw new Error(result.error.code);
  assertEquals(asInteger(dictGet(result.value, "a")), undefined);
  assertEquals(asInteger(dictGet(result.value, "b")), 7);
});

Deno.test("as many values as are allowed are read, and not one more", () => {
  assertEquals(errorOf("l1:a1:be", { valuesMax: 3 }), undefined);
  assertEquals(errorOf("l1:a1:b1:ce", { valuesMax: 3 }), {
    ...{ code: "too-many-values", offset: 7, max: 3 },
  });
});
