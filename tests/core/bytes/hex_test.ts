import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";

Deno.test("bytes become two lower-case digits each", () => {
  assertEquals(toHex(Uint8Array.of(0x00, 0x0a, 0xff)), "000aff");
});

Deno.test("hexadecimal text gives its bytes back, in either case", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    assertEquals(fromHex(toHex(bytes)), bytes);
    assertEquals(fromHex(toHex(bytes).toUpperCase()), bytes);
  }));
});

Deno.test("text that is not whole bytes of hexadecimal is refused", () => {
  for (const text of ["0", "0g", "0x00", " 00", "00 ", "-1", "00\n", "é0"]) {
    assertEquals(fromHex(text), undefined, text);
  }
});
