/**
 * One connection on streams in memory: what is sent first, what closes it, what memory it keeps.
 */
import { assert, assertEquals } from "@std/assert";
import { createByteWriter, writtenBytes } from "../../../core/bytes/byte_writer.ts";
import { appendMessage } from "../../../core/wire/codec.ts";
import { MESSAGE_ID } from "../../../core/wire/message_id.ts";
import { type ByteStream, writeAll } from "../../../shell/net/byte_stream.ts";
import { LATER } from "../../../shell/net/link_reader.ts";
import { type LinkOwner, PeerLink } from "../../../shell/net/peer_link.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { SendBuffers, UNREAD_BYTES_MAX } from "../../../shell/net/send_buffers.ts";
import { connectPair, type NetworkOptions } from "../bottle/memory_network.ts";
import { VirtualClock } from "../bottle/virtual_clock.ts";

const BLOCK = 16 * 1024;
const KB = 1_000;

/** A link whose other end is controlled by the test. */
class Bench implements LinkOwner {
  readonly clock = new VirtualClock();
  readonly buffers: SendBuffers;
  readonly up: RateLimiter;
  readonly down: RateLimiter;
  readonly link: PeerLink;
  readonly far: ByteStream;
  /** IDs of the messages that arrived, with the times. */
  readonly arrived: { id: number; atMs: number; body: Uint8Array }[] = [];
  readonly unreadables: number[] = [];
  sentBytes = 0;
  receivedBytes = 0;
  why: string | undefined;
  onReceived: (link: PeerLink) => number = (link) => {
    this.receivedBytes += link.input.end - link.input.start;
    link.input.start = link.input.end;
    return 0;
  };
  onRead: (piece: number) => void = () => {};

  constructor(
    { upRate, downRate, buffers = new SendBuffers(), ...network }: Partial<NetworkOptions> & {
      upRate?: number;
      downRate?: number;
      buffers?: SendBuffers;
    } = {},
  ) {
    const { clock } = this;
    this.buffers = buffers;
    this.up = new RateLimiter(upRate, undefined, clock);
    this.down = new RateLimiter(downRate, undefined, clock);
    const [near, far] = connectPair({ ...network, clock });
    this.far = far;
    this.link = new PeerLink({
      ...{ key: 1, stream: near, rest: new Uint8Array(), owner: this, clock, pieceCount: 10 },
      ...{ buffers, limits: { up: this.up, down: this.down } },
    });
    this.link.open();
  }

  received(link: PeerLink): number {
    return this.onReceived(link);
  }

  sent(_: PeerLink, bytes: number): void {
    this.sentBytes += bytes;
  }

  unreadable(_: PeerLink, piece: number): void {
    this.unreadables.push(piece);
  }

  ended(_: PeerLink, why: string): void {
    this.why = why;
  }

  read(piece: number, begin: number, target: Uint8Array): Promise<void> {
    this.onRead(piece);
    for (let i = 0; i < target.length; i++) target[i] = byteAt(piece, begin + i);
    return Promise.resolve();
  }

  /** The far side reads everything that arrives from now on. */
  async readFar(): Promise<void> {
    let rest = new Uint8Array();
    const buffer = new Uint8Array(64 * 1024);
    for (let count; (count = await this.far.read(buffer).catch(() => null)) !== null;) {
      const joined = new Uint8Array(rest.length + count);
      joined.set(rest);
      joined.set(buffer.subarray(0, count), rest.length);
      rest = joined;
      while (rest.length >= 4) {
        const size = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
        if (rest.length < 4 + size) break;
        const body = rest.slice(5, 4 + size);
        this.arrived.push({ id: size === 0 ? -1 : rest[4]!, atMs: this.clock.now(), body });
        rest = rest.slice(4 + size);
      }
    }
  }

  kinds(): number[] {
    return this.arrived.map(({ id }) => id);
  }
}

function byteAt(piece: number, offset: number): number {
  return (31 * piece + 7 * offset + (offset >> 8)) & 255;
}

/** Blocks of whole pieces of `perPiece` blocks. */
function blocks(count: number, perPiece = 4, length = BLOCK): number[] {
  return Array.from({ length: count }, (_, i) => [
    ...[Math.floor(i / perPiece), (i % perPiece) * length, length],
  ]).flat();
}

