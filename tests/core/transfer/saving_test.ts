/** When the state is saved, and what it contains. */
import { assertEquals } from "@std/assert";
import { SAVE_INTERVAL_MS } from "../../../core/transfer/limits.ts";
import {
  onSaveFailed,
  onStateSaved,
  save,
  savedStateOf,
  saveDueAt,
  saveIfDue,
  saveSoon,
  scheduleSave,
} from "../../../core/transfer/saving.ts";
import type { TransferEffect } from "../../../core/transfer/protocol.ts";
import { Kit } from "../torrent/kit.ts";

function open() {
  const { transfer } = new Kit({ have: "#.." });
  const effects: TransferEffect[] = [];
  const jobs = () => effects.flatMap((effect) => effect.kind === "save-state" ? effect.job : []);
  // What the start of the torrent scheduled is saved.
  save(transfer, effects);
  onStateSaved(transfer, jobs()[0]!);
  effects.length = 0;
  return { transfer, effects, jobs };
}

Deno.test("changes are saved together after an interval, important ones at once", () => {
  const { transfer, effects } = open();
  assertEquals(saveDueAt(transfer), undefined);
  scheduleSave(transfer, 1_000);
  scheduleSave(transfer, 9_000);
  assertEquals(saveDueAt(transfer), 1_000 + SAVE_INTERVAL_MS);
  saveIfDue(transfer, 999 + SAVE_INTERVAL_MS, effects);
  assertEquals(effects.length, 0);
  saveSoon(transfer, 2_000);
  saveIfDue(transfer, 2_000, effects);
  assertEquals(effects.length, 1);
});

Deno.test("one save is under way at a time, and what changes meanwhile is saved after it", () => {
  const { transfer, effects, jobs } = open();
  save(transfer, effects);
  saveSoon(transfer, 5_000);
  assertEquals(saveDueAt(transfer), undefined);
  onStateSaved(transfer, jobs()[0]! + 100);
  assertEquals(saveDueAt(transfer), undefined, "an unknown job");
  onStateSaved(transfer, jobs()[0]!);
  assertEquals(saveDueAt(transfer), 5_000);
});

Deno.test("a save that failed is tried again while the torrent runs, and not when it stops", () => {
  for (const [isRunning, due] of [[true, 7_000 + SAVE_INTERVAL_MS], [false, undefined]] as const) {
    const { transfer, effects } = open();
    save(transfer, effects);
    onSaveFailed(transfer, isRunning, 7_000);
    assertEquals(saveDueAt(transfer), due);
  }
});

Deno.test("the saved state is a copy", () => {
  const { transfer } = open();
  const state = savedStateOf(transfer);
  state.pieces.fill(0);
  assertEquals([...savedStateOf(transfer).pieces], [0b1000_0000]);
});
