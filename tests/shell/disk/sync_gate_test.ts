import { assertEquals } from "@std/assert";
import { SyncGate } from "../../../shell/disk/sync_gate.ts";

/** A disk whose calls take a given time, on its own clock. */
class Disk {
  nowMs = 0;
  readonly gate = new SyncGate(() => this.nowMs);

  /** Whether a call that takes `tookMs` runs on this thread. */
  call(tookMs: number, bytes = 65_536): boolean {
    if (!this.gate.isQuick) return false;
    this.gate.time(bytes, () => this.nowMs += tookMs);
    return true;
  }
}

Deno.test("a fast disk is accessed on the main thread", () => {
  const disk = new Disk();
  for (let i = 0; i < 1_000; i++) assertEquals(disk.call(1), true);
});

Deno.test("a single slow call does not count as a slow disk", () => {
  const disk = new Disk();
  for (let i = 0; i < 1_000; i++) assertEquals(disk.call(i % 5 === 0 ? 30 : 1), true);
});

Deno.test("a disk that stays slow is accessed on other threads, for growing periods", () => {
  const disk = new Disk();
  assertEquals([disk.call(30), disk.call(30)], [true, true]);
  for (const pauseMs of [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 16_000]) {
    assertEquals(disk.call(30), true);
    disk.nowMs += pauseMs - 1;
    assertEquals(disk.call(0), false);
    disk.nowMs += 1;
  }
  assertEquals(disk.call(0), true);
});

Deno.test("a disk that becomes fast again is accessed on the main thread again", () => {
  const disk = new Disk();
  for (let i = 0; i < 3; i++) disk.call(30);
  disk.nowMs += 250;
  for (let i = 0; i < 8; i++) assertEquals(disk.call(1), true);
  for (let i = 0; i < 3; i++) assertEquals(disk.call(30), true);
  disk.nowMs += 250;
  assertEquals(disk.call(1), true);
});

Deno.test("a large call may take as long as its copying", () => {
  const disk = new Disk();
  for (let i = 0; i < 10; i++) assertEquals(disk.call(30, 16 * 1024 * 1024), true);
});
