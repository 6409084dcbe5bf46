import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import {
  cancelRequest,
  createRequestQueue,
  pushRequest,
  takeAllRequests,
  takeRequest,
} from "../../../core/transfer/request_queue.ts";

Deno.test("requests leave in order, without the cancelled ones", () => {
  const step = fc.record({
    what: fc.constantFrom("push", "push", "cancel", "take"),
    piece: fc.nat(2),
    begin: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = createRequestQueue(4 * BLOCK_SIZE);
      let model: string[] = [];
      for (const { what, piece, begin } of steps) {
        const name = `${piece},${begin},${BLOCK_SIZE}`;
        if (what === "push") {
          pushRequest(queue, piece, begin, BLOCK_SIZE);
          model.push(name);
        } else if (what === "cancel") {
          const at = model.indexOf(name);
          assertEquals(cancelRequest(queue, piece, begin, BLOCK_SIZE), at >= 0);
          model = model.filter((_, i) => i !== at);
        } else if (model.length > 0) {
          const taken: number[] = [];
          takeRequest(queue, taken);
          assertEquals(taken.join(), model.shift());
        }
        assertEquals(queue.size, model.length);
      }
      assertEquals(takeAllRequests(queue).join(), model.join());
    }),
    { seed: 1 },
  );
});

Deno.test("endless requests and cancels use bounded memory", () => {
  const queue = createRequestQueue(BLOCK_SIZE);
  pushRequest(queue, 0, 0, BLOCK_SIZE);
  for (let piece = 1; piece < 50_000; piece++) {
    pushRequest(queue, piece, 0, BLOCK_SIZE);
    cancelRequest(queue, piece, 0, BLOCK_SIZE);
    assert(queue.items.length < 10_000, `${queue.items.length} numbers kept`);
  }
  assertEquals(takeAllRequests(queue), [0, 0, BLOCK_SIZE]);
});

Deno.test("each of ten thousand cancels looks only at its own request", () => {
  const queue = createRequestQueue(BLOCK_SIZE);
  for (let piece = 0; piece < 100_000; piece++) pushRequest(queue, piece, 0, BLOCK_SIZE);
  // From the back, where a search from the front would visit every request: 10^10 steps.
  for (let piece = 99_999; piece > 0; piece--) assert(cancelRequest(queue, piece, 0, BLOCK_SIZE));
  assertEquals(queue.size, 1);
});
