import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";

Deno.test("bytes are formatted as two lower-case digits each", () => {
  assertEquals(toHex(Uint8Array.of(0x00, 0x0a, 0xff)), "000aff");
});

Deno.test("hexadecimal text in either case is parsed", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assertEquals(fromHex(toHex(bytes)), bytes);
    assertEquals(fromHex(toHex(bytes).toUpperCase()), bytes);
  }));
});

Deno.test("text that is not an even number of hexadecimal digits is refused", () => {
  for (const text of ["0", "0g", "0x00", " 00", "00 ", "-1", "00\n", "é0"]) {
    assertEquals(fromHex(text), undefined, text);
  }
});
