import { assertEquals } from "@std/assert";
import {
  judgeAnswer,
  retryPauseMs,
  scriptWaitMs,
  WEB_SEED_RETRY_FIRST_MS,
  WEB_SEED_RETRY_LAST_MS,
} from "../../../core/web_seed/judge.ts";

const GET = {
  kind: "get",
  url: "https://a.example/d/f",
  from: 100,
  length: 50,
  fileSize: 1_000,
} as const;

function judge(
  status: number,
  headers: Record<string, string> = {},
  request: Partial<{ from: number; length: number; fileSize: number | undefined }> = {},
) {
  const head = {
    status,
    headers: new Map(Object.entries(headers)),
    bodyStart: 0,
    keepsAlive: true,
  };
  const verdict = judgeAnswer({ ...GET, ...request }, head);
  return verdict.kind === "take" ? `take ${verdict.length}` : verdict.kind;
}

Deno.test("the requested range or a part of it is accepted", () => {
  assertEquals(judge(206, { "content-range": "bytes 100-149/1000" }), "take 50");
  assertEquals(judge(206, { "content-range": "bytes 100-149/*" }), "take 50");
  assertEquals(judge(206, { "content-range": "bytes 100-119/1000" }), "take 20");
});

Deno.test("wrong file sizes, wrong ranges and encoded content are refused", () => {
  assertEquals(judge(206, { "content-range": "bytes 100-149/999" }), "drop");
  assertEquals(judge(206, { "content-range": "bytes 0-49/1000" }), "drop");
  assertEquals(judge(206, { "content-range": "bytes 100-150/1000" }), "drop");
  assertEquals(judge(206, { "content-range": "bytes 100-99/1000" }), "drop");
  assertEquals(judge(206, {}), "drop");
  assertEquals(judge(206, { "content-type": "multipart/byteranges; boundary=x" }), "drop");
  const coded = { "content-range": "bytes 100-149/1000", "content-encoding": "gzip" };
  assertEquals(judge(206, coded), "drop");
});

Deno.test("a whole file is accepted only for a range at its start, and HTML never", () => {
  assertEquals(judge(200, { "content-length": "1000" }), "drop");
  assertEquals(judge(200, { "content-length": "1000" }, { from: 0 }), "take 50");
  assertEquals(judge(200, {}, { from: 0 }), "take 50");
  const html = { "content-type": "text/html", "content-length": "312" };
  assertEquals(judge(200, html, { from: 0 }), "drop");
  assertEquals(judge(200, { "content-length": "50" }, { from: 0, fileSize: undefined }), "take 50");
  assertEquals(judge(200, { "content-length": "49" }, { from: 0, fileSize: undefined }), "drop");
});

Deno.test("busy servers are retried later, refusals are final", () => {
  for (const status of [408, 425, 429, 500, 502, 503]) assertEquals(judge(status), "wait");
  for (const status of [401, 403, 404, 410, 416, 204, 304, 300]) {
    assertEquals(judge(status), "drop");
  }
});

Deno.test("redirects lead to http and https, never from https to http", () => {
  const to = (location: string) => {
    const head = {
      status: 302,
      headers: new Map([["location", location]]),
      bodyStart: 0,
      keepsAlive: true,
    };
    const verdict = judgeAnswer(GET, head);
    return verdict.kind === "redirect" ? verdict.url : verdict.kind;
  };
  assertEquals(to("/x#y"), "https://a.example/x");
  assertEquals(to("https://b.example/x"), "https://b.example/x");
  assertEquals([to("http://b.example/"), to("file:///etc/passwd"), to("http://[")], [
    "drop",
    "drop",
    "drop",
  ]);
  assertEquals(judge(301), "drop");
});

Deno.test("delays double up to ten minutes; a server may request up to an hour", () => {
  assertEquals(retryPauseMs(1, undefined), WEB_SEED_RETRY_FIRST_MS);
  assertEquals(retryPauseMs(2, undefined), 2 * WEB_SEED_RETRY_FIRST_MS);
  assertEquals(retryPauseMs(50, undefined), WEB_SEED_RETRY_LAST_MS);
  assertEquals(retryPauseMs(1, 1_000), WEB_SEED_RETRY_FIRST_MS);
  assertEquals(retryPauseMs(1, 1e12), 60 * 60_000);
  assertEquals([scriptWaitMs(" 30\n"), scriptWaitMs("soon"), scriptWaitMs("-1")], [
    30_000,
    undefined,
    undefined,
  ]);
});

Deno.test("a server asks for a pause in seconds, and for nothing else", () => {
  const waitMs = (after?: string) => {
    const headers = new Map(after === undefined ? [] : [["retry-after", after]]);
    const verdict = judgeAnswer(GET, { status: 503, headers, bodyStart: 0, keepsAlive: true });
    return verdict.kind === "wait" ? verdict.waitMs : verdict.kind;
  };
  assertEquals(waitMs("7"), 7_000);
  for (const other of [undefined, "soon", "-1", "1e9", "1234567"]) {
    assertEquals(waitMs(other), undefined, other);
  }
});

Deno.test("the reason of a refusal is the size that is wrong, or the range", () => {
  const why = (status: number, headers: Record<string, string>, request = {}) => {
    const head = {
      status,
      headers: new Map(Object.entries(headers)),
      bodyStart: 0,
      keepsAlive: true,
    };
    const verdict = judgeAnswer({ ...GET, ...request }, head);
    return verdict.kind === "drop" ? verdict.why : verdict.kind;
  };
  assertEquals(
    why(206, { "content-range": "bytes 100-149/7" }),
    "it has 7 bytes where 1000 belong",
  );
  const script = { from: 0, fileSize: undefined };
  assertEquals(why(200, { "content-length": "7" }, script), "it has 7 bytes where 50 belong");
  assertEquals(why(206, {}), "its partial answer has no range");
  assertEquals(
    why(206, { "content-range": "bytes 100-99/1000" }),
    "it sends another range than it is asked for",
  );
  assertEquals(why(200, {}, { from: 1 }), "it sends the whole file, not the range");
  assertEquals(why(206, { "content-range": "bytes 100-100/1000" }), "take");
});

Deno.test("an address to go to has 4,096 characters at most", () => {
  const to = (length: number) => judge(302, { location: "https://a.example/".padEnd(length, "x") });
  assertEquals([to(4_096), to(4_097)], ["redirect", "drop"]);
});
