import { assert, assertEquals, assertThrows } from "@std/assert";
import { createBufferPool } from "../../../shell/disk/buffer_pool.ts";

Deno.test("a buffer that was given back is used again", () => {
  const pool = createBufferPool(64, 2);
  const buffer = pool.take();
  assertEquals(buffer.length, 64);
  const other = pool.take();
  assert(other !== buffer);
  pool.give(buffer);
  assert(pool.take() === buffer);
});

Deno.test("no more idle buffers are kept than the pool may retain", () => {
  const pool = createBufferPool(64, 1);
  const [first, second] = [pool.take(), pool.take()];
  pool.give(first);
  pool.give(second);
  assert(pool.take() === first);
  assert(pool.take() !== second);
});

Deno.test("a part of a buffer, or one given twice, is a mistake", () => {
  const pool = createBufferPool(64, 4);
  const buffer = pool.take();
  assertThrows(() => pool.give(buffer.subarray(1)), Error, "Invariant");
  pool.give(buffer);
  assertThrows(() => pool.give(buffer), Error, "Invariant");
});
