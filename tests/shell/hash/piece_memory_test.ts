/**
 * Piece buffers are reused by every torrent with pieces of their size, and freed with the last of
 * them.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { PieceMemory } from "../../../shell/hash/piece_memory.ts";

Deno.test("the last returned buffer is reused first, by any torrent", () => {
  const memory = new PieceMemory();
  memory.open(64);
  memory.open(64);
  const buffer = memory.take(64);
  assertEquals([buffer.length, memory.takenBytes], [64, 64]);
  memory.give(buffer);
  assertEquals([memory.retainedBytes, memory.takenBytes], [64, 0]);
  assert(memory.take(64) === buffer);
  assertEquals(memory.retainedBytes, 0);
});

Deno.test("idle buffers of all sizes together are bounded", () => {
  const memory = new PieceMemory(100);
  for (const size of [64, 32]) memory.open(size);
  const buffers = [64, 64, 32, 32].map((size) => memory.take(size));
  for (const buffer of buffers) memory.give(buffer);
  assertEquals(memory.retainedBytes, 96);
});

Deno.test("idle buffers are freed when no torrent uses their size any more", () => {
  const memory = new PieceMemory();
  memory.open(64);
  memory.open(64);
  const late = memory.take(64);
  memory.give(memory.take(64));
  memory.close(64);
  assertEquals(memory.retainedBytes, 64);
  memory.close(64);
  assertEquals(memory.retainedBytes, 0);
  memory.give(late);
  assertEquals(memory.retainedBytes, 0);
});

Deno.test("returning a buffer twice fails an assertion", () => {
  const memory = new PieceMemory();
  memory.open(64);
  const buffer = memory.take(64);
  memory.give(buffer);
  assertThrows(() => memory.give(buffer), Error, "once");
});
