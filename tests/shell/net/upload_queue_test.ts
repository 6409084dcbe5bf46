/** Blocks leave the queue in order, in runs of neighbours, and can be taken back. */
import { assertEquals } from "@std/assert";
import { UploadQueue } from "../../../shell/net/upload_queue.ts";

function queueOf(...blocks: number[]): UploadQueue {
  const queue = new UploadQueue();
  queue.push(blocks);
  return queue;
}

Deno.test("adjacent blocks are sent together, up to the allowed bytes", () => {
  const queue = queueOf(7, 0, 16, 7, 16, 16, 7, 32, 8, 9, 0, 16);
  assertEquals(queue.bytesOfNext(33, 100), 32);
  assertEquals(queue.takeRun(33, 100), [7, 0, 16, 7, 16, 16]);
  assertEquals(queue.takeRun(33, 100), [7, 32, 8]);
  assertEquals(queue.takeRun(100, 100), [9, 0, 16]);
  assertEquals([queue.isEmpty, queue.takeRun(100, 100)], [true, []]);
});

Deno.test("a run is limited in length, and excludes a block that is too long by itself", () => {
  const queue = queueOf(7, 0, 16, 7, 16, 16, 7, 32, 16);
  assertEquals(queue.bytesOfNext(8, 100), 16);
  assertEquals(queue.bytesOfNext(100, 2), 32);
  assertEquals(queue.takeRun(8, 100), []);
  assertEquals(queue.takeRun(100, 2), [7, 0, 16, 7, 16, 16]);
});

Deno.test("queued blocks can be taken back, some or all", () => {
  const queue = queueOf(1, 0, 16, 2, 0, 16, 3, 0, 16, 4, 0, 16);
  assertEquals(queue.takeRun(16, 100), [1, 0, 16]);
  assertEquals(queue.takeBack([1, 0, 16, 3, 0, 16, 3, 0, 15]), [3, 0, 16]);
  assertEquals(queue.count, 2);
  assertEquals(queue.takeBack(undefined), [2, 0, 16, 4, 0, 16]);
  assertEquals(queue.isEmpty, true);
});

Deno.test("a queue counts what waits behind the blocks that were taken", () => {
  const queue = queueOf(1, 0, 16, 1, 32, 16, 2, 48, 16, 1, 64, 16);
  // Beside each other in one piece only: neither over a gap, nor into the next piece.
  assertEquals(queue.takeRun(100, 100), [1, 0, 16]);
  assertEquals([queue.count, queue.isEmpty], [3, false]);
  assertEquals(queue.bytesOfNext(32, 100), 32);
  assertEquals(queue.bytesOfNext(48, 1), 16);
  assertEquals(queue.takeRun(100, 100), [1, 32, 16]);
  assertEquals(queue.takeRun(100, 100), [2, 48, 16]);
  queue.push([1, 80, 16]);
  assertEquals(queue.takeRun(100, 100), [1, 64, 16, 1, 80, 16]);
  queue.push([3, 0, 16]);
  queue.clear();
  assertEquals([queue.count, queue.takeBack(undefined)], [0, []]);
});
