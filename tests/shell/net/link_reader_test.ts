/** The pump of one connection, on a scripted stream. */
import { assert, assertEquals } from "@std/assert";
import type { Clock } from "../../../shell/clock.ts";
import type { ByteStream } from "../../../shell/net/byte_stream.ts";
import { LATER, LinkReader } from "../../../shell/net/link_reader.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { READ_BUFFER_FIRST, READ_BUFFER_MAX } from "../../../shell/net/read_buffers.ts";

interface Script {
  /** Bytes of each read; an error fails it, and after the last one the stream ends. */
  readonly reads: readonly (number | Error)[];
  readonly rest?: Uint8Array;
  /** What the owner needs of what is there. */
  readonly received?: (reader: LinkReader) => number;
  /** What one call of the owner takes. */
  readonly workMs?: number;
  readonly beforeRead?: (reader: LinkReader, count: number) => void;
}

/** Runs a reader to its end. */
async function runReader({ reads, rest = new Uint8Array(), workMs = 0, ...script }: Script) {
  const received = script.received ?? ((link) => {
    link.start = link.end;
    return 0;
  });
  const trace = {
    calls: 0,
    turns: 0,
    rooms: [] as number[],
    whys: [] as string[],
    bytes: [] as number[],
  };
  let ms = 0, at = 0, next = 0;
  const clock = {
    now: () => ms,
    nextTurn: () => {
      trace.turns++;
      return Promise.resolve();
    },
  } as unknown as Clock;
  const stream = {
    read(target: Uint8Array) {
      script.beforeRead?.(reader, at);
      trace.rooms.push(target.length);
      const count = reads[at++];
      if (count === undefined) return Promise.resolve(null);
      if (count instanceof Error) return Promise.reject(count);
      for (let i = 0; i < count; i++) target[i] = next++ & 255;
      return Promise.resolve(count);
    },
  } as ByteStream;
  const reader: LinkReader = new LinkReader(
    ...[
      stream,
      rest,
      {
        received() {
          trace.calls++;
          ms += workMs;
          const from = reader.start;
          const needed = received(reader);
          for (const byte of reader.buffer.subarray(from, reader.start)) trace.bytes.push(byte);
          return needed;
        },
        failed: (why: string) => void trace.whys.push(why),
      },
      new RateLimiter(undefined),
      clock,
    ] as const,
  );
  await reader.run();
  return { ...trace, reader };
}

const nothing = (reader: LinkReader, needed: number) =>
  reader.end - reader.start < needed ? needed : 0;

Deno.test("bytes behind the handshake come first, without a read", async () => {
  const { bytes, calls, whys } = await runReader({ reads: [2], rest: Uint8Array.of(9, 8) });
  assertEquals([bytes, calls, whys], [[9, 8, 0, 1], 2, ["closed by the peer"]]);
  assertEquals((await runReader({ reads: [1] })).calls, 1);
  assertEquals((await runReader({ reads: [], rest: Uint8Array.of(9) })).bytes, [9]);
});

Deno.test("an end that was asked for is not reported, a failed read with its reason is", async () => {
  const failed = await runReader({ reads: [1, new Error("reset")] });
  assertEquals(failed.whys, ["reset"]);
  const closed = await runReader({
    reads: [1, 1, 1],
    beforeRead: (reader, count) => count === 2 && reader.close(),
  });
  assertEquals([closed.whys, closed.calls], [[], 2]);
  // The memory is given back.
  assertEquals(closed.reader.buffer.length, 0);
});

Deno.test("what is left of a message stays at the beginning, with room for all of it", async () => {
  // Takes whole messages of 10,000 bytes, in reads that split them.
  const { bytes, rooms } = await runReader({
    reads: [4_000, 4_000, 2_000, 4_000, 4_000, 2_000],
    received(reader) {
      while (reader.end - reader.start >= 10_000) reader.start += 10_000;
      return nothing(reader, 10_000);
    },
  });
  assertEquals(bytes.length, 20_000);
  assert(bytes.every((byte, i) => byte === (i & 255)), "bytes are handed over in their order");
  assertEquals(rooms[1], 10_000 - 4_000);
  assertEquals(rooms[2], 10_000 - 8_000);
});

Deno.test("a buffer that is filled doubles up to its limit, and shrinks after 16 small reads", async () => {
  const full: number[] = [];
  for (let size = READ_BUFFER_FIRST; size <= READ_BUFFER_MAX; size *= 2) full.push(size);
  const small = Array(17).fill(1);
  const { rooms } = await runReader({ reads: [...full, READ_BUFFER_MAX, ...small] });
  assertEquals(rooms.slice(0, full.length + 2), [...full, READ_BUFFER_MAX, READ_BUFFER_MAX]);
  assertEquals(rooms.slice(full.length + 2), [
    ...Array(15).fill(READ_BUFFER_MAX),
    READ_BUFFER_FIRST,
    READ_BUFFER_FIRST,
  ]);
  // A large read in between begins the count again.
  const mixed = await runReader({
    reads: [READ_BUFFER_FIRST, ...Array(15).fill(1), READ_BUFFER_FIRST / 2, ...Array(15).fill(1)],
  });
  assertEquals(mixed.rooms.at(-1), 2 * READ_BUFFER_FIRST);
});

Deno.test("others have their turn after 4 ms of work, and before an owner that says later", async () => {
  assertEquals((await runReader({ reads: [1, 1, 1, 1], workMs: 1 })).turns, 1);
  assertEquals((await runReader({ reads: [1, 1, 1], workMs: 1 })).turns, 0);
  assertEquals((await runReader({ reads: Array(8).fill(1), workMs: 1 })).turns, 2);
  let left = 3;
  const later = await runReader({ reads: [1], received: () => left-- > 0 ? LATER : 0 });
  assertEquals([later.turns, later.calls], [3, 4]);
  const closing = await runReader({
    reads: [1],
    received: (reader) => {
      reader.close();
      return LATER;
    },
  });
  assertEquals([closing.calls, closing.turns, closing.whys], [1, 0, []]);
});

Deno.test("a paused reader reads again when it is resumed, or ends when it is closed", async () => {
  for (const how of ["resume", "close"] as const) {
    let isPaused = false;
    const { calls } = await runReader({
      reads: [1, 1],
      received(reader) {
        reader.start = reader.end;
        if (!isPaused) {
          isPaused = true;
          reader.pause();
          reader.pause();
          setTimeout(() => reader[how](), 0);
        }
        return 0;
      },
    });
    assertEquals(calls, how === "resume" ? 2 : 1);
  }
});
