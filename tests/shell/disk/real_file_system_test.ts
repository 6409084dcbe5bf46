/**
 * Writes on a disk that is slow for a while: another thread makes them, in the order of the calls.
 */
import { assertEquals } from "@std/assert";
import { createFileSystem } from "../../../shell/disk/real_file_system.ts";
import { SyncGate } from "../../../shell/disk/sync_gate.ts";
import { inTempDir } from "./support.ts";

/** Slow or fast, as the test sets it. */
class FixedGate extends SyncGate {
  isSlow = false;
  readonly timed: number[] = [];

  override get isQuick(): boolean {
    return !this.isSlow;
  }

  override time<T>(bytes: number, call: () => T): T {
    this.timed.push(bytes);
    return call();
  }
}

Deno.test("a write that waits for a slow disk is not overtaken once the disk is quick again", async () => {
  await inTempDir(async (dir) => {
    const gate = new FixedGate();
    const writer = await createFileSystem(() => gate).openWriter(`${dir}/f`, "replace", 0o644);
    gate.timed.length = 0;
    gate.isSlow = true;
    const first = writer.write(new Uint8Array(8).fill(1), 0);
    const second = writer.write(new Uint8Array(4).fill(2), 4);
    gate.isSlow = false;
    const third = writer.write(new Uint8Array(2).fill(3), 6);
    assertEquals(await Promise.all([first, second, third]), [8, 4, 2]);
    assertEquals([...await Deno.readFile(`${dir}/f`)], [1, 1, 1, 1, 2, 2, 3, 3]);
    assertEquals(gate.timed, [], "none was made on this thread");
    // The quota is used up: the next one runs on this thread.
    assertEquals(await writer.write(new Uint8Array(1).fill(4), 0), 1);
    assertEquals(gate.timed, [1]);
    await writer.truncate(3);
    await writer.close();
    assertEquals([...await Deno.readFile(`${dir}/f`)], [4, 1, 1]);
  });
});

Deno.test("a slow disk is read and looked at by another thread, with the same results", async () => {
  await inTempDir(async (dir) => {
    await Deno.writeFile(`${dir}/f`, Uint8Array.of(1, 2, 3, 4));
    for (const isSlow of [false, true]) {
      const gate = new FixedGate();
      gate.isSlow = isSlow;
      const fileSystem = createFileSystem(() => gate);
      const reader = await fileSystem.openReader(`${dir}/f`);
      const target = new Uint8Array(2);
      assertEquals([await reader.read(target, 1), [...target]], [2, [2, 3]]);
      assertEquals((await fileSystem.stats(`${dir}/f`))?.size, 4);
      assertEquals(await fileSystem.stats(`${dir}/none`), undefined);
      await reader.close();
      assertEquals(gate.timed.length > 0, !isSlow);
    }
  });
});
