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

/**
 * The payload of a response that arrives in parts of `step` bytes; an error code instead if there
 * is one.
 */
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

Deno.test("a head lies anywhere in a buffer, and what is before and behind it does not matter", () => {
  const text = "HTTP/1.1 200 OK\r\nA: b\r\n\r\n";
  for (const [before, behind] of [["\r\n\r\n", ""], ["x\n\n", "\r\n\r\n"], ["", "\n"]] as const) {
    const bytes = bytesOf(before + text + behind);
    const read = readResponseHead(bytes, before.length, bytes.length);
    assertEquals(read.ok && read.value?.status, 200);
    assertEquals(read.ok && read.value?.bodyStart, before.length + text.length);
    const cut = before.length + text.length - 1;
    assertEquals(readResponseHead(bytes, before.length, cut), { ok: true, value: undefined });
  }
  assertEquals(headError("\n\n"), "head-malformed");
  for (const other of ["\r\r\n\r\n", "\r\n\rX", "\r\nX\n", "\n\rX"]) {
    assertEquals(
      head(`HTTP/1.1 200 OK${other}`)?.status,
      other.endsWith("\r\n\r\n") ? 200 : undefined,
    );
  }
  const bare = "HTTP/1.1 200 OK\n\n";
  const behindIt = bytesOf(`${bare}x`);
  const read = readResponseHead(behindIt, 0, behindIt.length);
  assertEquals(read.ok && read.value?.bodyStart, bare.length);
  assertEquals(readResponseHead(behindIt, 0, bare.length - 1), { ok: true, value: undefined });
});

Deno.test("a head has up to a hundred lines and 16 KiB, wherever in the buffer it begins", () => {
  const withLines = (count: number) => `HTTP/1.1 200 OK\r\n${"a: b\r\n".repeat(count)}\r\n`;
  assertEquals(head(withLines(100))?.status, 200);
  assertEquals(headError(withLines(101)), "head-malformed");
  const offset = 5_000;
  const endless = bytesOf("x".repeat(offset + HEAD_BYTES_MAX));
  assertEquals(readResponseHead(endless, offset, endless.length - 1), {
    ok: true,
    value: undefined,
  });
  const read = readResponseHead(endless, offset, endless.length);
  assertEquals(read.ok ? undefined : read.error.code, "head-too-long");
});

Deno.test("some answers have no body, and an empty one is over at once", () => {
  for (const status of [100, 199, 204, 304]) {
    assertEquals(createResponseBody(head(`HTTP/1.1 ${status} x\r\n\r\n`)!), {
      ok: true,
      value: { framing: "length", remaining: 0, stage: "done", line: "" },
    });
  }
  const until = createResponseBody(head("HTTP/1.1 200 x\r\n\r\n")!);
  assertEquals(until.ok && until.value.framing, "until-close");
  const empty = createResponseBody(head("HTTP/1.1 200 x\r\nContent-Length: 0\r\n\r\n")!);
  assertEquals(empty.ok && empty.value.stage, "done");
  const chunked = createResponseBody(head("HTTP/1.1 200 x\r\nTransfer-Encoding: Chunked\r\n\r\n")!);
  assertEquals(chunked, {
    ok: true,
    value: { framing: "chunked", remaining: 0, stage: "chunk-size", line: "" },
  });
});

Deno.test("chunks have sizes of up to eight digits, lines of 1,024 characters and any trailer", () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  assertEquals(payloadOf(`${chunked}00000003\r\nabc\r\n0\r\n\r\n`, 1_000), "abc done");
  assertEquals(payloadOf(`${chunked}000000003\r\nabc\r\n0\r\n\r\n`, 1_000), "chunk-malformed");
  assertEquals(payloadOf(`${chunked}1;${"x".repeat(1_022)}\na\n0\n\n`, 1_000), "a done");
  assertEquals(payloadOf(`${chunked}1;${"x".repeat(1_023)}\na\n0\n\n`, 1_000), "chunk-malformed");
  const sixteen = "0123456789abcdef";
  assertEquals(payloadOf(`${chunked}10\r\n${sixteen}\r\n0\r\n\r\n`, 1_000), `${sixteen} done`);
  const trailer = "0\r\nA: b\r\nC: d\r\n";
  assertEquals(payloadOf(`${chunked}${trailer}`, 1_000), " trailer");
  assertEquals(payloadOf(`${chunked}${trailer}\r\n`, 1_000), " done");
});
