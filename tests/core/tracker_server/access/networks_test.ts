import { assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import { isInNetwork, parseNetwork } from "../../../../core/tracker_server/access/networks.ts";

const bitsOf = (ip: Uint8Array) =>
  [...ip].map((byte) => byte.toString(2).padStart(8, "0")).join("");

Deno.test("an address is in a network when its leading bits are those of the network", () => {
  const pair = fc.constantFrom(4, 16).chain((size) =>
    fc.tuple(
      fc.uint8Array({ minLength: size, maxLength: size }),
      fc.nat(8 * size),
      fc.nat(8 * size - 1),
    )
  );
  fc.assert(
    fc.property(pair, ([ip, prefix, bit]) => {
      const other = ip.slice();
      other[bit >>> 3]! ^= 0x80 >>> (bit & 7);
      const isIn = bitsOf(ip).slice(0, prefix) === bitsOf(other).slice(0, prefix);
      assertEquals(isInNetwork(ip, { ip, prefix }), true);
      assertEquals(isInNetwork(other, { ip, prefix }), isIn);
    }),
    { numRuns: 500 },
  );
  assertEquals(isInNetwork(parseIp("::1")!, { ip: parseIp("0.0.0.0")!, prefix: 0 }), false);
});

Deno.test("a network is an address and its number of leading bits, by default all of them", () => {
  for (
    const [text, prefix] of [
      ["10.0.0.0/8", 8],
      ["10.0.0.0/0", 0],
      ["192.0.2.1/32", 32],
      ["192.0.2.1", 32],
      ["2001:db8::/32", 32],
      ["2001:db8::1/128", 128],
      ["2001:db8::1", 128],
      // IPv4 in its IPv6 form: 96 bits are no part of the address.
      ["::ffff:10.0.0.0/104", 8],
      ["::ffff:10.0.0.0/96", 0],
      ["10.0.0.0/33", undefined],
      ["2001:db8::/129", undefined],
      ["::ffff:10.0.0.0/95", undefined],
      ["10.0.0.0/", undefined],
      ["10.0.0.0/-1", undefined],
      ["10.0.0.0/8/8", undefined],
      ["10.0.0.0/1x", undefined],
      ["host/8", undefined],
      ["", undefined],
    ] as const
  ) assertEquals(parseNetwork(text)?.prefix, prefix, text);
});
