import { assertEquals } from "@std/assert";
import type { Result } from "../../../core/bytes/result.ts";
import {
  readContentSize,
  readCount,
  readFormat,
  readGlob,
  readHost,
  readIntervalSeconds,
  readLinkRate,
  readMinutesAsMs,
  readNetwork,
  readPeer,
  readPercent,
  readPieceLength,
  readPort,
  readRate,
  readRatio,
  readSecondsAsMs,
  readShareRule,
  readText,
  readToken,
  readTrackerStore,
  readTrackerTier,
  readTrackerUrl,
  readWebSeedUrl,
  readWhole,
} from "../../../core/cli/values.ts";

function accepts<T>(read: (text: string) => Result<T, string>, cases: [string, T][]): void {
  for (const [text, value] of cases) assertEquals(read(text), { ok: true, value }, text);
}

function refuses(read: (text: string) => Result<unknown, string>, texts: string[]): void {
  for (const text of texts) assertEquals(read(text).ok, false, JSON.stringify(text));
}

Deno.test("a port is 0 to 65535", () => {
  accepts(readPort, [["0", 0], ["6881", 6881], ["65535", 65535]]);
  refuses(readPort, ["", "-1", "65536", "1e3", "0x10", " 1", "99999999999"]);
});

Deno.test("a rate has decimal units unless binary ones are given, and off means no limit", () => {
  accepts(readRate, [
    ["5M", 5_000_000],
    ["1.5M", 1_500_000],
    ["512k", 512_000],
    ["2G", 2e9],
    ["1000", 1000],
    ["1MiB", 1_048_576],
    ["1MB", 1_000_000],
    ["2000B", 2000],
    ["off", undefined],
  ]);
  refuses(readRate, [
    "0",
    "999",
    "",
    "M",
    "-5M",
    "5 M",
    "5Mi",
    "5T",
    "1e9",
    "NaN",
    "999999999999G",
  ]);
});

Deno.test("a piece length is a power of two from 16 KiB to 64 MiB", () => {
  accepts(readPieceLength, [
    ["16K", 16_384],
    ["16384", 16_384],
    ["0.5M", 524_288],
    ["64MiB", 67_108_864],
  ]);
  refuses(readPieceLength, ["8K", "100K", "128M", "0", "256KB", "x"]);
});

Deno.test("a share rule is a percentage, strict, both, or off", () => {
  accepts(readShareRule, [
    ["10", { percent: 10, strict: false }],
    ["0", { percent: 0, strict: false }],
    ["12.5%", { percent: 12.5, strict: false }],
    ["100", { percent: 100, strict: false }],
    ["off", { percent: 0, strict: false }],
    ["strict", { percent: 10, strict: true }],
    ["20,strict", { percent: 20, strict: true }],
  ]);
  refuses(readShareRule, ["", "101", "-1", "20,", "off,strict", "strict,20", "ten"]);
});

Deno.test("a peer is an IP address and a port, in canonical form", () => {
  accepts(readPeer, [
    ["192.0.2.1:6881", { ip: "192.0.2.1", port: 6881 }],
    ["[2001:DB8::0:1]:1", { ip: "2001:db8::1", port: 1 }],
  ]);
  refuses(readPeer, ["192.0.2.1", "192.0.2.1:0", "192.0.2.1:65536", "2001:db8::1:6881", "host:1"]);
});

Deno.test("a host is an IP address or localhost", () => {
  accepts(readHost, [["localhost", "127.0.0.1"], ["[::1]", "::1"], ["0.0.0.0", "0.0.0.0"]]);
  refuses(readHost, ["example.org", "", "1.2.3", "127.0.0.1:80"]);
});

Deno.test("a tracker URL without a path gets /announce; other URLs are unchanged", () => {
  accepts(readTrackerUrl, [
    ["http://127.0.0.1:8000", "http://127.0.0.1:8000/announce"],
    ["https://user:key@t.example/", "https://user:key@t.example/announce"],
    ["http://t.example/x?passkey=1", "http://t.example/x?passkey=1"],
    ["http://t.example?passkey=1", "http://t.example?passkey=1"],
    ["udp://t.example:80", "udp://t.example:80"],
    ["localhost:8000", "http://localhost:8000/announce"],
    ["192.168.1.5:6969", "http://192.168.1.5:6969/announce"],
    ["[::1]:8000", "http://[::1]:8000/announce"],
  ]);
  refuses(readTrackerUrl, [
    "",
    "t.example",
    "localhost:99999",
    "a b:80",
    "ftp://t.example/announce",
    "udp:x",
  ]);
});

