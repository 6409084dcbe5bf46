import { assertEquals } from "@std/assert";
import { crc32c } from "../../../core/bytes/crc32c.ts";

Deno.test("CRC-32C is that of RFC 3720, appendix B.4", () => {
  const hex = (bytes: Uint8Array) => crc32c(bytes).toString(16).padStart(8, "0");
  assertEquals(hex(new Uint8Array(32)), "8a9136aa");
  assertEquals(hex(new Uint8Array(32).fill(0xff)), "62a8ab43");
  assertEquals(hex(Uint8Array.from({ length: 32 }, (_, i) => i)), "46dd794e");
  assertEquals(hex(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), "113fdb5c");
  assertEquals(hex(new TextEncoder().encode("123456789")), "e3069283");
});
