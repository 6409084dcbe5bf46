import { assertEquals } from "@std/assert";
import { crc32c } from "../../../core/bytes/crc32c.ts";
import { peerPriority } from "../../../core/swarm/peer_priority.ts";

const at = (ip: string, port = 6881) => ({ ip, port });

Deno.test("the examples of BEP 40 hold on both sides", () => {
  const ours = at("123.213.32.10");
  for (
    const [ip, priority] of [["98.76.54.32", 0xec2d7224], ["123.213.32.234", 0x99568189]] as const
  ) {
    assertEquals(peerPriority(ours, at(ip)), priority);
    assertEquals(peerPriority(at(ip), ours), priority);
  }
});

Deno.test("peers at one address compare by port; different families have no priority", () => {
  const one = peerPriority(at("10.0.0.1", 1_000), at("10.0.0.1", 2_000));
  assertEquals(one, peerPriority(at("10.0.0.1", 2_000), at("10.0.0.1", 1_000)));
  assertEquals(one === peerPriority(at("10.0.0.1", 1_000), at("10.0.0.1", 2_001)), false);
  assertEquals(peerPriority(at("10.0.0.1"), at("2001:db8::1")), 0);
});

Deno.test("for distant IPv6 networks only the bits that are not freely chosen count", () => {
  const ours = at("2001:db8:1::1");
  assertEquals(
    peerPriority(ours, at("2001:db9:2:aa00::1")),
    peerPriority(ours, at("2001:db9:2:0::3")),
  );
  assertEquals(
    peerPriority(ours, at("2001:db8:1:4400::1")) === peerPriority(ours, at("2001:db8:1::1:3")),
    false,
  );
});

Deno.test("each byte of both ports counts", () => {
  const at = (ours: number, theirs: number) =>
    peerPriority({ ip: "10.1.1.1", port: ours }, { ip: "10.1.1.1", port: theirs });
  // CRC-32C of the four bytes, the smaller port first. Spec: BEP 40.
  assertEquals(at(0x1234, 0x5678), crc32c(Uint8Array.of(0x12, 0x34, 0x56, 0x78)));
  assertEquals(at(0x5678, 0x1234), crc32c(Uint8Array.of(0x12, 0x34, 0x56, 0x78)));
});

Deno.test("networks count in full as far as they agree, one byte more than that", () => {
  const between = (ours: string, theirs: string) =>
    peerPriority({ ip: ours, port: 1 }, { ip: theirs, port: 1 });
  const mask = (ip: number[], whole: number) => ip.map((byte, i) => i < whole ? byte : byte & 0x55);
  const of = (a: number[], b: number[], whole: number) =>
    crc32c(Uint8Array.of(...mask(a, whole), ...mask(b, whole)));
  const a = [10, 255, 255, 255];
  assertEquals(between("10.255.255.255", "11.255.255.255"), of(a, [11, 255, 255, 255], 2));
  assertEquals(between("11.255.255.255", "10.255.255.255"), of(a, [11, 255, 255, 255], 2));
  assertEquals(between("10.254.255.255", "10.255.255.255"), of([10, 254, 255, 255], a, 2));
  assertEquals(between("10.255.254.255", "10.255.255.255"), of([10, 255, 254, 255], a, 3));
  assertEquals(between("10.255.255.254", "10.255.255.255"), of([10, 255, 255, 254], a, 4));
  assertEquals(between("10.0.0.1", "nonsense"), 0);
  assertEquals(between("nonsense", "10.0.0.1"), 0);
  assertEquals(between("nonsense", "nonsense"), 0);
});
