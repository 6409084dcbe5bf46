import { assert, assertEquals, assertThrows } from "@std/assert";
import type { FileSystem } from "../../../shell/disk/file_system.ts";
import { createHandle, type Handle, HandleCache } from "../../../shell/disk/handles.ts";
import { failsWith, fileSystemWith, systemError } from "./support.ts";

/** A file system that only counts what is open. */
function countingSystem(calls: Partial<FileSystem> = {}) {
  const log: string[] = [];
  let nextFd = 10;
  const paths = new Map<number, string>();
  const fileSystem = fileSystemWith({
    open(path) {
      log.push(`open ${path}`);
      paths.set(nextFd, path);
      return Promise.resolve(nextFd++);
    },
    close(fd) {
      log.push(`close ${paths.get(fd)}`);
      return Promise.resolve();
    },
    ...calls,
  });
  return { log, fileSystem };
}

function handleOf(path: string): Handle {
  return createHandle(path, 0, () => Promise.resolve());
}

async function use(cache: HandleCache, handle: Handle): Promise<void> {
  await cache.acquire(handle);
  cache.release(handle);
}

Deno.test("a file stays open between uses", async () => {
  const { log, fileSystem } = countingSystem();
  const cache = new HandleCache(fileSystem, 2);
  const handle = handleOf("a");
  assertEquals(cache.tryAcquire(handle), false);
  await use(cache, handle);
  assertEquals(cache.tryAcquire(handle), true);
  cache.release(handle);
  await use(cache, handle);
  assertEquals(log, ["open a"]);
});

Deno.test("the file used longest ago is closed to make room", async () => {
  const { log, fileSystem } = countingSystem();
  const cache = new HandleCache(fileSystem, 2);
  const [a, b, c] = [handleOf("a"), handleOf("b"), handleOf("c")];
  await use(cache, a);
  await use(cache, b);
  await use(cache, a);
  await use(cache, c);
  assertEquals(log, ["open a", "open b", "close b", "open c"]);
  assertEquals(cache.openCount, 2);
});

Deno.test("a file in use is never closed, even over the limit", async () => {
  const { log, fileSystem } = countingSystem();
  const cache = new HandleCache(fileSystem, 1);
  const [a, b, c] = [handleOf("a"), handleOf("b"), handleOf("c")];
  await cache.acquire(a);
  await cache.acquire(b);
  assertEquals(log, ["open a", "open b"]);
  cache.release(a);
  cache.release(b);
  await use(cache, c);
  assertEquals(log, ["open a", "open b", "close a", "close b", "open c"]);
});

Deno.test("two who want a closed file at once open it once", async () => {
  const { log, fileSystem } = countingSystem();
  const cache = new HandleCache(fileSystem, 1);
  const a = handleOf("a");
  await Promise.all([cache.acquire(a), cache.acquire(a)]);
  assertEquals(log, ["open a"]);
  assertEquals(a.users, 2);
});

Deno.test("an open that fails fails for all who wait, and can be tried again", async () => {
  let isBroken = true;
  const { fileSystem } = countingSystem({
    open: () => isBroken ? Promise.reject(systemError("EACCES")) : Promise.resolve(5),
  });
  const cache = new HandleCache(fileSystem, 1);
  const a = handleOf("a");
  const both = [cache.acquire(a), cache.acquire(a)];
  for (const attempt of both) await failsWith(attempt, "not-permitted");
  assertEquals(a.users, 0);
  isBroken = false;
  await cache.acquire(a);
  assertEquals(a.fd, 5);
});

Deno.test("when the process has no descriptor left, idle files give theirs", async () => {
  let left = 2;
  const { fileSystem } = countingSystem({
    open: () => left === 0 ? Promise.reject(systemError("EMFILE")) : Promise.resolve(left--),
    close: () => Promise.resolve(void left++),
  });
  const cache = new HandleCache(fileSystem, 100);
  const [a, b, c, d] = [handleOf("a"), handleOf("b"), handleOf("c"), handleOf("d")];
  await use(cache, a);
  await cache.acquire(b);
  await cache.acquire(c);
  assertEquals(a.fd, -1);
  const error = await failsWith(cache.acquire(d), "io");
  assert(error.message.includes("ulimit"));
});

Deno.test("a close that loses what was written is an error", async () => {
  const { fileSystem } = countingSystem({ close: () => Promise.reject(systemError("EDQUOT")) });
  const cache = new HandleCache(fileSystem, 1);
  const a = handleOf("a");
  await use(cache, a);
  await failsWith(cache.close(a), "disk-full");
  await cache.close(a);
});

Deno.test("a handle is not closed in use and not released twice", async () => {
  const { fileSystem } = countingSystem();
  const cache = new HandleCache(fileSystem, 1);
  const a = handleOf("a");
  await cache.acquire(a);
  const error = await cache.close(a).catch((thrown: Error) => thrown);
  assert(error instanceof Error && error.message.includes("Invariant"));
  cache.release(a);
  assertThrows(() => cache.release(a), Error, "Invariant");
});
