import { assert, assertEquals } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { lockWithin } from "../../../shell/disk/file_lock.ts";
import { lockTorrent } from "../../../shell/disk/lock.ts";
import { failsWith, HASH, inTempDir, mountTmpfs, onTinyDisk } from "./support.ts";

/** A process that holds the lock of `HASH` in `dir`. */
async function startHolder(dir: string): Promise<Deno.ChildProcess> {
  const script = new URL("./lock_holder.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-check", "--allow-read", "--allow-write", script, dir, HASH],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const { value } = await child.stdout.getReader().read();
  assertEquals(new TextDecoder().decode(value), "locked\n");
  return child;
}

Deno.test("a torrent can be locked once, and again after it was released", async () => {
  await inTempDir(async (dir) => {
    const lock = await lockTorrent(`${dir}/new`, HASH);
    await failsWith(lockTorrent(`${dir}/new`, HASH), "in-use");
    const other = await lockTorrent(`${dir}/new`, "f".repeat(40) as InfoHash);
    lock.release();
    other.release();
    (await lockTorrent(`${dir}/new`, HASH)).release();
  });
});

Deno.test("a second process is refused at once, and admitted once the first is killed", async () => {
  await inTempDir(async (dir) => {
    const holder = await startHolder(dir);
    const error = await failsWith(lockTorrent(dir, HASH, "film.mkv"), "in-use");
    assert(error.message.includes("film.mkv") && error.message.includes(dir));
    holder.kill("SIGKILL");
    await holder.status;
    await holder.stdin.close().catch(() => {});
    (await lockTorrent(dir, HASH)).release();
  });
});

Deno.test({
  name: "a read-only folder gives no lock and no crash",
  permissions: { read: true, write: false },
  fn: async () => {
    const dir = new URL(".", import.meta.url).pathname;
    await failsWith(lockTorrent(dir, HASH), "not-permitted");
  },
});

onTinyDisk("a read-only disk gives no lock and no crash", async (dir) => {
  (await lockTorrent(dir, HASH)).release();
  assert(await mountTmpfs("remount,ro", dir));
  await failsWith(lockTorrent(dir, HASH), "not-permitted");
});

Deno.test("without tryLock a free lock is taken and a taken one refused after a timeout", async () => {
  const closed: string[] = [];
  const free = { lock: () => Promise.resolve(), close: () => closed.push("free") };
  assertEquals(await lockWithin(free, 60_000), true);
  let comes = () => {};
  const taken = {
    lock: () => new Promise<void>((resolve) => comes = resolve),
    close: () => closed.push("taken"),
  };
  assertEquals(await lockWithin(taken, 1), false);
  assertEquals(closed, []);
  comes();
  await Promise.resolve();
  assertEquals(closed, ["taken"]);
});
