import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import { readRemoteIp } from "../../../../core/tracker_server/access/remote_ip.ts";

Deno.test("any IPv4 address is read into the scratch, whatever was in it", () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.uint8Array({ minLength: 4, maxLength: 4 }), (text, scratch) => {
      const ip = readRemoteIp(text, scratch);
      assertEquals(ip, parseIp(text));
      assertEquals(ip === scratch, true);
    }),
  );
  for (const text of ["0.0.0.0", "9.10.99.100", "255.255.255.255"]) {
    assertEquals(readRemoteIp(text, new Uint8Array(4)), parseIp(text));
  }
});

Deno.test("other addresses are read as they are: IPv6, with a scope, and IPv4 wrapped in it", () => {
  const read = (text: string) => readRemoteIp(text, new Uint8Array(4));
  fc.assert(fc.property(fc.ipV6(), (text) => assertEquals(read(text), parseIp(text))));
  assertEquals(read("fe80::1%2"), parseIp("fe80::1"));
  assertEquals(read("::ffff:192.0.2.1"), parseIp("192.0.2.1"));
  for (const text of ["", "1.2.3", "1.2.3.4.5", "name", "1:2"]) {
    assertThrows(() => read(text), Error, "is an address of a socket");
  }
});
