import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Closable } from "../../../shell/disk/file_system.ts";
import { createHandle, type Handle, HandleCache } from "../../../shell/disk/handles.ts";
import { failsWith, systemError } from "./support.ts";

/** Records when the file of this name is opened and closed. */
function loggedHandle(log: string[], name: string): Handle<Closable> {
  return createHandle(name, () => {
    log.push(`open ${name}`);
    return Promise.resolve({
      close() {
        log.push(`close ${name}`);
        return Promise.resolve();
      },
    });
  });
}

async function use(cache: HandleCache, handle: Handle<Closable>): Promise<void> {
  await cache.acquire(handle);
  cache.release(handle);
}

Deno.test("a file stays open between uses", async () => {
  const log: string[] = [];
  const cache = new HandleCache(2);
  const handle = loggedHandle(log, "a");
  assertEquals(cache.tryAcquire(handle), undefined);
  await use(cache, handle);
  assertEquals(cache.tryAcquire(handle), handle.file);
  cache.release(handle);
  await use(cache, handle);
  assertEquals(log, ["open a"]);
});

Deno.test("the least recently used file is closed first", async () => {
  const log: string[] = [];
  const cache = new HandleCache(2);
  const [a, b, c] = [loggedHandle(log, "a"), loggedHandle(log, "b"), loggedHandle(log, "c")];
  await use(cache, a);
  await use(cache, b);
  await use(cache, a);
  await use(cache, c);
  assertEquals(log, ["open a", "open b", "close b", "open c"]);
  assertEquals(cache.openCount, 2);
});

Deno.test("a file in use is never closed, even over the limit", async () => {
  const log: string[] = [];
  const cache = new HandleCache(1);
  const [a, b, c] = [loggedHandle(log, "a"), loggedHandle(log, "b"), loggedHandle(log, "c")];
  await cache.acquire(a);
  await cache.acquire(b);
  assertEquals(log, ["open a", "open b"]);
  cache.release(a);
  cache.release(b);
  await use(cache, c);
  assertEquals(log, ["open a", "open b", "close a", "close b", "open c"]);
});

Deno.test("concurrent requests for a closed file open it once", async () => {
  const log: string[] = [];
  const cache = new HandleCache(1);
  const a = loggedHandle(log, "a");
  await Promise.all([cache.acquire(a), cache.acquire(a)]);
  assertEquals(log, ["open a"]);
  assertEquals(a.users, 2);
});

Deno.test("a failed open fails for all waiting callers, and can be retried", async () => {
  let isBroken = true;
  const file = { close: () => Promise.resolve() };
  const cache = new HandleCache(1);
  const a = createHandle("a", () => {
    return isBroken ? Promise.reject(systemError("EACCES")) : Promise.resolve(file);
  });
  const both = [cache.acquire(a), cache.acquire(a)];
  for (const attempt of both) await failsWith(attempt, "not-permitted");
  assertEquals(a.users, 0);
  isBroken = false;
  assertEquals(await cache.acquire(a), file);
});

Deno.test("when the process runs out of descriptors, idle files are closed", async () => {
  let left = 2;
  const file = { close: () => Promise.resolve(void left++) };
  const open = () => {
    if (left === 0) return Promise.reject(systemError("EMFILE"));
    left--;
    return Promise.resolve(file);
  };
  const cache = new HandleCache(100);
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => createHandle(name, open));
  await use(cache, a!);
  await cache.acquire(b!);
  await cache.acquire(c!);
  assertEquals(a!.file, undefined);
  const error = await failsWith(cache.acquire(d!), "io");
  assert(error.message.includes("ulimit"));
});

Deno.test("a close that loses written data is an error", async () => {
  const file = { close: () => Promise.reject(systemError("EDQUOT")) };
  const cache = new HandleCache(1);
  const a = createHandle("a", () => Promise.resolve(file));
  await use(cache, a);
  await failsWith(cache.close(a), "disk-full");
  await cache.close(a);
});

Deno.test("a handle is not closed in use and not released twice", async () => {
  const cache = new HandleCache(1);
  const a = loggedHandle([], "a");
  await cache.acquire(a);
  const error = await cache.close(a).catch((thrown: Error) => thrown);
  assert(error instanceof Error && error.message.includes("Invariant"));
  cache.release(a);
  assertThrows(() => cache.release(a), Error, "Invariant");
});
