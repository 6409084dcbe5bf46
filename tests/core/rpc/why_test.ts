import { assertEquals } from "@std/assert";
import { TORRENT_STATUS } from "../../../core/rpc/torrent_view.ts";
import { explain } from "../../../core/rpc/why.ts";
import { view } from "./kit.ts";

const NOW = 1_700_000_500;

function why(changes: Parameters<typeof view>[0]): string {
  return explain(view({ downRate: 0, upRate: 0, ...changes }), NOW);
}

Deno.test("a download without peers shows since when, what was tried and what would help", () => {
  assertEquals(
    why({
      why: "no peers yet, looking for some",
      activeAt: NOW - 600,
      startedAt: NOW - 900,
      peers: () => [],
      peersConnected: 0,
    }),
    "album at 50 %: no peers yet, looking for some. Nothing has moved for 10 minutes. " +
      "Tracker tracker.example.org:6969 reports 2 seeders and 1 leecher; next announce in " +
      "23 minutes. What would help: another tracker, or a peer's address.",
  );
});

Deno.test("a failed tracker is shown with its reason", () => {
  const [tracker] = view().trackers();
  const trackers = () => [
    { ...tracker!, lastAnnounceSucceeded: false, lastAnnounceResult: "refused", nextAnnounceAt: 0 },
  ];
  const text = why({ trackers, peers: () => [], peersConnected: 0, isPrivate: true, activeAt: 0 });
  assertEquals(text.includes("Tracker tracker.example.org:6969 failed: refused."), true, text);
  assertEquals(text.includes("only its own trackers can name peers"), true, text);
});

Deno.test("peers that choke us are counted", () => {
  const [peer] = view().peers();
  const choking = { ...peer!, clientIsChoked: true };
  const text = why({ peers: () => [choking, choking, peer!], peersConnected: 3 });
  const part = "Of 3 connected peers 3 have something for us, 2 of them choke us.";
  assertEquals(text.includes(part), true, text);
});

Deno.test("each state has a sentence and advice", () => {
  assertEquals(
    why({ status: TORRENT_STATUS.stopped }),
    "album is paused at 50 %. tt resume starts it.",
  );
  assertEquals(
    why({ status: TORRENT_STATUS.stopped, error: 3, errorText: "The disk is full" }),
    "album failed: The disk is full. Once that is fixed, tt resume tries again.",
  );
  assertEquals(
    why({ status: TORRENT_STATUS.downloadQueued, queuePosition: 2 }),
    "album is waiting in the queue as number 3. tt resume --now starts it regardless of the queue; " +
      "--max-downloads allows more at once.",
  );
  assertEquals(
    why({ status: TORRENT_STATUS.seeding, activeAt: NOW - 7300 }),
    "album is complete, has sent nothing for 2 hours, and seeding: no peer requests anything now.",
  );
  assertEquals(
    explain(view({ downRate: 5 }), NOW),
    "album at 50 % is downloading from 1 peer.",
  );
});
