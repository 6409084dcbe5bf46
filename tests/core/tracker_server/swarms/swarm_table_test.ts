import { assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import {
  addSlot,
  createSwarmTable,
  findSlot,
  HASH_WORDS,
  infoHashAt,
  MOVES_A_SWARM,
  removeSlot,
  type SwarmTable,
} from "../../../../core/tracker_server/swarms/swarm_table.ts";

function hashOf(id: number): Int32Array {
  return Int32Array.from({ length: HASH_WORDS }, (_, i) => (id + 1) * (i + 1));
}

Deno.test("a table finds what was added and not removed, while growing and reusing slots", () => {
  const changes = fc.array(fc.record({ id: fc.nat(900), isAdded: fc.boolean() }), {
    minLength: 200,
    maxLength: 1500,
    size: "max",
  });
  fc.assert(
    fc.property(fc.integer(), changes, (key, all) => {
      const table = createSwarmTable([key, ~key]);
      const model = new Map<number, number>();
      // More than the initial capacity.
      for (let id = 1000; id < 1400; id++) model.set(id, addSlot(table, hashOf(id)));
      for (const { id, isAdded } of all) {
        const slot = findSlot(table, hashOf(id));
        assertEquals(slot, model.get(id) ?? 0);
        if (isAdded && slot === 0) model.set(id, addSlot(table, hashOf(id)));
        if (!isAdded && slot !== 0) {
          removeSlot(table, slot);
          model.delete(id);
        }
      }
      assertEquals(table.count, model.size);
      assertEquals(new Set(model.values()).size, model.size, "no slot is given twice");
      for (const [id, slot] of model) assertEquals(findSlot(table, hashOf(id)), slot);
    }),
    { numRuns: 20 },
  );
});

function countMoved({ former }: SwarmTable): number {
  return former?.filter((entry) => entry < 0).length ?? Infinity;
}

Deno.test("a growing table moves a few entries per insertion, and finds all meanwhile", () => {
  const table = createSwarmTable([1, 2]);
  let growths = 0;
  const slots: number[] = [];
  for (let id = 0; id < 5_000; id++) {
    const { former, index } = table;
    const moved = countMoved(table);
    slots.push(addSlot(table, hashOf(id)));
    if (table.index !== index) {
      assertEquals(former, undefined, "the last growth is through before the next");
      assertEquals(countMoved(table) <= MOVES_A_SWARM, true);
      growths++;
    } else if (table.former !== undefined) {
      assertEquals(countMoved(table) - moved <= MOVES_A_SWARM, true);
    }
    if (id % 50 === 0) slots.forEach((slot, i) => assertEquals(findSlot(table, hashOf(i)), slot));
  }
  assertEquals(growths, 5);
});

Deno.test("a swarm that is removed while a table grows is gone, wherever its entry was", () => {
  for (const removed of [0, 100, 254]) {
    const table = createSwarmTable([3, 4]);
    for (let id = 0; id < 256; id++) addSlot(table, hashOf(id));
    assertEquals(table.former !== undefined, true);
    removeSlot(table, findSlot(table, hashOf(removed)));
    for (let id = 256; id < 400; id++) addSlot(table, hashOf(id));
    for (let id = 0; id < 400; id++) {
      assertEquals(findSlot(table, hashOf(id)) === 0, id === removed);
    }
  }
});

Deno.test("info hashes round-trip through the table", () => {
  const table = createSwarmTable([1, 2]);
  const slot = addSlot(table, Int32Array.of(-1, 0x01020304, 0, 5, 0x7fffffff));
  assertEquals([...infoHashAt(table, slot).subarray(0, 8)], [255, 255, 255, 255, 1, 2, 3, 4]);
});
