/** A state never claims what is not on the medium: content is flushed before the state is saved. */
import { assertEquals } from "@std/assert";
import { createBitfield } from "../../core/bytes/bitfield.ts";
import type { Storage } from "../../shell/disk/storage.ts";
import { Driver } from "../../shell/driver.ts";
import { createPeerId } from "../../shell/entropy.ts";
import { PieceMemory } from "../../shell/hash/piece_memory.ts";
import { sha1 } from "../../shell/hash/sha1.ts";
import { RateLimiter } from "../../shell/net/rate_limiter.ts";
import { SendBuffers } from "../../shell/net/send_buffers.ts";
import { MemoryNetwork } from "./bottle/memory_network.ts";
import { VirtualClock } from "./bottle/virtual_clock.ts";
import { makeLoaded } from "./driver_kit.ts";

/** Stops a driver whose storage flushes in this way; returns what happened, in order. */
async function stopWith(flush: (clock: VirtualClock) => Promise<void>): Promise<string[]> {
  const { loaded: { metainfo } } = makeLoaded(3);
  const clock = new VirtualClock();
  const done: string[] = [];
  const storage: Partial<Storage> = {
    async flush() {
      done.push("flush");
      await flush(clock);
      done.push("flushed");
    },
  };
  const driver = new Driver({
    metainfo,
    storage: storage as Storage,
    clock,
    network: new MemoryNetwork({ clock }).of("10.0.0.1"),
    limits: { up: new RateLimiter(undefined), down: new RateLimiter(undefined) },
    sendBuffers: new SendBuffers(),
    pieceMemory: new PieceMemory(),
    nextPeerKey: () => 1,
    torrent: {
      infoHash: metainfo.infoHash,
      geometry: metainfo.geometry,
      peerId: createPeerId(),
      port: 1,
      clientName: "a test",
      announceTiers: [],
      isPrivate: false,
      have: createBitfield(3),
      ...{ uploadedBefore: 0, downloadedBefore: 0, waivedBefore: false },
      ...{ shareRule: { percent: 0, strict: false }, seedRatio: undefined, seedTimeMs: undefined },
      ...{ seed: 1, sha1 },
    },
    announce: () => Promise.resolve({ ok: false, error: { code: "timeout" } } as never),
    saveState: () => Promise.resolve(void done.push("save")),
    onReport: () => {},
    onDiskError: (error) => done.push((error as Error).message),
    onReadError: () => {},
    onCrash: (error) => done.push((error as Error).message),
  });
  driver.start([]);
  await clock.settle(driver.stop());
  return done;
}

Deno.test("the state waits for the content's flush, however long it takes", async () => {
  const slow = (clock: VirtualClock) =>
    new Promise<void>((resolve) => void clock.setTimeout(resolve, 5_000));
  assertEquals((await stopWith(slow)).slice(0, 3), ["flush", "flushed", "save"]);
});

Deno.test("content that could not be flushed is not claimed", async () => {
  const done = await stopWith(() => Promise.reject(new Error("the disk reported an error")));
  assertEquals(done.slice(0, 2), ["flush", "the disk reported an error"]);
  assertEquals(done.includes("save"), false);
});
