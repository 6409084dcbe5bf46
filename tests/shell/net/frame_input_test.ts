/** A link's bytes decoded as messages and blocks, however they were split. */
import { assertEquals } from "@std/assert";
import { FrameInput, type FrameLink } from "../../../shell/net/frame_input.ts";
import { VirtualClock } from "../bottle/virtual_clock.ts";
import { bytesOf, message } from "../driver_kit.ts";

class Link implements FrameLink {
  readonly input = { buffer: new Uint8Array(), start: 0, end: 0, payloadBytes: 0 };
  isOpen = true;
  small = 0;

  take(bytes: Uint8Array): this {
    const { buffer, start, end } = this.input;
    const rest = bytesOf(buffer.subarray(start, end), bytes);
    Object.assign(this.input, { buffer: rest, start: 0, end: rest.length });
    return this;
  }

  countMessages(count: number): boolean {
    this.small += count;
    return this.small < 50;
  }
}

function open() {
  const said: string[] = [];
  const frames = new FrameInput<Link>(new VirtualClock(), {
    isOpen: (link) => link.isOpen,
    onMessage: (_, { kind }) => said.push(kind),
    onBlock(_, piece, begin, block) {
      said.push(`${piece} ${begin} ${block.join()}`);
      return true;
    },
    onViolation(link, why) {
      link.isOpen = false;
      said.push(why);
    },
  });
  frames.pieceCount = 8;
  return { said, frames };
}

const BLOCK = message(7, 3, 16_384, Uint8Array.of(1, 2, 3));

Deno.test("messages and blocks are found at any split", () => {
  const bytes = bytesOf(message(1), BLOCK, message(4, 5), new Uint8Array(4));
  for (let split = 0; split <= bytes.length; split++) {
    const { said, frames } = open();
    const link = new Link();
    for (const part of [bytes.slice(0, split), bytes.slice(split)]) frames.read(link.take(part), 0);
    assertEquals(said, ["unchoke", "3 16384 1,2,3", "have", "keep-alive"]);
    assertEquals([link.input.payloadBytes, link.small], [3, 3]);
  }
});

Deno.test("nothing behind a violation is read", () => {
  for (const bad of [message(7, 1), message(4), bytesOf(1_000_000)]) {
    const { said, frames } = open();
    assertEquals(frames.read(new Link().take(bytesOf(message(1), bad, message(1))), 0), 0);
    assertEquals(said.length, 2, said.join());
  }
});

Deno.test("too many small messages are a violation; blocks that were asked for are none", () => {
  const { said, frames } = open();
  const link = new Link().take(bytesOf(...Array<Uint8Array>(60).fill(BLOCK)));
  while (link.input.start < link.input.end) frames.read(link, 0);
  assertEquals([link.small, link.isOpen], [0, true]);
  link.take(bytesOf(...Array<Uint8Array>(60).fill(message(1))));
  for (let turns = 0; link.isOpen && turns < 60; turns++) frames.read(link, 0);
  assertEquals(said.at(-1), "a flood of small messages");
});
