import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  createBodyView,
  createResponseBody,
  HEAD_BYTES_MAX,
  readBody,
  readResponseHead,
  type ResponseHead,
} from "../../../core/web_seed/http_response.ts";
import { hostile } from "../../fuzz/hostile_bytes.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const bytesOf = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));
const head = (text: string): ResponseHead | undefined => {
  const read = readResponseHead(bytesOf(text), 0, text.length);
  if (!read.ok) throw new Error(read.error.code);
  return read.value;
};
const headError = (text: string) => {
  const read = readResponseHead(bytesOf(text), 0, text.length);
  return read.ok ? undefined : read.error.code;
};

/** The payload of a response that comes in parts of `step` bytes; an error code instead if there is one. */
function payloadOf(text: string, step: number): string {
  const bytes = bytesOf(text);
  const found = head(text)!;
  const body = createResponseBody(found);
  if (!body.ok) return body.error.code;
  const view = createBodyView();
  let payload = "";
  for (let at = found.bodyStart; at < bytes.length;) {
    const end = Math.min(bytes.length, at + step);
    while (at < end && body.value.stage !== "done") {
      const read = readBody(body.value, bytes, at, end, view);
      if (!read.ok) return read.error.code;
      payload += text.slice(view.payloadStart, view.payloadEnd);
      assert(view.next > at);
      at = view.next;
    }
    if (body.value.stage === "done") break;
  }
  return `${payload} ${body.value.stage}`;
}

Deno.test("a head has a status and headers in any case, and is parsed once complete", () => {
  const text = "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nX-A: 1\r\nx-a:2 \r\n\r\n";
  const read = head(`${text}hello`)!;
  assertEquals([read.status, read.bodyStart, read.keepsAlive], [206, text.length, true]);
  assertEquals([...read.headers], [["content-length", "5"], ["x-a", "1, 2"]]);
  for (let i = 0; i < text.length; i++) assertEquals(head(text.slice(0, i)), undefined);
  assertEquals(head("HTTP/1.0 200 OK\n\n")!.keepsAlive, false);
  assertEquals(head("HTTP/1.1 200\r\nConnection: Close\r\n\r\n")!.keepsAlive, false);
});

Deno.test("invalid and endless heads are refused", () => {
  for (
    const bad of ["ICY 200 OK", "HTTP/2 200 OK", "HTTP/1.1 99 x", "HTTP/1.1 200 OK\r\nno colon"]
  ) {
    assertEquals(headError(`${bad}\r\n\r\n`), "head-malformed", bad);
  }
  assertEquals(headError("HTTP/1.1 200 OK\r\na : b\r\n\r\n"), "head-malformed");
  assertEquals(headError(`HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(101)}\r\n`), "head-malformed");
  assertEquals(headError("x".repeat(HEAD_BYTES_MAX)), "head-too-long");
});

Deno.test("bodies end by length, by chunks, or by close, however the bytes are split", () => {
  for (const step of [1, 2, 3, 7, 1_000]) {
    assertEquals(payloadOf("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcdef", step), "abc done");
    assertEquals(payloadOf("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", step), "abc payload");
    assertEquals(payloadOf("HTTP/1.1 200 OK\r\n\r\nabc", step), "abc payload");
    const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assertEquals(
      payloadOf(`${chunked}3\r\nabc\r\n0A;x=y\r\n0123456789\r\n0\r\nT: x\r\n\r\nnext`, step),
      "abc0123456789 done",
    );
    assertEquals(payloadOf(`${chunked}zz\r\n`, step), "chunk-malformed");
    assertEquals(payloadOf(`${chunked}3\r\nabcd\r\n`, step), "chunk-malformed");
    assertEquals(payloadOf(`${chunked}123456789\r\n`, step), "chunk-malformed");
    assertEquals(payloadOf(`${chunked}1${";".repeat(2_000)}`, step), "chunk-malformed");
  }
  const coding = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx";
  assertEquals(payloadOf(coding, 1), "transfer-coding-unknown");
  assertEquals(
    payloadOf("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\nx", 1),
    "length-malformed",
  );
});

Deno.test("hostile responses are parsed or refused", () => {
  const good = fc.constantFrom(
    "HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  ).map(bytesOf);
  fc.assert(
    fc.property(hostile(good), fc.integer({ min: 1, max: 20 }), (bytes, step) => {
      const read = readResponseHead(bytes, 0, bytes.length);
      if (!read.ok || read.value === undefined) return;
      const body = createResponseBody(read.value);
      if (!body.ok) return;
      const view = createBodyView();
      for (let at = read.value.bodyStart; at < bytes.length && body.value.stage !== "done";) {
        const end = Math.min(bytes.length, at + step);
        if (!readBody(body.value, bytes, at, end, view).ok) return;
        assert(view.next > at && view.next <= end && view.payloadEnd <= end);
        at = view.next;
      }
    }),
    fuzzParameters,
  );
});
