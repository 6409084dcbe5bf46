import { assertEquals } from "@std/assert";
import type { Result } from "../../../core/bytes/result.ts";
import {
  readDays,
  readHostName,
  readHttpUrl,
  readLimit,
  readRpcAddress,
  readStatusSort,
  readTimeSpan,
  STATUS_SORTS,
} from "../../../core/cli/daemon_values.ts";

function accepts<T>(read: (text: string) => Result<T, string>, cases: [string, T][]): void {
  for (const [text, value] of cases) assertEquals(read(text), { ok: true, value }, text);
}

function refuses(read: (text: string) => Result<unknown, string>, texts: string[]): void {
  for (const text of texts) assertEquals(read(text).ok, false, JSON.stringify(text));
}

Deno.test("an RPC address is an IP address or localhost, and a port", () => {
  accepts(readRpcAddress, [
    ["127.0.0.1:9091", { host: "127.0.0.1", port: 9091 }],
    ["localhost:0", { host: "127.0.0.1", port: 0 }],
    ["[::1]:65535", { host: "::1", port: 65535 }],
  ]);
  refuses(readRpcAddress, [
    "9091",
    "127.0.0.1",
    "127.0.0.1:65536",
    "::1:80",
    "example.org:80",
    ":1",
  ]);
});

Deno.test("a time span is given in hours and minutes, and may pass midnight", () => {
  accepts(readTimeSpan, [
    ["22:00-06:30", { begin: 1320, end: 390 }],
    ["0:00-23:59", { begin: 0, end: 1439 }],
    ["23:59-0:01", { begin: 1439, end: 1 }],
  ]);
  refuses(readTimeSpan, ["24:00-01:00", "01:00-24:00", "01:60-02:00", "01:00-02:60", "1-2", ""]);
});

Deno.test("days are bits from Sunday on, and a range may pass Saturday", () => {
  const [sun, mon, tue, wed, thu, fri, sat] = [1, 2, 4, 8, 16, 32, 64] as const;
  accepts(readDays, [
    ["sun", sun],
    ["sat", sat],
    ["mon-fri", mon + tue + wed + thu + fri],
    ["sat,sun", sat + sun],
    ["Fri-Mon", fri + sat + sun + mon],
    ["sun-sat", 127],
    [" tue - wed , sat", tue + wed + sat],
  ]);
  refuses(readDays, ["", "monday", "mon-", "-mon", "mon-tue-wed", "mon;tue", "xyz-mon", "mon-xyz"]);
});

Deno.test("the name of a host is kept in lower case, without the dot of the root", () => {
  accepts(readHostName, [
    ["TT.example.org", "tt.example.org"],
    ["tt.example.org.", "tt.example.org"],
    ["a", "a"],
  ]);
  refuses(readHostName, ["", ".", "tt.example.org:80", "-a", "a-", "a b", "http://a"]);
});

Deno.test("a webhook is an http or https URL with a host", () => {
  accepts(readHttpUrl, [
    ["https://example.org/hook", "https://example.org/hook"],
    ["HTTP://127.0.0.1:1", "HTTP://127.0.0.1:1"],
  ]);
  refuses(readHttpUrl, ["", "http://", "http:///x", "ftp://a/", "example.org", "http://a:99999"]);
});

Deno.test("the order of tt status is one of its words", () => {
  accepts(readStatusSort, STATUS_SORTS.map((word) => [word, word]));
  refuses(readStatusSort, ["", "Name", "speed"]);
});

Deno.test("a limit may be off, which is not the same as none given", () => {
  accepts<number | null>(readLimit, [["off", null], ["2M", 2_000_000]]);
  refuses(readLimit, ["", "0", "fast"]);
});
