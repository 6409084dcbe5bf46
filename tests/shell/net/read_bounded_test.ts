import { fail, ok } from "../../../core/bytes/result.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { readBounded, readRequestBody } from "../../../shell/net/read_bounded.ts";

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

function requestOf(body: ReadableStream<Uint8Array> | string): Request {
  return new Request("http://tracker.test/", { method: "POST", body });
}

Deno.test("a request's body is read within its limits of size and time", async () => {
  const ended = Promise.withResolvers<void>();
  const silent = new ReadableStream<Uint8Array>({ cancel: () => ended.resolve() });
  assertEquals(await readRequestBody(requestOf(silent), 10, 20), fail("too-slow"));
  await ended.promise;
  const broken = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Error("reset")),
  });
  assertEquals(await readRequestBody(requestOf(broken), 10, 60_000), fail("broken"));
  assertEquals(await readRequestBody(requestOf("abcd"), 3, 60_000), fail("too-large"));
  assertEquals(await readRequestBody(requestOf("abc"), 3, 60_000), ok(Uint8Array.of(97, 98, 99)));
});

Deno.test("a request that announces too large a body is refused unread", async () => {
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(++pulls)),
  }, { highWaterMark: 0 });
  const headers = { "content-length": "1000" };
  const request = new Request("http://tracker.test/", { method: "POST", body, headers });
  assertEquals(await readRequestBody(request, 999, 60_000), fail("too-large"));
  assertEquals(pulls, 0);
});