Deno.test("a store is file, memory or a Redis URL", () => {
  accepts(readTrackerStore, [
    ["file", "file"],
    ["memory", "memory"],
    ["redis://127.0.0.1:6379", "redis://127.0.0.1:6379"],
    ["rediss://user:secret@[::1]/2", "rediss://user:secret@[::1]/2"],
  ]);
  refuses(readTrackerStore, ["", "disk", "redis:", "redis://", "http://127.0.0.1", "redis:x:1"]);
  refuses(readTrackerStore, ["redis://h/name", "redis://h:99999", "redis://h?x=1", "REDIS://h"]);
});

Deno.test("durations and ratios have bounds", () => {
  accepts(readSecondsAsMs, [["30", 30_000], ["0.5", 500]]);
  refuses(readSecondsAsMs, ["0", "-1", "", "x", "99999999"]);
  accepts(readMinutesAsMs, [["0", 0], ["1.5", 90_000]]);
  refuses(readMinutesAsMs, ["-1", "x", "999999999"]);
  accepts(readRatio, [["0", 0], ["1.5", 1.5]]);
  refuses(readRatio, ["-1", "x", "1000001", "Infinity"]);
  accepts(readIntervalSeconds, [["1", 1], ["86400", 86_400]]);
  refuses(readIntervalSeconds, ["0", "86401", "1.5", "x"]);
});

Deno.test("counts and whole numbers have bounds, and are digits", () => {
  accepts(readCount, [["1", 1], ["999999999999999", 999_999_999_999_999]]);
  refuses(readCount, ["0", "", "-1", "1.5", "1e3", "0x1", "1000000000000000"]);
  const read = readWhole(2, 5);
  accepts(read, [["2", 2], ["5", 5], ["05", 5]]);
  refuses(read, ["1", "6", "", "-3", "2.5", "3 "]);
  accepts(readWhole(0, 5), [["0", 0]]);
  refuses(readWhole(0, 5), ["", "x"]);
});

Deno.test("a percentage may carry its sign", () => {
  accepts(readPercent, [["0", 0], ["12.5", 12.5], ["100%", 100], ["30 %", 30]]);
  refuses(readPercent, ["", "%", "101", "100.1", "-1", "1 000", "%5"]);
});

Deno.test("simulated content has 16 KiB to 100 GB, and a link a rate", () => {
  accepts(readContentSize, [["16384", 16_384], ["16KiB", 16_384], ["64M", 64e6], ["100G", 100e9]]);
  refuses(readContentSize, ["16383", "16K", "100.1G", "", "x"]);
  accepts(readLinkRate, [["1K", 1_000], ["1.5M", 1_500_000]]);
  refuses(readLinkRate, ["off", "999", ""]);
});

Deno.test("bounds belong to what they bound", () => {
  accepts(readRate, [["1K", 1_000], ["1000000G", 1e15]]);
  refuses(readRate, ["1000001G"]);
  accepts(readPeer, [["192.0.2.1:1", { ip: "192.0.2.1", port: 1 }]]);
  accepts(readPeer, [["192.0.2.1:65535", { ip: "192.0.2.1", port: 65_535 }]]);
  accepts(readRatio, [["1000000", 1_000_000]]);
  accepts(readSecondsAsMs, [["31536000", 31_536_000_000]]);
  refuses(readSecondsAsMs, ["31536001"]);
  accepts(readMinutesAsMs, [["525600", 31_536_000_000]]);
  refuses(readMinutesAsMs, ["525601"]);
});

Deno.test("a format is a version of BitTorrent, or both", () => {
  accepts(readFormat, [["v1", "v1"], ["v2", "v2"], ["hybrid", "hybrid"]]);
  refuses(readFormat, ["", "V1", "v3"]);
});

Deno.test("a tier is one URL or several behind commas", () => {
  accepts(readTrackerTier, [
    ["udp://a:1", ["udp://a:1"]],
    ["http://a/x,y, udp://b:1", ["http://a/x,y", "udp://b:1"]],
  ]);
  refuses(readTrackerTier, ["", "udp://a:1,ftp://b", "x,udp://a:1"]);
});

Deno.test("a web seed is an http URL with a host", () => {
  accepts(readWebSeedUrl, [["https://a/b", "https://a/b"], ["http://a", "http://a"]]);
  refuses(readWebSeedUrl, ["", "ftp://a/b", "a/b", "http://"]);
});

Deno.test("a token is 8 to 200 characters that can be seen", () => {
  accepts(readToken, [["12345678", "12345678"], ["~".repeat(200), "~".repeat(200)]]);
  refuses(readToken, ["", "1234567", "x".repeat(201), "1234 5678", "passwörter"]);
});

Deno.test("a network is a range of addresses or one, and a text is not empty", () => {
  assertEquals(readNetwork("10.0.0.0/8").ok && readNetwork("::1").ok, true);
  refuses(readNetwork, ["", "10.0.0.0/33", "host"]);
  accepts(readText, [[" ", " "]]);
  refuses(readText, [""]);
  assertEquals(readGlob("*.tmp").ok, true);
  refuses(readGlob, ["", "[a"]);
});
