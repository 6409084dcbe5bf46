import { assertEquals } from "@std/assert";
import type { Report } from "../../../core/torrent/protocol.ts";
import type { Clock } from "../../../shell/clock.ts";
import { DiskError } from "../../../shell/disk/disk_error.ts";
import { Telling } from "../../../shell/life/telling.ts";
import type { TorrentEvent } from "../../../shell/life/types.ts";

function open() {
  const events: TorrentEvent[] = [];
  const clock = { ms: 5, now: () => clock.ms };
  const telling = new Telling((event) => events.push(event), clock as unknown as Clock);
  return { events, clock, telling };
}

const URL = "http://t.example/announce";
const ANSWER = { kind: "tracker", url: URL, peers: 1, seeders: 1, leechers: 0 } as const;
const FAILURE = { kind: "tracker-failed", url: URL, message: "down" } as const;

Deno.test("the last answer of a tracker, or its failure, is remembered until the torrent joins again", () => {
  const { clock, events, telling } = open();
  const report = (report: object) => telling.report(report as Report);
  assertEquals(telling.trackers, { trackerError: undefined, trackerAnsweredMs: 5 });
  clock.ms = 6;
  assertEquals(report(FAILURE), true);
  assertEquals(telling.trackers, { trackerError: "down", trackerAnsweredMs: 5 });
  report(ANSWER);
  assertEquals(telling.trackers, { trackerError: undefined, trackerAnsweredMs: 6 });
  // The same again is no news.
  report(ANSWER);
  report(FAILURE);
  report(FAILURE);
  clock.ms = 9;
  telling.forgetTrackers();
  assertEquals(telling.trackers, { trackerError: undefined, trackerAnsweredMs: 9 });
  assertEquals(events.map((event) => event.kind === "tracker" && event.error), [
    ...["down", undefined, "down"],
  ]);
  const failed = { kind: "piece-failed", piece: 3, senders: [] };
  assertEquals([report(failed), report(failed), report({ kind: "idle" })], [true, true, false]);
  assertEquals(events.slice(3).map(({ kind }) => kind), ["piece-failed", "piece-failed"]);
});

Deno.test("what cannot be read is reported once for each file, a change not at all", () => {
  const { events, telling } = open();
  const about = (path: string, code: "io" | "changed") =>
    new DiskError(code, path, `It broke ${path}`);
  telling.unreadable(about("/a", "io"));
  telling.unreadable(about("/a", "io"));
  telling.unreadable(about("/b", "changed"));
  telling.unreadable(about("/c", "io"));
  telling.unreadable(new Error("other"));
  telling.unreadable(new Error("other"));
  assertEquals(
    events.map((event) => event.kind === "unreadable" && event.failure.message.slice(0, 11)),
    [
      ...["It broke /a", "It broke /c", "other (this"],
    ],
  );
});
