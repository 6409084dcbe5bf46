import { assertEquals } from "@std/assert";
import { waitingFor } from "../../../core/cli/waiting.ts";
import type { TorrentFacts } from "../../../core/torrent/facts.ts";

const MOVING = {
  isFinished: false,
  isWaiting: false,
  downRate: 1_000,
  peers: 3,
  wanted: 2,
  unchokingUs: 1,
} as TorrentFacts;

function why(changes: Partial<TorrentFacts>, trackerError?: string): string | undefined {
  return waitingFor({ ...MOVING, ...changes }, trackerError);
}

Deno.test("a download that moves or is finished waits for nothing", () => {
  assertEquals(why({}), undefined);
  assertEquals(why({ downRate: 1, peers: 0 }), undefined);
  assertEquals(why({ isFinished: true, downRate: 0, peers: 0 }, "no answer"), undefined);
  assertEquals(why({ downRate: 0 }), undefined);
});

Deno.test("a download that stands still says what it lacks", () => {
  const still = { downRate: 0 };
  assertEquals(why({ ...still, peers: 0 }), "no peers yet, searching");
  assertEquals(
    why({ ...still, peers: 0 }, "no answer"),
    "no peers yet, still trying: no answer",
  );
  assertEquals(why({ ...still, peers: 1, wanted: 0 }), "1 peer, but none has a missing piece");
  assertEquals(why({ ...still, unchokingUs: 0 }), "3 peers, waiting to be unchoked");
});

Deno.test("the share rule is named as the reason even while bytes still arrive", () => {
  const share = { remainingDebt: 2_000_000, servable: 2, secondsToPay: 30 };
  assertEquals(
    why({ isWaiting: true, ...share }),
    "1 piece left: waiting for 2 peers to take 2.0 MB, about 30 s",
  );
});
