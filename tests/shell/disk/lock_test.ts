import { assert, assertEquals } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { lockWithin } from "../../../shell/disk/file_lock.ts";
import { TorrentLocks } from "../../../shell/disk/lock.ts";
import { failsWith, HASH, inTempDir, mountTmpfs, onTinyDisk } from "./support.ts";

const OTHER = "f".repeat(40) as InfoHash;

function hashOf(n: number): InfoHash {
  return n.toString(16).padStart(40, "0") as InfoHash;
}

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

/** Paths below `dir` that this process has open. */
function descriptorsBelow(dir: string): string[] {
  const folder = Deno.realPathSync(dir);
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const path = Deno.readLinkSync(`/proc/self/fd/${name}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      return []; // Closed meanwhile.
    }
  });
}

function filesOf(dir: string): string[] {
  return [...Deno.readDirSync(`${dir}/.tt`)].map(({ name }) => name).sort();
}

Deno.test("a torrent can be locked once, and again after it was released", async () => {
  await inTempDir(async (parent) => {
    const dir = `${parent}/new`;
    const locks = new TorrentLocks();
    const lock = await locks.lock(dir, HASH);
    await failsWith(locks.lock(dir, HASH), "in-use");
    await failsWith(new TorrentLocks().lock(dir, HASH), "in-use");
    const other = await new TorrentLocks().lock(dir, OTHER);
    await lock.release();
    await (await new TorrentLocks().lock(dir, HASH)).release();
    await failsWith(locks.lock(dir, OTHER), "in-use");
    await other.release();
    assertEquals(filesOf(dir), [`${HASH}.lock`, `${OTHER}.lock`]);
  });
});

Deno.test("any number of torrents takes one open file", async () => {
  await inTempDir(async (dir) => {
    const locks = new TorrentLocks();
    // Tests of other files may run in this process.
    const openFiles = () => descriptorsBelow(dir).length;
    const held = await Promise.all(
      Array.from({ length: 200 }, (_, n) => locks.lock(dir, hashOf(n))),
    );
    assertEquals(openFiles(), 1);
    for (const n of [0, 77, 199]) {
      await failsWith(new TorrentLocks().lock(dir, hashOf(n)), "in-use");
    }
    await Promise.all(held.map((lock) => lock.release()));
    assertEquals(openFiles(), 0);
  });
});

Deno.test("what a killed process left is no obstacle, and is swept up", async () => {
  await inTempDir(async (dir) => {
    const owners = () => filesOf(dir).filter((name) => name.startsWith("owner-"));
    const holder = await startHolder(dir);
    const lives = owners();
    assertEquals(lives.length, 1);
    const locks = new TorrentLocks();
    const other = await locks.lock(dir, OTHER);
    assertEquals(owners().length, 2);
    await failsWith(locks.lock(dir, HASH), "in-use");
    holder.kill("SIGKILL");
    await holder.status;
    await holder.stdin.close().catch(() => {});
    const lock = await locks.lock(dir, HASH);
    const later = await new TorrentLocks().lock(dir, hashOf(1));
    assert(!owners().includes(lives[0]!), "its file is gone");
    await Promise.all([lock, other, later].map((held) => held.release()));
    assertEquals(owners(), []);
  });
});

Deno.test("a file that names no process is no claim", async () => {
  await inTempDir(async (dir) => {
    await Deno.mkdir(`${dir}/.tt`);
    const notes = ["", "owner-0000abcd.lock", "../../etc/passwd", "x".repeat(1000)];
    for (const note of notes) {
      await Deno.writeTextFile(`${dir}/.tt/${HASH}.lock`, note);
      await (await new TorrentLocks().lock(dir, HASH)).release();
    }
  });
});

onTinyDisk("a torrent can be locked on a full disk", async (dir) => {
  const locks = new TorrentLocks();
  const first = await locks.lock(dir, OTHER);
  await Deno.writeFile(`${dir}/fill`, new Uint8Array(64 * 1024 * 1024)).catch(() => {});
  const lock = await locks.lock(dir, HASH);
  await failsWith(locks.lock(dir, HASH), "in-use");
  await failsWith(new TorrentLocks().lock(dir, HASH), "in-use");
  await lock.release();
  await (await locks.lock(dir, HASH)).release();
  await first.release();
});

Deno.test("a second process is refused at once, and admitted once the first is killed", async () => {
  await inTempDir(async (dir) => {
    const holder = await startHolder(dir);
    const error = await failsWith(new TorrentLocks().lock(dir, HASH, "film.mkv"), "in-use");
    assert(error.message.includes("film.mkv") && error.message.includes(dir));
    holder.kill("SIGKILL");
    await holder.status;
    await holder.stdin.close().catch(() => {});
    await (await new TorrentLocks().lock(dir, HASH)).release();
  });
});

Deno.test({
  name: "a read-only folder gives no lock and no crash",
  permissions: { read: true, write: false },
  fn: async () => {
    const dir = new URL(".", import.meta.url).pathname;
    await failsWith(new TorrentLocks().lock(dir, HASH), "not-permitted");
  },
});

onTinyDisk("a read-only disk gives no lock and no crash", async (dir) => {
  await (await new TorrentLocks().lock(dir, HASH)).release();
  assert(await mountTmpfs("remount,ro", dir));
  await failsWith(new TorrentLocks().lock(dir, HASH), "not-permitted");
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
