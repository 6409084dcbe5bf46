/**
 * A bug of ours ends one torrent, in order: it gets no more events, and what is on disk is saved.
 */
import { assertEquals } from "@std/assert";
import { createFullBitfield } from "../../core/bytes/bitfield.ts";
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

Deno.test("after a crash the content is flushed and the state saved, then the crash is reported", async () => {
  const { loaded: { metainfo } } = makeLoaded(20);
  const clock = new VirtualClock();
  const done: string[] = [];
  const storage = { flush: () => Promise.resolve(void done.push("flush")) };
  const driver = new Driver({
    metainfo,
    storage: storage as Partial<Storage> as Storage,
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
      announceTiers: [["http://192.0.2.1/announce"]],
      isPrivate: false,
      have: createFullBitfield(20),
      ...{ uploadedBefore: 7, downloadedBefore: 0, waivedBefore: false },
      ...{ shareRule: { percent: 0, strict: false }, seedRatio: undefined, seedTimeMs: undefined },
      ...{ seed: 1, sha1 },
    },
    announce: () => Promise.resolve({ ok: false, error: { code: "timeout" } } as never),
    saveState({ pieces, uploaded }) {
      done.push(`save ${pieces.length} ${uploaded}`);
      return Promise.resolve();
    },
    onReport() {
      throw new Error("a mistake");
    },
    onDiskError: (error) => done.push(`disk ${error}`),
    onReadError: () => {},
    onCrash: (error) => done.push((error as Error).message),
  });
  driver.start([]);
  await clock.run(1_000);
  assertEquals(done, ["flush", "save 3 7", "a mistake"]);
  await clock.settle(driver.stop());
  assertEquals(done.length, 3);
});
