import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import { type Blocklist, isBlocked, parseBlocklist } from "../../../core/session/blocklist.ts";

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
