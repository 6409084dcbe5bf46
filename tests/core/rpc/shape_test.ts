import { assertEquals } from "@std/assert";
import { Shape, shapes } from "../../../core/rpc/shape.ts";

Deno.test("each object has all names and its own facts, in the order of the names", () => {
  const shape = new Shape<number>([["twice", (n) => 2 * n], ["it", (n) => [n]]]);
  const [one, two] = [shape.object(1), shape.object(2)];
  assertEquals(JSON.stringify([one, two]), '[{"twice":2,"it":[1]},{"twice":4,"it":[2]}]');
  assertEquals([shape.names, shape.row(3)], [["twice", "it"], [6, [3]]]);
});

Deno.test("the older dialect has its own spelling", () => {
  const { legacy, jsonrpc } = shapes<number>({ is_utp: (n) => n > 0, peer_id: (n) => n });
  assertEquals(legacy.object(1), { isUTP: true, peerId: 1 });
  assertEquals(jsonrpc.object(0), { is_utp: false, peer_id: 0 });
});
