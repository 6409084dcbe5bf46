import { assertEquals } from "@std/assert";
import type { Result } from "../../../core/bytes/result.ts";
import {
  readHost,
  readIntervalSeconds,
  readMinutesAsMs,
  readPeer,
  readPieceLength,
  readPort,
  readRate,
  readRatio,
  readSecondsAsMs,
  readShareRule,
  readTrackerStore,
  readTrackerUrl,
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
