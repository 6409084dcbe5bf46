import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  moveInQueue,
  placeInQueue,
  planQueue,
  type Queued,
  type QueueMove,
} from "../../../core/session/queue.ts";

/**
 * "d" is queued to download, "s" to seed; capitals are running; "x" is paused, "z" is running and
 * stalled.
 */
function queue(text: string): Queued<number>[] {
  return [...text].map((letter, key) => ({
    key,
    isComplete: letter.toLowerCase() === "s",
    isWanted: letter !== "x",
    isForced: letter === "f",
    isAdmitted: letter === "D" || letter === "S" || letter === "z",
    isStalled: letter === "z",
  }));
}

function plan(text: string, downloads?: number, seeds?: number): number[] {
  return [...planQueue(queue(text), { downloads, seeds })].toSorted();
}

Deno.test("free slots go to the first waiting torrents", () => {
  assertEquals(plan("dddd", 2), [0, 1]);
  assertEquals(plan("xdsd", 1, 1), [1, 2]);
  assertEquals(plan("dsds"), [0, 1, 2, 3]);
});

Deno.test("active torrents stay active at any queue position", () => {
  assertEquals(plan("ddD", 1), [2]);
  assertEquals(plan("DDD", 1), [0, 1, 2]);
});

Deno.test("stalled and forced torrents take no slots", () => {
  assertEquals(plan("zd", 1), [0, 1]);
  assertEquals(plan("fdd", 2), [0, 1]);
  assertEquals(plan("ddf", 1), [2]);
});

Deno.test("a move keeps the relative order of moved and of unmoved torrents", () => {
  const move = (chosen: number[], where: QueueMove) =>
    moveInQueue([0, 1, 2, 3, 4], new Set(chosen), where).join("");
  assertEquals(move([3, 1], "top"), "13024");
  assertEquals(move([1, 3], "bottom"), "02413");
  assertEquals(move([1, 3], "up"), "10324");
  assertEquals(move([0, 1, 3], "up"), "01324");
  assertEquals(move([1, 3], "down"), "02143");
  assertEquals(move([3, 4], "down"), "01234");
  assertEquals(placeInQueue([0, 1, 2], 2, 0), [2, 0, 1]);
  assertEquals(placeInQueue([0, 1, 2], 0, 99), [1, 2, 0]);
});

Deno.test("no move loses a torrent", () => {
  const order = fc.uniqueArray(fc.nat(50));
  fc.assert(
    fc.property(order, fc.array(fc.nat(50)), fc.constantFrom("top", "up", "down", "bottom"), (
      given,
      chosen,
      move,
    ) => {
      const moved = moveInQueue(given, new Set(chosen), move as QueueMove);
      assertEquals(moved.toSorted(), given.toSorted());
    }),
    { seed: 14 },
  );
});

Deno.test("seeds and downloads have limits of their own, which those that run use up", () => {
  assertEquals(plan("sss", undefined, 2), [0, 1]);
  assertEquals(plan("Sss", undefined, 2), [0, 1]);
  assertEquals(plan("Ss", undefined, 1), [0]);
  assertEquals(plan("Sdd", 1, 1), [0, 1]);
  assertEquals(plan("Dss", 1, 1), [0, 1]);
  assertEquals(plan("ds", 0, 0), []);
});
