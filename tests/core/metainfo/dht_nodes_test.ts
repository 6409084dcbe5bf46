import { assertEquals } from "@std/assert";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { parseDhtNodes } from "../../../core/metainfo/dht_nodes.ts";

function nodesOf(nodes: Bencodable) {
  const root = decodeBencode(encodeBencode({ nodes }));
  if (!root.ok) throw new Error(root.error.code);
  return parseDhtNodes(root.value);
}

Deno.test("nodes with an address and a port are read, others omitted", () => {
  const nodes = [
    ["192.0.2.1", 6881],
    ["2001:DB8::1", 1],
    ["192.0.2.7", 65_535],
    ["router.example", 6881],
    ["192.0.2.2", 0],
    ["192.0.2.3", 65_536],
    ["192.0.2.4"],
    [6881, "192.0.2.5"],
    "192.0.2.6:1",
  ];
  assertEquals(nodesOf(nodes), [
    { ip: "192.0.2.1", port: 6881 },
    { ip: "2001:db8::1", port: 1 },
    { ip: "192.0.2.7", port: 65_535 },
  ]);
  assertEquals(nodesOf("none"), []);
});

Deno.test("the number of nodes read from a torrent is limited", () => {
  const many = Array.from({ length: 5_000 }, (_, i) => ["192.0.2.1", 1 + i]);
  assertEquals(nodesOf(many).length, 16);
});
