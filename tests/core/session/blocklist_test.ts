import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import {
  type Blocklist,
  isBlocked,
  NO_BLOCKLIST,
  parseBlocklist,
} from "../../../core/session/blocklist.ts";

function list(text: string): Blocklist {
  const parsed = parseBlocklist(text);
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

Deno.test("all three formats are parsed; comments and invalid lines are skipped", () => {
  const blocklist = list(`# a comment
Bad: people, inc:1.2.3.0-1.2.3.255
005.006.007.000 - 005.006.007.010 , 100 , Some organisation
5.5.5.0 - 5.5.5.255 , 200 , allowed
10.0.0.0/8
192.0.2.7
2001:db8::/32
what is this
1.2.3.9-1.2.3.1
`);
  assertEquals(blocklist.size, 5);
  const blocked = ["1.2.3.0", "1.2.3.255", "5.6.7.10", "10.9.8.7", "192.0.2.7", "2001:db8::9"];
  const free = [
    "1.2.4.0",
    "1.2.2.255",
    "5.6.7.11",
    "5.5.5.5",
    "11.0.0.0",
    "192.0.2.8",
    "2001:db9::",
  ];
  for (const ip of blocked) assertEquals(isBlocked(blocklist, ip), true, ip);
  for (const ip of [...free, "x", ""]) assertEquals(isBlocked(blocklist, ip), false, ip);
});

Deno.test("text without any rule is not a list, empty text is an empty list", () => {
  assertEquals(parseBlocklist("<html>\n<body>"), {
    ok: false,
    error: "no line of it is a range of addresses",
  });
  assertEquals(list("# nothing\n").size, 0);
  assertEquals(isBlocked(NO_BLOCKLIST, "1.2.3.4"), false);
});

Deno.test("overlapping ranges block the union", () => {
  const octet = fc.nat(255);
  const address = fc.tuple(fc.constant(10), fc.constant(0), octet, octet);
  const range = fc.tuple(address, address);
  const value = (ip: readonly number[]) => ip.reduce((sum, byte) => sum * 256 + byte, 0);
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 20 }), address, (ranges, ip) => {
      const sorted = ranges.map(([a, b]) =>
        value(a) <= value(b) ? [a, b] as const : [b, a] as const
      );
      const text = sorted.map(([a, b]) => `x:${a.join(".")}-${b.join(".")}`).join("\n");
      const wanted = sorted.some(([a, b]) => value(a) <= value(ip) && value(ip) <= value(b));
      assertEquals(isBlocked(list(text), formatIp(Uint8Array.from(ip))), wanted);
    }),
    { seed: 14 },
  );
});

Deno.test("a range may be one address, and both its ends must be addresses of one kind", () => {
  const blocklist = list(`one:192.0.2.7-192.0.2.7
half:192.0.2.9-192.0.2.999
half:999.0.2.9-192.0.2.10
mixed:192.0.2.11-2001:db8::1
9.9.9.9/33
2001:db8::/129
`);
  assertEquals(blocklist.size, 1);
  assertEquals(isBlocked(blocklist, "192.0.2.7"), true);
  for (const ip of ["192.0.2.6", "192.0.2.8", "192.0.2.9", "192.0.2.10", "9.9.9.9"]) {
    assertEquals(isBlocked(blocklist, ip), false, ip);
  }
});

Deno.test("ranges of IPv6 are parsed, with or without a name", () => {
  const blocklist = list(`2001:db8::10-2001:db8::1f
Some: people, inc:2001:db8:1::-2001:db8:1::ff
`);
  assertEquals(blocklist.size, 2);
  for (const ip of ["2001:db8::10", "2001:db8::1f", "2001:db8:1::", "2001:db8:1::ff"]) {
    assertEquals(isBlocked(blocklist, ip), true, ip);
  }
  for (const ip of ["2001:db8::f", "2001:db8::20", "2001:db8:1::100", "2001:db8:0:ffff::"]) {
    assertEquals(isBlocked(blocklist, ip), false, ip);
  }
});

Deno.test("levels below 128 block, from 128 on they allow", () => {
  for (const [level, isRefused] of [[0, true], [127, true], [128, false], [255, false]] as const) {
    const blocklist = list(`9.9.9.9\n1.2.3.0 - 1.2.3.9 , ${level} , x`);
    assertEquals(isBlocked(blocklist, "1.2.3.4"), isRefused, `${level}`);
  }
});

Deno.test("a prefix of any length blocks exactly the addresses that share it", () => {
  const numberOf = (bytes: readonly number[]) =>
    bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
  for (const size of [4, 16]) {
    const address = fc.uint8Array({ minLength: size, maxLength: size });
    fc.assert(
      fc.property(address, address, fc.nat(8 * size), fc.nat(8 * size), (a, b, prefix, same) => {
        // Random addresses rarely share a prefix: the other one has the first `same` bits of the
        // first.
        const mask = (1n << BigInt(8 * size - same)) - 1n;
        let value = numberOf([...a]) & ~mask | numberOf([...b]) & mask;
        const other = new Uint8Array(size);
        for (let at = size - 1; at >= 0; at--, value >>= 8n) other[at] = Number(value & 0xffn);
        const top = (bytes: Uint8Array) => numberOf([...bytes]) >> BigInt(8 * size - prefix);
        const blocklist = list(`${formatIp(a)}/${prefix}`);
        assertEquals(isBlocked(blocklist, formatIp(other)), top(a) === top(other));
      }),
    );
  }
});
