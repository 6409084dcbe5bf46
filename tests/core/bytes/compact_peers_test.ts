import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { addressText, type PeerAddress } from "../../../core/bytes/address.ts";
import { decodeCompactPeers, encodeCompactPeers } from "../../../core/bytes/compact_peers.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import { formatIp } from "../../../core/bytes/ip.ts";

const V4: PeerAddress[] = [{ ip: "10.0.0.1", port: 6881 }, { ip: "203.0.113.7", port: 65_535 }];
const V6: PeerAddress[] = [{ ip: "2001:db8::1", port: 6881 }];
const V4_HEX = "0a0000011ae1" + "cb007107ffff";
const V6_HEX = "20010db80000000000000000000000011ae1";

Deno.test("peers are packed as address and port in network order", () => {
  assertEquals(toHex(encodeCompactPeers(V4, 4)), V4_HEX);
  assertEquals(toHex(encodeCompactPeers(V6, 6)), V6_HEX);
});

Deno.test("packed peers are unpacked in order", () => {
  assertEquals<unknown>(decodeCompactPeers(fromHex(V4_HEX)!, 4), { ok: true, value: V4 });
  assertEquals<unknown>(decodeCompactPeers(fromHex(V6_HEX)!, 6), { ok: true, value: V6 });
});

Deno.test("packing one address family omits peers of the other", () => {
  assertEquals(toHex(encodeCompactPeers([...V6, ...V4], 4)), V4_HEX);
  assertEquals(toHex(encodeCompactPeers([...V4, ...V6], 6)), V6_HEX);
});

Deno.test("a peer with port 0 is omitted", () => {
  const packed = fromHex("0a0000020000" + V4_HEX)!;
  assertEquals<unknown>(decodeCompactPeers(packed, 4), { ok: true, value: V4 });
});

Deno.test("an IPv4-mapped IPv6 address is unpacked as IPv4", () => {
  const packed = fromHex("00000000000000000000ffff0a0000011ae1")!;
  assertEquals<unknown>(decodeCompactPeers(packed, 6), { ok: true, value: [V4[0]] });
});

Deno.test("a length that is not a multiple of the entry size is refused", () => {
  for (
    const [size, version, peerSize] of [[7, 4, 6], [5, 4, 6], [6, 6, 18], [19, 6, 18]] as const
  ) {
    assertEquals<unknown>(decodeCompactPeers(new Uint8Array(size), version), {
      ok: false,
      error: { code: "compact-peers-size", size, peerSize },
    });
  }
});

Deno.test("packing and unpacking round-trips any peers", () => {
  const port = fc.integer({ min: 1, max: 65_535 });
  for (const [version, size] of [[4, 4], [6, 16]] as const) {
    const ip = fc.uint8Array({ minLength: size, maxLength: size }).map(formatIp);
    fc.assert(fc.property(fc.array(fc.record({ ip, port })), (peers) => {
      const back = decodeCompactPeers(encodeCompactPeers(peers, version), version);
      assertEquals<unknown>(back, { ok: true, value: peers });
    }));
  }
});

Deno.test("the text of an IPv6 endpoint has brackets", () => {
  assertEquals(addressText(V4[0]!), "10.0.0.1:6881");
  assertEquals(addressText(V6[0]!), "[2001:db8::1]:6881");
});
