import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Result } from "../../../../core/bytes/result.ts";
import {
  acceptsGzip,
  createHttpHead,
  findHeadEnd,
  type HeadError,
  type HttpHead,
  readHead,
  textOf,
} from "../../../../core/tracker_server/http/head.ts";
import { errorOf, valueOf } from "../../tracker/unwrap.ts";

const START = 3;

function parse(
  text: string,
): { result: Result<void, HeadError>; head: HttpHead; bytes: Uint8Array } {
  const bytes = new TextEncoder().encode("\r\n\n" + text);
  const head = createHttpHead();
  const end = findHeadEnd(bytes, START, bytes.length);
  assert(end > 0, "the head is whole");
  return { result: readHead(bytes, START, end, head), head, bytes };
}

/** A GET with these header lines. */
function read(...lines: string[]): { head: HttpHead; bytes: Uint8Array } {
  const { result, head, bytes } = parse(["GET / HTTP/1.1", ...lines, "", ""].join("\r\n"));
  valueOf(result);
  return { head, bytes };
}

function status(...lines: string[]): number {
  return errorOf(parse([...lines, "", ""].join("\r\n")).result).status;
}

Deno.test("a head ends with an empty line, wherever the bytes were cut", () => {
  const text = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
  const bytes = new TextEncoder().encode(text + "GET /next");
  for (let end = 0; end <= bytes.length; end++) {
    assertEquals(findHeadEnd(bytes, 0, end), end < text.length ? -1 : text.length);
  }
});

Deno.test("method and target are found as they were sent", () => {
  const { head, bytes } = parse("POST /torrents?q=%20a HTTP/1.1\r\nContent-Length: 12\r\n\r\nbody");
  assertEquals(textOf(bytes, head.method), "POST");
  assertEquals(textOf(bytes, head.target), "/torrents?q=%20a");
  assertEquals([head.contentLength, bytes.length - head.end], [12, 4]);
});

Deno.test("a connection ends where HTTP/1.0 or Connection: close asks for it", () => {
  assertEquals(read("Host: x").head.isLast, false);
  assertEquals(read("CONNECTION:close").head.isLast, true);
  assertEquals(read("Connection: Close  ").head.isLast, true);
  assertEquals(parse("GET / HTTP/1.0\r\nHost: x\r\n\r\n").head.isLast, true);
});

Deno.test("gzip is used where it is asked for, unless it is refused", () => {
  const accepts = (value: string) => {
    const { head, bytes } = read(`Accept-Encoding: ${value}`);
    return acceptsGzip(bytes, head);
  };
  for (const value of ["gzip", "deflate, GZIP", "gzip;q=0.5", "br,gzip ;q=1"]) {
    assert(accepts(value));
  }
  for (const value of ["", "deflate", "x-gzip", "gzip;q=0", "gzip; q=0.0, br"]) {
    assert(!accepts(value));
  }
});

Deno.test("the last X-Forwarded-For is the one that the nearest proxy wrote", () => {
  const { head, bytes } = read(
    "X-Forwarded-For: 192.0.2.1",
    "x-forwarded-for: 192.0.2.2, 10.0.0.1",
  );
  assertEquals(textOf(bytes, head.forwardedFor), "192.0.2.2, 10.0.0.1");
});

Deno.test("what could be read in two ways is refused", () => {
  const get = "GET / HTTP/1.1";
  assertEquals(status(get, "Content-Length: 1", "Content-Length: 1"), 400);
  assertEquals(status(get, "Content-Length: +1"), 400);
  assertEquals(status(get, "Content-Length: 1, 1"), 400);
  assertEquals(status(get, "Content-Length: 9999999999999999"), 400);
  assertEquals(status(get, "Transfer-Encoding: chunked"), 411);
  assertEquals(status(get, "Host: a", " folded"), 400);
  assertEquals(status(get, "Expect: tea"), 417);
  assertEquals(status("GET / HTTP/2.0"), 505);
  assertEquals(status("GET /a b HTTP/1.1"), 400);
  assertEquals(status("GET HTTP/1.1"), 400);
  assertEquals(status("GET /\tHTTP/1.1"), 505);
  assertEquals(errorOf(parse("GET / HTTP/1.1\nHost: x\r\n\r\n").result).status, 400);
});

Deno.test("no bytes whatever make reading a head throw, or leave the buffer", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("GET", " ", "/", "HTTP/1.1", "\r\n", "\r\n\r\n", "content-length:", "\n", ":"),
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    const bytes = new TextEncoder().encode(pieces.join(""));
    const end = findHeadEnd(bytes, 0, bytes.length);
    if (end < 0) return;
    const head = createHttpHead();
    if (!readHead(bytes, 0, end, head).ok) return;
    assert(head.method.end <= head.target.start && head.target.end < head.fields.start);
    assert(head.fields.start <= head.fields.end && head.fields.end <= end);
  }));
});
