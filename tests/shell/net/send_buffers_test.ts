/** Memory for what leaves, shared by all connections. */
import { assertEquals } from "@std/assert";
import { SendBuffers, type Sender } from "../../../shell/net/send_buffers.ts";

const KIB = 1024;

Deno.test("buffers come in three sizes, and are used again once they were given back", () => {
  const buffers = new SendBuffers();
  const sizes = [1, 20 * KIB, 20 * KIB + 1, 81 * KIB, 300 * KIB];
  assertEquals(sizes.map((size) => buffers.take(size).length / KIB), [20, 20, 80, 288, 300]);
  const small = buffers.take(5);
  buffers.give(small);
  assertEquals(buffers.take(6) === small, true);
  assertEquals(buffers.take(6) === small, false);
  const odd = new Uint8Array(300 * KIB);
  buffers.give(odd);
  assertEquals(buffers.take(300 * KIB) === odd, false);
});

Deno.test("idle buffers are kept up to 4 MiB, also after some were taken again", () => {
  const buffers = new SendBuffers();
  const many = Array.from({ length: 16 }, () => new Uint8Array(288 * KIB));
  for (const buffer of many) buffers.give(buffer);
  const takeKept = () =>
    many.filter(() => many.includes(buffers.take(288 * KIB) as typeof many[number])).length;
  // The fifteenth would be more than 4 MiB.
  assertEquals(takeKept(), 14);
  for (const buffer of many) buffers.give(buffer);
  assertEquals(takeKept(), 14);
});

Deno.test("when all together leave too much unread, the one that leaves most is ended", () => {
  const buffers = new SendBuffers(100);
  const ended: string[] = [];
  const senderOf = (name: string, unreadBytes: number) => {
    const sender = { unreadBytes, endForMemory: () => void ended.push(name) };
    buffers.note(sender satisfies Sender);
    return sender;
  };
  const a = senderOf("a", 60);
  senderOf("b", 40);
  assertEquals(ended, []);
  const c = senderOf("c", 1);
  assertEquals(ended, ["a"]);
  // What it had is free again, once.
  buffers.forget(a);
  senderOf("d", 59);
  assertEquals(ended, ["a"]);
  c.unreadBytes = 0;
  buffers.note(c);
  buffers.note(c);
  senderOf("e", 1);
  assertEquals(ended, ["a"]);
  senderOf("f", 70);
  assertEquals(ended, ["a", "f"]);
});