Deno.test("blocks are sent whole and in order, each after its header", async () => {
  for (const length of [BLOCK, 1, 100_000]) {
    const bench = new Bench();
    bench.readFar();
    bench.link.upload(blocks(40, 4, length));
    bench.link.flush();
    await bench.clock.run(5_000);
    assertEquals(bench.kinds(), Array(40).fill(MESSAGE_ID.piece));
    for (const [index, { body }] of bench.arrived.entries()) {
      const view = new DataView(body.buffer);
      const piece = Math.floor(index / 4), begin = (index % 4) * length;
      assertEquals([view.getUint32(0), view.getUint32(4)], [piece, begin]);
      assertEquals(body.length, 8 + length);
      assert(body.subarray(8).every((byte, i) => byte === byteAt(piece, begin + i)));
    }
    assertEquals(bench.sentBytes, 40 * length);
  }
});

Deno.test("control messages do not wait for the tokens of payload", async () => {
  const bench = new Bench({ upRate: 10 * KB });
  bench.readFar();
  bench.link.upload(blocks(20));
  bench.link.flush();
  await bench.clock.run(3_000);
  const askedMs = bench.clock.now();
  bench.link.send({ kind: "choke" });
  bench.link.flush();
  await bench.clock.run(100);
  const choke = bench.arrived.find(({ id }) => id === MESSAGE_ID.choke);
  assert(choke !== undefined && choke.atMs - askedMs < 50, `arrived at ${choke?.atMs}`);
});

Deno.test("the wait of a closed link is cancelled, and its tokens go to others", async () => {
  const clock = new VirtualClock();
  const up = new RateLimiter(10 * KB, undefined, clock);
  const links = [1, 2].map((key) => {
    const [near, far] = connectPair({ clock });
    const owner = new Bench();
    const link = new PeerLink({
      ...{ key, stream: near, rest: new Uint8Array(), owner, clock, pieceCount: 10 },
      ...{ buffers: new SendBuffers(), limits: { up, down: new RateLimiter(undefined) } },
    });
    link.open();
    return { link, far, owner };
  });
  await up.take(20 * 1024).passed;
  links[0]!.link.upload([0, 0, 10 * KB]);
  links[1]!.link.upload([0, 0, 10 * KB]);
  for (const { link } of links) link.flush();
  await clock.run(100);
  links[0]!.link.close();
  await clock.run(950);
  assertEquals(links.map(({ owner }) => owner.sentBytes), [0, 10 * KB]);
});

Deno.test("queued blocks can be taken back, and cost no tokens", async () => {
  const bench = new Bench({ upRate: 10 * KB });
  bench.readFar();
  bench.link.upload(blocks(20));
  bench.link.flush();
  await bench.clock.run(500);
  const left = bench.arrived.length;
  const back = bench.link.takeBack(undefined).length / 3;
  await bench.clock.run(20_000);
  assertEquals(bench.arrived.length + back, 20);
  assert(bench.arrived.length - left <= 1, "one block was on its way");
  bench.link.upload([0, 0, BLOCK]);
  const askedMs = bench.clock.now();
  bench.link.flush();
  await bench.clock.run(1_000);
  assert(bench.arrived.at(-1)!.atMs - askedMs < 50, "the tokens of a pause are there");
});

Deno.test("a block that cannot be read is reported, and the others are sent", async () => {
  const bench = new Bench();
  bench.readFar();
  bench.onRead = (piece) => {
    if (piece === 1) throw new Error("damaged");
  };
  bench.link.upload(blocks(12));
  bench.link.flush();
  await bench.clock.run(1_000);
  assertEquals(bench.unreadables, [1, 1, 1, 1]);
  assertEquals(bench.arrived.length, 8);
});

Deno.test("a peer that leaves 256 KiB unread is disconnected", async () => {
  const bench = new Bench();
  let sent = 0;
  while (bench.why === undefined && sent < 10 * UNREAD_BYTES_MAX) {
    for (let i = 0; i < 100; i++) {
      bench.link.send({ kind: "reject", piece: 0, begin: 0, length: 1 });
    }
    sent += 1_700;
    bench.link.flush();
    await bench.clock.run(10);
  }
  assertEquals(bench.why, "It reads nothing of ours");
  assert(sent <= UNREAD_BYTES_MAX + 200_000, `${sent} bytes were kept`);
});

