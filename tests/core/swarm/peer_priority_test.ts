import { assertEquals } from "@std/assert";
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
