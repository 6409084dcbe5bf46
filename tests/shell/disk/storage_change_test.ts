/** Content that another program changes while it is shared. */
import { assertEquals } from "@std/assert";
import { openStorage } from "../../../shell/disk/storage.ts";
import { bytesFrom, failsWith, inTempDir, torrentOf } from "./support.ts";

const TORRENT = torrentOf({ path: "a", length: 32 }, { path: "b", length: 32 });

async function withShared(
  run: (shared: {
    readonly dir: string;
    readonly changes: number[];
    readonly storage: ReturnType<typeof openStorage>;
    /** Advances the clock until files are checked again. */
    later(): void;
  }) => Promise<void>,
): Promise<void> {
  await inTempDir(async (dir) => {
    for (const name of ["a", "b"]) {
      await Deno.writeFile(`${dir}/${name}`, bytesFrom(1, 32));
      await Deno.utime(`${dir}/${name}`, 1, 1);
    }
    const changes: number[] = [];
    let nowMs = 0;
    const storage = openStorage(dir, TORRENT, {
      onChanged: (file) => changes.push(file),
      clock: () => nowMs,
    });
    await storage.stamps();
    await storage.readInto(0, new Uint8Array(64));
    await run({ dir, changes, storage, later: () => nowMs += 1000 });
    await storage.close();
  });
}

Deno.test("a file changed in place is reported once and no longer read, others are", async () => {
  await withShared(async ({ dir, changes, storage, later }) => {
    await Deno.writeFile(`${dir}/a`, bytesFrom(9, 32));
    later();
    for (let i = 0; i < 3; i++) await failsWith(storage.readInto(0, new Uint8Array(16)), "changed");
    later();
    await failsWith(storage.readInto(0, new Uint8Array(16)), "changed");
    await storage.readInto(32, new Uint8Array(32));
    assertEquals(changes, [0]);
  });
});

Deno.test("a file that is missing or has another size counts as changed", async () => {
  await withShared(async ({ dir, changes, storage, later }) => {
    await Deno.remove(`${dir}/a`);
    await Deno.truncate(`${dir}/b`, 31);
    await Deno.utime(`${dir}/b`, 1, 1);
    later();
    await failsWith(storage.readInto(0, new Uint8Array(16)), "changed");
    await failsWith(storage.readInto(32, new Uint8Array(16)), "changed");
    assertEquals(changes, [0, 1]);
  });
});

Deno.test("our own writes do not count as changes", async () => {
  await withShared(async ({ changes, storage, later }) => {
    await storage.writePiece(0, bytesFrom(3, 32));
    later();
    await storage.readInto(0, new Uint8Array(32));
    await storage.flush();
    await storage.stamps();
    later();
    await storage.readInto(0, new Uint8Array(32));
    assertEquals(changes, []);
  });
});