Deno.test("unread bytes of all peers together are limited", async () => {
  const buffers = new SendBuffers(200_000);
  const peers = Array.from({ length: 10 }, () => new Bench({ buffers, windowBytes: 10 }));
  for (const [index, { link }] of peers.entries()) {
    for (let i = 0; i < 2_000 + 100 * index; i++) link.send({ kind: "have", piece: 1 });
    link.flush();
  }
  for (const { clock } of peers) await clock.run(10);
  const ended = peers.map(({ why }) => why !== undefined);
  assert(ended.filter(Boolean).length >= 1, "somebody must go");
  const left = peers.filter(({ why }) => why === undefined).length;
  assert(left * 9 * 2_000 <= 200_000, `${left} are left`);
  assertEquals(ended.slice(0, 2), [false, false], "those who hold least stay");
});

Deno.test("an idle link has returned its memory", async () => {
  const bench = new Bench({ bytesPerSecond: 1e9 });
  bench.readFar();
  const burst = new Uint8Array(2_000_000);
  for (let at = 0; at < burst.length;) {
    const count = bench.clock.settle(bench.far.write(burst.subarray(at)));
    at += await count;
  }
  await bench.clock.run(1_000);
  assert(bench.link.input.buffer.length >= 64 * 1024, "it grew");
  for (let i = 0; i < 40; i++) {
    await bench.clock.settle(bench.far.write(new Uint8Array(4)));
    await bench.clock.run(100);
  }
  assertEquals(bench.link.input.buffer.length, 4 * 1024);
  assertEquals(bench.receivedBytes, burst.length + 160);
});

Deno.test("payload counts against the download limit, control messages do not", async () => {
  const bench = new Bench({ downRate: 20 * KB, bytesPerSecond: 1e9 });
  let isPayload = false;
  bench.onReceived = ({ input }) => {
    bench.receivedBytes += input.end - input.start;
    if (isPayload) input.payloadBytes += input.end - input.start;
    input.start = input.end;
    return 0;
  };
  const push = async (size: number) => {
    for (let at = 0; at < size;) at += await bench.far.write(new Uint8Array(size - at));
  };
  push(100 * KB);
  await bench.clock.run(500);
  assertEquals(bench.receivedBytes, 100 * KB);
  isPayload = true;
  push(1_000 * KB);
  await bench.clock.run(10_000);
  const bytes = bench.receivedBytes - 100 * KB;
  assert(bytes > 190 * KB && bytes < 250 * KB, `${bytes} bytes`);
});

Deno.test("a link with more messages than its turn allows yields to others", async () => {
  const bench = new Bench();
  const turns: number[] = [];
  bench.onReceived = ({ input }) => {
    turns.push(input.end - input.start);
    input.start = Math.min(input.end, input.start + 100);
    return input.start < input.end ? LATER : 0;
  };
  const writer = createByteWriter();
  for (let i = 0; i < 100; i++) appendMessage(writer, { kind: "keep-alive" });
  await bench.far.write(writtenBytes(writer));
  await bench.clock.run(1_000);
  assertEquals(turns, [400, 300, 200, 100]);
});

Deno.test("messages without blocks are limited, and sent blocks allow more", async () => {
  const { link, clock } = new Bench();
  let count = 0;
  while (link.countMessages(100)) count += 100;
  assert(count >= 10_000 && count <= 10_200, `${count} at once`);
  await clock.run(1_000);
  assert(link.countMessages(900) && !link.countMessages(200));
  link.allowMessages(2_000);
  assert(link.countMessages(2_000));
});

Deno.test("while reading is paused nothing is taken from the stream, and then everything is", async () => {
  const bench = new Bench();
  const { clock, link, far } = bench;
  await clock.run(1_000);
  link.pauseReading();
  // The pending read ends with the first bytes; no other one starts.
  await writeAll(far, new Uint8Array(10));
  await clock.run(1_000);
  const before = bench.receivedBytes;
  const writing = writeAll(far, new Uint8Array(20_000));
  await clock.run(60_000);
  assertEquals(bench.receivedBytes, before);
  link.resumeReading();
  await clock.settle(writing);
  await clock.run(1_000);
  assertEquals(bench.receivedBytes, 20_010);
  link.close();
});
