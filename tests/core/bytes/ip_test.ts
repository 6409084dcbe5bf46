import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  canonicalIp,
  formatIp,
  isLoopbackIp,
  isPrivateIp,
  parseIp,
} from "../../../core/bytes/ip.ts";

Deno.test("an address has one canonical text", () => {
  const texts: [string, string][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"],
    ["::", "::"],
    ["::1", "::1"],
    ["fe80::", "fe80::"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["0:0:0:0:0:ffff:192.0.2.1", "192.0.2.1"],
    ["::fffe:c000:201", "::fffe:c000:201"],
  ];
  for (const [text, canonical] of texts) assertEquals(canonicalIp(text), canonical, text);
});

Deno.test("invalid address text is refused", () => {
  const texts = [
    ..."|1|1.2.3|1.2.3.4.5|256.1.1.1|01.2.3.4|1.2.3.|1.2.3.-4|1.2.3.4 |0x7f.1.1.1|example".split(
      "|",
    ),
    ...":|:::|1::2::3|1:2:3:4:5:6:7|1:2:3:4:5:6:7:8:9|1:2:3:4:5:6:7:8::|12345::|g::1".split("|"),
    ..."[::1]|fe80::1%eth0|::1.2.3|1.2.3.4::|::1.2.3.4:5|1:2:3:4:5:6:7:1.2.3.4|:1|1:".split("|"),
    "0".repeat(46),
  ];
  for (const text of texts) assertEquals(parseIp(text), undefined, text);
});

Deno.test("formatting and parsing round-trips any address", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
    assertEquals(parseIp(formatIp(bytes)), bytes);
  }));
  const sparseGroups = fc.array(fc.constantFrom(0, 0, 1, 0xab, 0xffff), {
    minLength: 8,
    maxLength: 8,
  });
  fc.assert(fc.property(sparseGroups, (groups) => {
    const bytes = Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 0xff]));
    const back = parseIp(formatIp(bytes))!;
    assertEquals(back, bytes.subarray(16 - back.length));
  }));
});

Deno.test("IPv6 text is parsed as browsers parse it", () => {
  fc.assert(fc.property(fc.ipV6(), (text) => {
    const bytes = parseIp(text)!;
    // The URL standard does not convert IPv4-mapped IPv6 addresses.
    if (bytes.length === 16) assertEquals(new URL(`http://[${text}]`).host, `[${formatIp(bytes)}]`);
  }));
});

Deno.test("an address has 4 or 16 bytes", () => {
  assertThrows(() => formatIp(new Uint8Array(5)));
});

Deno.test("loopback addresses are recognised, others are not", () => {
  for (const ip of ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"]) {
    assertEquals(isLoopbackIp(ip), true, ip);
  }
  for (const ip of ["128.0.0.1", "10.0.0.1", "::", "::2", "100::1", "localhost", ""]) {
    assertEquals(isLoopbackIp(ip), false, ip);
  }
});

Deno.test("private networks are recognised up to their boundaries", () => {
  const inside = "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.1 169.254.1.1 " +
    "100.64.0.0 100.127.255.255 fc00:: fdff::1 fe80::1 febf::1 ::ffff:10.0.0.1";
  const outside = "9.255.255.255 11.0.0.0 172.15.255.255 172.32.0.0 192.167.1.1 169.253.1.1 " +
    "100.63.255.255 100.128.0.0 127.0.0.1 ::1 fbff:: fe00:: fe7f:: fec0:: 2001:db8::1 host";
  for (const ip of inside.split(" ")) assertEquals(isPrivateIp(ip), true, ip);
  for (const ip of outside.split(" ")) assertEquals(isPrivateIp(ip), false, ip);
});
