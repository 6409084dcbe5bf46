import { assertEquals, assertRejects } from "@std/assert";
import { readBounded } from "../../../shell/net/read_bounded.ts";

function streamOf(...parts: number[][]): ReadableStream<Uint8Array> {
  return ReadableStream.from(parts.map((part) => Uint8Array.from(part)));
}

Deno.test("a body within the limit is read completely, also an empty one", async () => {
  assertEquals(await readBounded(streamOf([1, 2], [3]), 3), Uint8Array.of(1, 2, 3));
  assertEquals(await readBounded(null, 3), new Uint8Array(0));
});

Deno.test("a body over the limit is refused, and its source cancelled", async () => {
  const ended = Promise.withResolvers<void>();
  let pulls = 0;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000 + pulls++)),
    cancel: () => ended.resolve(),
  });
  assertEquals(await readBounded(endless, 5_000), undefined);
  await ended.promise;
});

Deno.test("a body whose stream fails rejects", async () => {
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("reset")),
  });
  await assertRejects(() => readBounded(broken, 10), Error, "reset");
});
