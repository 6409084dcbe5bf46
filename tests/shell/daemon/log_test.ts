import { assert, assertEquals } from "@std/assert";
import type { TorrentEvent } from "../../../shell/life/types.ts";
import { eventText } from "../../../shell/daemon/event_text.ts";
import { Log, type LogEntry, withoutSecrets } from "../../../shell/daemon/log.ts";
import { Failure } from "../../../shell/failure.ts";

Deno.test("entries are numbered, passed on, and found by number and torrent", () => {
  const passed: LogEntry[] = [];
  const log = new Log((entry) => passed.push(entry));
  log.add("started", "It runs");
  log.add("complete", "a: done", { infoHash: "aa", name: "a" });
  log.add("failed", "b: http://t.example/0123456789abcdef/announce", {
    infoHash: "bb",
    level: "error",
  });
  const all = log.entries(0);
  assertEquals(all, passed);
  assertEquals(all.map(({ number, level, event }) => [number, level, event]), [
    [1, "info", "started"],
    [2, "info", "complete"],
    [3, "error", "failed"],
  ]);
  assert(Math.abs(all[0]!.at - Date.now() / 1000) < 60, "a moment in seconds");
  assertEquals(all[2]!.message, "b: http://t.example/.../announce");
  assertEquals(log.entries(2).map(({ number }) => number), [3]);
  assertEquals(log.entries(0, new Set(["aa"])).map(({ number }) => number), [2]);
  assertEquals(log.entries(2, new Set(["aa"])), []);
  assertEquals(log.entries(0, new Set()), []);
});

Deno.test("the oldest entries go, a tenth at a time", () => {
  const log = new Log(() => {});
  for (let i = 0; i < 2_000; i++) log.add("e", "m");
  assertEquals([log.entries(0).length, log.entries(0)[0]!.number], [2_000, 1]);
  log.add("e", "m");
  assertEquals([log.entries(0).length, log.entries(0)[0]!.number], [1_801, 201]);
});

Deno.test("what may be a key is left out of URLs, and nothing else", () => {
  assertEquals(
    withoutSecrets("see http://t.example/abcdefghijklmnopq/x"),
    "see http://t.example/abcdefghijklmnopq/x",
  );
  assertEquals(
    withoutSecrets("udp://u@t.example:1/0123456789abcde"),
    "udp://...@t.example:1/0123456789abcde",
  );
  assertEquals(withoutSecrets("http://[bad failed"), "http://[bad failed");
});

Deno.test("each event of a torrent has its line and its level, and some have none", () => {
  const failure = new Failure("disk", "io", "The disk\u0007 broke");
  const tracker = { kind: "tracker", url: "http://t/", peers: 1, seeders: 1, leechers: 1 } as const;
  const lines: readonly (readonly [TorrentEvent, string | undefined, string])[] = [
    [
      { kind: "reused", files: ["a", "b"], bytes: 2048 },
      "n: copied 2.0 kB from other torrents in the folder: a, b",
      "info",
    ],
    [{ kind: "checked", piecesGood: 1, pieces: 2 }, "n: 1 of 2 pieces good", "info"],
    [{ ...tracker, error: undefined }, "n: tracker http://t/ answered", "info"],
    [{ ...tracker, error: "no" }, "n: tracker http://t/ failed: no", "warning"],
    [
      { kind: "share", owedBytes: 2048, sharedBytes: 1024, state: "paid" },
      "n: shared 1.0 kB of the 2.0 kB owed (paid)",
      "info",
    ],
    [{ kind: "piece-failed", piece: 3, peers: [] }, "n: piece 3 failed the hash check", "warning"],
    [
      { kind: "piece-failed", piece: 3, peers: ["p", "q"] },
      "n: piece 3 failed the hash check (from p, q)",
      "warning",
    ],
    [{ kind: "peer-banned", peer: "p", reason: "r" }, "n: banned p: r", "warning"],
    [{ kind: "complete", bytes: 1024, seconds: 61 }, "n: complete, 1.0 kB in 1 min 1 s", "info"],
    [{ kind: "moved", dir: "/there" }, "n: moved to /there", "info"],
    [{ kind: "joined" }, undefined, "info"],
  ];
  for (const [event, message, level] of lines) {
    const text = eventText(event, "n");
    assertEquals(text?.message, message);
    if (text !== undefined) assertEquals(text.level, level);
  }
  for (const kind of ["unreadable", "trace-failed", "failed"] as const) {
    const text = eventText({ kind, failure }, "n")!;
    assertEquals(text.level, kind === "failed" ? "error" : "warning");
    assert(text.message.startsWith("The disk") && !text.message.includes("\u0007"), text.message);
  }
  assertEquals(eventText({ kind: "resumed", piecesKept: 1, pieces: 2 }, "n")?.level, "info");
});
