import { assert, assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import type { Result } from "../../../../core/bytes/result.ts";
import {
  acceptsGzip,
  createHttpHead,
  findHeadEnd,
  headerFields,
  type HeadError,
  type HttpHead,
  readHead,
  startsAt,
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

Deno.test("a head ends with an empty line, however the bytes are split", () => {
  const text = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n";
  const bytes = new TextEncoder().encode(text + "GET /next");
  for (let end = 0; end <= bytes.length; end++) {
    assertEquals(findHeadEnd(bytes, 0, end), end < text.length ? -1 : text.length);
  }
});

Deno.test("method and target are returned as sent", () => {
  const { head, bytes } = parse("POST /torrents?q=%20a HTTP/1.1\r\nContent-Length: 12\r\n\r\nbody");
  assertEquals(textOf(bytes, head.method), "POST");
  assertEquals(textOf(bytes, head.target), "/torrents?q=%20a");
  assertEquals([head.contentLength, bytes.length - head.end], [12, 4]);
});

Deno.test("a connection ends after HTTP/1.0 or Connection: close", () => {
  assertEquals(read("Host: x").head.isLast, false);
  assertEquals(read("CONNECTION:close").head.isLast, true);
  assertEquals(read("Connection: Close  ").head.isLast, true);
  assertEquals(parse("GET / HTTP/1.0\r\nHost: x\r\n\r\n").head.isLast, true);
});

Deno.test("gzip is used if it is accepted and not refused", () => {
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

Deno.test("the last X-Forwarded-For value is the one of the nearest proxy", () => {
  const { head, bytes } = read(
    "X-Forwarded-For: 192.0.2.1",
    "x-forwarded-for: 192.0.2.2, 10.0.0.1",
  );
  assertEquals(textOf(bytes, head.forwardedFor), "192.0.2.2, 10.0.0.1");
});

Deno.test("ambiguous heads are refused", () => {
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

Deno.test("no bytes make the head parser throw or read outside the buffer", () => {
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

const GET = "GET / HTTP/1.1";
/** Heads that programs parse differently, by their anomaly. */
const HOSTILE: Readonly<Record<string, readonly string[]>> = {
  "space before the colon of a length": [GET, "Content-Length : 5"],
  "space before the colon of an encoding": [GET, "Transfer-Encoding : chunked"],
  "tab before the colon": [GET, "Content-Length\t: 5"],
  "no colon": [GET, "Host t"],
  "no name": [GET, ": x"],
  "a line of nothing but a colon": [GET, ":"],
  "a folded line": [GET, "Host: t", "\tx"],
  "a space in front of the first field": [GET, " Content-Length: 5"],
  "bare CR in a value": [GET, "X: a\rContent-Length: 5"],
  "bare CR in a name": [GET, "X\r: a"],
  "bare CR at the end of a value": [GET, "X: a\r"],
  "NUL in a value": [GET, "X: a\0b"],
  "NUL in a name": [GET, "Content-Length\0: 5"],
  "a control character in a value": [GET, "X: a\x01"],
  "DEL in a value": [GET, "X: a\x7f"],
  "vertical tab behind a name": [GET, "Content-Length\x0b: 5"],
  "a name in quotes": [GET, '"Content-Length": 5'],
  "a name with a slash": [GET, "X/Y: 5"],
  "a name beyond ASCII": [GET, "C\u00f6ntent: 5"],
  "two hosts": [GET, "Host: a", "Host: a"],
  "a host with a path": [GET, "Host: a/b"],
  "a host with credentials": [GET, "Host: a@b"],
  "a host with a comma": [GET, "Host: a, b"],
  "a host with a space": [GET, "Host: a b"],
  "two lengths": [GET, "Content-Length: 5", "content-length: 5"],
  "a length in two parts": [GET, "Content-Length: 5, 5"],
  "a length with a sign": [GET, "Content-Length: -5"],
  "a length in hexadecimal": [GET, "Content-Length: 0x5"],
  "an empty length": [GET, "Content-Length:"],
  "NUL in the target": ["GET /\0 HTTP/1.1"],
  "DEL in the target": ["GET /\x7f HTTP/1.1"],
  "bare CR in the request line": ["GET /\rx HTTP/1.1"],
  "a comma in the method": ["GE,T / HTTP/1.1"],
  "NUL in the method": ["G\0ET / HTTP/1.1"],
  "two spaces": ["GET  / HTTP/1.1"],
  "a tab for the second space": ["GET /\tx HTTP/1.1"],
  "a target that is no path": ["GET announce HTTP/1.1"],
  "another scheme": ["GET ftp://t/announce HTTP/1.1"],
  "an absolute target without a host": ["GET http:///announce HTTP/1.1"],
  "an absolute target without a path": ["GET http://t HTTP/1.1"],
  "an absolute target with credentials": ["GET http://a@t/announce HTTP/1.1"],
};

Deno.test("heads that programs parse differently are refused", () => {
  for (const [what, lines] of Object.entries(HOSTILE)) {
    const bytes = new TextEncoder().encode([...lines, "", ""].join("\r\n"));
    const end = findHeadEnd(bytes, 0, bytes.length);
    if (end < 0) continue;
    const read = readHead(bytes, 0, end, createHttpHead());
    assertEquals(read.ok ? 200 : read.error.status, 400, what);
  }
  assertEquals(status(GET, "Transfer-Encoding: chunked", "Content-Length: 5"), 411);
  assertEquals(status(GET, "Transfer-Encoding:\tchunked"), 411);
  for (const version of ["HTTP/1.x", "HTTP/1.", "HTTP/11", "http/1.1", "HTTP/0.9"]) {
    assertEquals([400, 505].includes(status(`GET / ${version}`)), true, version);
  }
});

Deno.test("heads that the RFC allows are parsed", () => {
  const { head, bytes } = read(
    "hOsT:t.example:80",
    "X-Empty:",
    "X-Odd!#$%&'*+-.^_`|~9: a\tb  ",
    "X-Latin: \u00e4",
    "Connection: keep-alive, Close",
  );
  assertEquals(textOf(bytes, head.host), "t.example:80");
  assertEquals(head.isLast, true);
  const fields = [...headerFields(bytes, head)];
  assertEquals(fields.map(([name]) => name), [
    "host",
    "x-empty",
    "x-odd!#$%&'*+-.^_`|~9",
    "x-latin",
    "connection",
  ]);
  assertEquals(fields.slice(0, 3).map(([, value]) => value), ["t.example:80", "", "a\tb"]);
  assertEquals(read("Connection: closed").head.isLast, false);
  assertEquals(
    textOf(read("Host: [::1]:8000").bytes, read("Host: [::1]:8000").head.host),
    "[::1]:8000",
  );
  assertEquals(read().head.host, { start: 0, end: 0 });
});

Deno.test("a target in absolute form gives path and host", () => {
  for (const host of ["Host: other", "Host: t:80", "X: y"]) {
    const { head, bytes, result } = parse(
      `GET HTTP://t:8000/announce?x=1 HTTP/1.1\r\n${host}\r\n\r\n`,
    );
    valueOf(result);
    assertEquals(textOf(bytes, head.target), "/announce?x=1");
    assertEquals(textOf(bytes, head.host), "t:8000");
  }
});

Deno.test("the parsed fields of any head are those that were sent", () => {
  const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,8}$/);
  const value = fc.stringMatching(/^([!-~]([ \t]?[!-~]){0,8})?$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), (fields) => {
      const { head, bytes } = read(...fields.map(([name, value]) => `${name}: ${value}`));
      assertEquals([...headerFields(bytes, head)], fields);
    }),
    { seed: 7 },
  );
});

Deno.test("a head that is used again keeps nothing of the one before", () => {
  const encoder = new TextEncoder();
  const head = createHttpHead();
  const fill = (text: string) => {
    const bytes = encoder.encode(text);
    valueOf(readHead(bytes, 0, bytes.length, head));
    const { contentLength, isLast, expectsContinue, host, acceptEncoding, forwardedFor } = head;
    const texts = [host, acceptEncoding, forwardedFor].map((range) => textOf(bytes, range));
    return [contentLength, isLast, expectsContinue, ...texts];
  };
  const full = [
    ...["POST / HTTP/1.1", "Host: a.b:1", "Content-Length: 7", "Connection: close"],
    ...["Expect: 100-continue", "Accept-Encoding: gzip", "X-Forwarded-For: 192.0.2.1", "", ""],
  ];
  assertEquals(fill(full.join("\r\n")), [7, true, true, "a.b:1", "gzip", "192.0.2.1"]);
  assertEquals(fill("GET / HTTP/1.1\r\n\r\n"), [0, false, false, "", "", ""]);
  const fresh = createHttpHead();
  assertEquals([fresh.contentLength, fresh.isLast, fresh.expectsContinue], [0, false, false]);
});

Deno.test("values of fields are read without the spaces and tabs around them", () => {
  for (const around of ["", " ", "\t", " \t ", "   "]) {
    const { head, bytes } = read(`Host:${around}a b${around}`.replace("a b", "ab"));
    assertEquals(textOf(bytes, head.host), "ab");
    const via = read(`X-Forwarded-For:${around}1.2.3.4, 5.6.7.8${around}`);
    // What is behind the last address is for the reader of the list.
    assertEquals(textOf(via.bytes, via.head.forwardedFor).trimEnd(), "1.2.3.4, 5.6.7.8");
  }
});

Deno.test("a field counts under its whole name only, in any case", () => {
  for (const name of ["Content-Lengt", "Content-Lengthy", "X-Content-Length", "Content_Length"]) {
    assertEquals(read(`${name}: 5`).head.contentLength, 0, name);
  }
  assertEquals(read("cOnTeNt-LeNgTh: 5").head.contentLength, 5);
  for (const name of ["Expec", "Expects", "Xexpect"]) {
    assertEquals(read(`${name}: 100-continue`).head.expectsContinue, false, name);
  }
});

Deno.test("a request line is a method, a target and a version, with single spaces", () => {
  for (const line of ["GET  HTTP/1.1", " / HTTP/1.1", "GET / /a HTTP/1.1", "GET /", "GET"]) {
    assertEquals(status(line), 400, line);
  }
  for (const line of ["GET / HTTP/1.x", "GET / HTTP/2.0", "GET / HTTP/1.:", "GET / HTTP/1./"]) {
    assertEquals(status(line), 505, line);
  }
  for (const line of ["GET /\x7f HTTP/1.1", "GET \x01 HTTP/1.1", "G,T / HTTP/1.1"]) {
    assertEquals(status(line), 400, line);
  }
  assertEquals(parse("G / HTTP/1.9\r\n\r\n").head.isLast, false);
  const { head, bytes } = parse("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
  assertEquals(textOf(bytes, head.fields), "Host: a\r\n");
});

Deno.test("a target in absolute form names host and path, both of them", () => {
  const { head, bytes } = parse("GET HTTP://a.b:8/x?y HTTP/1.1\r\nHost: other\r\n\r\n");
  assertEquals([head.host, head.target].map((range) => textOf(bytes, range)), ["a.b:8", "/x?y"]);
  for (
    const target of ["http:///x", "http://a", "ftp://a/x", "http:/a/x", "ttp://a/", "http://a,/"]
  ) {
    assertEquals(status(`GET ${target} HTTP/1.1`), 400, target);
  }
});

Deno.test("only an empty line ends a head: not the first line, nor one with a stray carriage return", () => {
  const endOf = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return findHeadEnd(bytes, 0, bytes.length);
  };
  assertEquals(endOf("\r\n\r\n"), 4);
  assertEquals(endOf("\r\nGET / HTTP/1.1\r\n\r\n"), 20);
  for (const line of ["x", "\rX: y", "\r\r", " "]) {
    const text = `GET / HTTP/1.1\r\n${line}\n`;
    assertEquals(endOf(text), -1, JSON.stringify(line));
    assertEquals(endOf(`${text}\r\n`), text.length + 2);
  }
});

Deno.test("a text stands at a place when all its characters do", () => {
  const bytes = new TextEncoder().encode("xGET /");
  const stands = (text: string, at: number) => startsAt(bytes, at, new TextEncoder().encode(text));
  assertEquals([stands("GET /", 1), stands("GET", 1), stands("", 1)], [true, true, true]);
  for (const text of ["PET /", "GOT /", "GET x", "GET /x"]) {
    assertEquals(stands(text, 1), false, text);
  }
  assertEquals(stands("GET", 0), false);
});
