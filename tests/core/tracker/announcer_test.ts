import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng } from "../../../core/bytes/random.ts";
import { fail, ok } from "../../../core/bytes/result.ts";
import {
  advanceAnnounce,
  type Announcer,
  BACKOFF_FIRST_MS,
  BACKOFF_MAX_MS,
  createAnnouncer,
  haveAllTrackersFailed,
  INTERVAL_JITTER,
  INTERVAL_MAX_MS,
  INTERVAL_MIN_MS,
  lastAnswered,
  markCompleted,
  MIN_INTERVAL_DEFAULT_MS,
  MIN_INTERVAL_MIN_MS,
  nextAnnounceAt,
  onAnnounceDone,
  REFUSED_WAIT_MS,
  requestPeers,
  stopAnnounces,
  takeAnnounce,
  TRACKERS_MAX,
} from "../../../core/tracker/announcer.ts";
import type { AnnounceAnswer, AnnounceError, AnnounceResult } from "../../../core/tracker/types.ts";

const rng = createRng(1);

const ANSWER: AnnounceAnswer = {
  intervalSeconds: 1800,
  minIntervalSeconds: 60,
  seeders: 1,
  leechers: 2,
  peers: [],
  trackerId: undefined,
  warning: undefined,
  externalIp: undefined,
};
const DOWN: AnnounceResult = fail({ code: "unreachable", message: "No connection" });

function answer(facts: Partial<AnnounceAnswer> = {}): AnnounceResult {
  return ok({ ...ANSWER, ...facts });
}

/**
 * Sends due announces at their deadlines and answers them after a second; returns URL and event.
 */
function turn(announcer: Announcer, result: AnnounceResult): [string, string | undefined, number] {
  const at = nextAnnounceAt(announcer)!;
  const announce = takeAnnounce(announcer, at)!;
  onAnnounceDone(announcer, result, at + 1000, rng);
  return [announce.url, announce.event, at];
}

Deno.test("the first announce is immediate and carries started, later ones no event", () => {
  const announcer = createAnnouncer([["a"]], rng);
  assertEquals(turn(announcer, answer()), ["a", "started", 0]);
  const [url, event, at] = turn(announcer, answer());
  assertEquals([url, event], ["a", undefined]);
  assert(at >= 1_801_000 && at < 1_801_000 + 1_800_000 * INTERVAL_JITTER);
});

Deno.test("one announce is outstanding at a time", () => {
  const announcer = createAnnouncer([["a"]], rng);
  assert(takeAnnounce(announcer, 0) !== undefined);
  assertEquals(nextAnnounceAt(announcer), undefined);
  assertEquals(takeAnnounce(announcer, 1e9), undefined);
});

Deno.test("nothing is announced before it is due", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer());
  assertEquals(takeAnnounce(announcer, nextAnnounceAt(announcer)! - 1), undefined);
});

Deno.test("without trackers nothing is ever due", () => {
  const announcer = createAnnouncer([[], []], rng);
  assertEquals(nextAnnounceAt(announcer), undefined);
  assertEquals(takeAnnounce(announcer, 1), undefined);
  markCompleted(announcer);
  requestPeers(announcer, 5);
  assertEquals(nextAnnounceAt(announcer), undefined);
  assertEquals(stopAnnounces(announcer), []);
  assertEquals(haveAllTrackersFailed(announcer), false);
});

Deno.test("tiers are shuffled internally and kept in order; duplicate URLs are removed", () => {
  const orders = new Set<string>();
  for (let seed = 0; seed < 50; seed++) {
    const { tiers } = createAnnouncer([["a", "b", "c"], [], ["d", "a"]], createRng(seed));
    assertEquals(tiers[0]!.map((tracker) => tracker.url).sort(), ["a", "b", "c"]);
    assertEquals(tiers[1]!.map((tracker) => tracker.url), ["d"]);
    assertEquals(tiers.length, 2);
    orders.add(tiers[0]!.map((tracker) => tracker.url).join(""));
  }
  assertEquals(orders.size, 6);
});

Deno.test("the number of trackers is limited", () => {
  const urls = Array.from({ length: 300 }, (_, i) => `http://${i}`);
  assertEquals(createAnnouncer([urls], rng).tiers.flat().length, TRACKERS_MAX);
});

Deno.test("after a failure the next tracker of the tier is used, then the next tier", () => {
  const announcer = createAnnouncer([["a", "b"], ["c"]], createRng(3));
  const inTier = announcer.tiers[0]!.map((tracker) => tracker.url);
  assertEquals(turn(announcer, DOWN)[0], inTier[0]);
  const [second, event, at] = turn(announcer, DOWN);
  assertEquals([second, event, at], [inTier[1], "started", 1000]);
  assertEquals(turn(announcer, answer()), ["c", "started", 2000]);
  assertEquals(haveAllTrackersFailed(announcer), false);
});

Deno.test("the responding tracker moves to the front of its tier", () => {
  const announcer = createAnnouncer([["a", "b", "c"]], createRng(5));
  const [first, second, third] = announcer.tiers[0]!.map((tracker) => tracker.url);
  turn(announcer, DOWN);
  turn(announcer, DOWN);
  turn(announcer, answer());
  assertEquals(announcer.tiers[0]!.map((tracker) => tracker.url), [third, first, second]);
  assertEquals(turn(announcer, answer()).slice(0, 2), [third, undefined]);
});

Deno.test("each tracker gets started first, whatever the others got", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  assertEquals(turn(announcer, DOWN)[1], "started");
  assertEquals(turn(announcer, answer()).slice(0, 2), ["b", "started"]);
  assertEquals(turn(announcer, answer()).slice(0, 2), ["a", "started"]);
  assertEquals(turn(announcer, DOWN).slice(0, 2), ["a", undefined]);
  assertEquals(turn(announcer, answer()).slice(0, 2), ["b", undefined]);
});

Deno.test("completed is sent once and immediately, regardless of the min interval", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer());
  markCompleted(announcer);
  assert(nextAnnounceAt(announcer)! <= 1000);
  assertEquals(turn(announcer, answer())[1], "completed");
  assert(nextAnnounceAt(announcer)! > 1_000_000);
  assertEquals(turn(announcer, answer())[1], undefined);
});

Deno.test("completed waits for started if the download ends before the first response", () => {
  const announcer = createAnnouncer([["a"]], rng);
  assertEquals(takeAnnounce(announcer, 0)?.event, "started");
  markCompleted(announcer);
  onAnnounceDone(announcer, answer(), 10, rng);
  assertEquals(nextAnnounceAt(announcer), 10);
  assertEquals(turn(announcer, answer())[1], "completed");
});

Deno.test("a failed completed event is sent again", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer());
  markCompleted(announcer);
  assertEquals(turn(announcer, DOWN)[1], "completed");
  assertEquals(turn(announcer, answer())[1], "completed");
});

Deno.test("if all fail, the delay doubles up to a limit, with jitter, until a success", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  let expected = BACKOFF_FIRST_MS;
  for (let round = 0; round < 12; round++) {
    turn(announcer, DOWN);
    const [, , at] = turn(announcer, DOWN);
    const wait = nextAnnounceAt(announcer)! - (at + 1000);
    assert(wait > expected / 2 && wait <= expected, `round ${round}: ${wait} of ${expected}`);
    expected = Math.min(expected * 2, BACKOFF_MAX_MS);
    assert(haveAllTrackersFailed(announcer));
  }
  assertEquals(expected, BACKOFF_MAX_MS);
  turn(announcer, answer());
  assert(!haveAllTrackersFailed(announcer));
});

Deno.test("completed and requests for peers do not shorten the backoff", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, DOWN);
  const at = nextAnnounceAt(announcer);
  markCompleted(announcer);
  requestPeers(announcer, 1001);
  assertEquals(nextAnnounceAt(announcer), at);
});

Deno.test("a request for peers is granted as soon as the min interval allows", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ minIntervalSeconds: 90 }));
  requestPeers(announcer, 2000);
  assertEquals(nextAnnounceAt(announcer), 1000 + 90_000);
  requestPeers(announcer, 200_000);
  assertEquals(nextAnnounceAt(announcer), 91_000, "a later wish does not delay the announce");
  takeAnnounce(announcer, 91_000);
  requestPeers(announcer, 91_000);
  assertEquals(nextAnnounceAt(announcer), undefined);
});

Deno.test("without a min interval, requests for peers use the default", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ minIntervalSeconds: undefined }));
  requestPeers(announcer, 2000);
  assertEquals(nextAnnounceAt(announcer), 1000 + MIN_INTERVAL_DEFAULT_MS);
});

Deno.test("for any intervals of trackers, announces respect the limits", () => {
  const seconds = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0, -1, 86_400 * 30));
  fc.assert(
    fc.property(seconds, fc.option(seconds, { nil: undefined }), fc.nat(), (i, min, seed) => {
      const announcer = createAnnouncer([["a"]], rng);
      takeAnnounce(announcer, 0);
      const result = answer({ intervalSeconds: i, minIntervalSeconds: min });
      onAnnounceDone(announcer, result, 0, createRng(seed));
      const at = nextAnnounceAt(announcer)!;
      assert(at >= INTERVAL_MIN_MS && at <= INTERVAL_MAX_MS * (1 + INTERVAL_JITTER));
      requestPeers(announcer, 0);
      const soon = nextAnnounceAt(announcer)!;
      assert(soon >= MIN_INTERVAL_MIN_MS && soon <= INTERVAL_MAX_MS && soon <= at);
    }),
  );
});

Deno.test("a min interval longer than the interval is respected", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ intervalSeconds: 60, minIntervalSeconds: 600 }));
  assert(nextAnnounceAt(announcer)! >= 601_000);
});

Deno.test("a tracker ID is kept until a new one arrives, separately for each tracker", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  turn(announcer, answer({ trackerId: "x" }));
  assertEquals(takeAnnounce(announcer, 1e9)?.trackerId, "x");
  onAnnounceDone(announcer, answer(), 1e9, rng);
  assertEquals(takeAnnounce(announcer, 2e9)?.trackerId, "x");
  onAnnounceDone(announcer, DOWN, 2e9, rng);
  assertEquals(takeAnnounce(announcer, 3e9)?.trackerId, undefined);
});

Deno.test("stopped is sent to trackers that may know us, and nothing afterwards", () => {
  const announcer = createAnnouncer([["a"], ["b"], ["c"]], rng);
  turn(announcer, DOWN);
  turn(announcer, answer({ trackerId: "x" }));
  assertEquals(stopAnnounces(announcer), [{ url: "b", trackerId: "x", startedOn: [] }]);
  assertEquals(nextAnnounceAt(announcer), undefined);

  const asking = createAnnouncer([["a"]], rng);
  takeAnnounce(asking, 0);
  assertEquals(stopAnnounces(asking), [{ url: "a", trackerId: undefined, startedOn: [] }]);
  onAnnounceDone(asking, answer(), 5, rng);
  assertEquals(nextAnnounceAt(asking), undefined, "a late answer starts nothing");
});

Deno.test("the facts about each tracker can be read", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  assertEquals(lastAnswered(announcer), undefined);
  turn(announcer, fail({ code: "refused", message: "Not here" }));
  turn(announcer, answer({ warning: "Soon closing", seeders: 7, leechers: undefined }));
  const [a, b] = announcer.tiers.flat();
  assertEquals(a!.lastError, { code: "refused", message: "Not here" });
  assertEquals(a!.lastSuccessAt, undefined);
  assertEquals([b!.lastError, b!.lastSuccessAt], [undefined, 2000]);
  assertEquals([b!.seeders, b!.leechers, b!.warning], [7, undefined, "Soon closing"]);
  assertEquals(lastAnswered(announcer), b);
  turn(announcer, answer());
  assertEquals(lastAnswered(announcer), a);
  assertEquals(a!.lastError, undefined);
});

function refusal(more: Partial<AnnounceError> = {}): AnnounceResult {
  return fail({ code: "refused", message: "No", ...more });
}

Deno.test("a tracker is not contacted before its retry time", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, refusal({ retryInSeconds: 3600 }));
  assertEquals(nextAnnounceAt(announcer), 1000 + 3_600_000);
  markCompleted(announcer);
  requestPeers(announcer, 2000);
  assertEquals(nextAnnounceAt(announcer), 1000 + 3_600_000);
  assertEquals(takeAnnounce(announcer, 3_600_000), undefined);
  assertEquals(turn(announcer, answer())[1], "started");
});

/** As `turn`, of a partial seed. */
function partialTurn(announcer: Announcer, result: AnnounceResult) {
  const at = nextAnnounceAt(announcer)!;
  const { event } = takeAnnounce(announcer, at, true)!;
  onAnnounceDone(announcer, result, at + 1000, rng);
  return { event, at };
}

Deno.test("a partial seed says paused in every announce until it leaves or goes on", () => {
  const announcer = createAnnouncer([["a"]], rng);
  for (let i = 0; i < 3; i++) assertEquals(partialTurn(announcer, answer()).event, "paused");
  assertEquals(turn(announcer, answer())[1], undefined);
  markCompleted(announcer);
  assertEquals(turn(announcer, answer())[1], "completed");
  assertEquals(stopAnnounces(announcer).map(({ url }) => url), ["a"]);
});

Deno.test("a tracker that refuses paused is asked at once without, and not told again", () => {
  const announcer = createAnnouncer([["a"]], rng);
  assertEquals(partialTurn(announcer, refusal()), { event: "paused", at: 0 });
  assertEquals(partialTurn(announcer, answer()), { event: "started", at: 1000 });
  assertEquals(partialTurn(announcer, answer()).event, undefined);
  // One that has another reason is not requested twice.
  const strict = createAnnouncer([["a"]], rng);
  partialTurn(strict, refusal());
  partialTurn(strict, refusal());
  assert(partialTurn(strict, refusal()).at >= 1000 + REFUSED_WAIT_MS);
  const patient = createAnnouncer([["a"]], rng);
  partialTurn(patient, refusal({ retryInSeconds: 3600 }));
  assertEquals(partialTurn(patient, answer()).at, 1000 + 3_600_000);
});

Deno.test("after a refusal without a retry time, the delay is longer than seconds", () => {
  const announcer = createAnnouncer([["a"]], rng);
  let last = -Infinity;
  for (let i = 0; i < 5; i++) {
    const [, , at] = turn(announcer, refusal());
    assert(at - last >= REFUSED_WAIT_MS, `${at - last} ms`);
    last = at;
  }
});

Deno.test("a tracker that waits for its retry time is skipped", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  assertEquals(turn(announcer, refusal({ retryInSeconds: 7200 }))[0], "a");
  for (let i = 0; i < 3; i++) assertEquals(turn(announcer, answer())[0], "b");
  const [url, , at] = turn(announcer, answer());
  assertEquals(url, at >= 7_201_000 ? "a" : "b");
  assertEquals(turn(announcer, answer())[0], "a");
});

Deno.test("a tracker that is gone for good is never contacted again, not even for stopped", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  turn(announcer, answer());
  turn(announcer, refusal({ isGone: true }));
  for (let i = 0; i < 20; i++) assertEquals(turn(announcer, answer())[0], "b");
  assertEquals(stopAnnounces(announcer).map(({ url }) => url), ["b"]);

  const alone = createAnnouncer([["a"]], rng);
  turn(alone, refusal({ isGone: true }));
  assertEquals(nextAnnounceAt(alone), undefined);
  markCompleted(alone);
  requestPeers(alone, 9e9);
  assertEquals(takeAnnounce(alone, 9e9), undefined);
  assert(haveAllTrackersFailed(alone));
});

Deno.test("the retry time of a tracker is bounded, and reset by a success", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, refusal({ retryInSeconds: 1e15 }));
  assertEquals(nextAnnounceAt(announcer), 1000 + INTERVAL_MAX_MS);
  turn(announcer, answer());
  const soon = nextAnnounceAt(announcer)!;
  assertEquals(takeAnnounce(announcer, soon)?.url, "a");
});

Deno.test("intervals of many hours are kept", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ intervalSeconds: 6 * 3600, minIntervalSeconds: 5 * 3600 }));
  assert(nextAnnounceAt(announcer)! >= 1000 + 6 * 3_600_000);
  requestPeers(announcer, 2000);
  assertEquals(nextAnnounceAt(announcer), 1000 + 5 * 3_600_000);
});

Deno.test("intervals and backoff have jitter per torrent", () => {
  const intervals = new Set<number>(), waits = new Set<number>();
  for (let seed = 0; seed < 20; seed++) {
    for (const [result, seen] of [[answer(), intervals], [DOWN, waits]] as const) {
      const announcer = createAnnouncer([["a"]], createRng(seed));
      takeAnnounce(announcer, 0);
      onAnnounceDone(announcer, result, 0, createRng(seed));
      seen.add(nextAnnounceAt(announcer)!);
    }
  }
  assert(intervals.size > 10 && waits.size > 10);
  assert(Math.max(...intervals) - Math.min(...intervals) > 60_000);
});

Deno.test("responding address families are remembered, and get stopped", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ families: [6] }));
  assertEquals(takeAnnounce(announcer, 1e9)?.startedOn, [6]);
  onAnnounceDone(announcer, answer({ families: [4] }), 1e9, rng);
  assertEquals(stopAnnounces(announcer), [{ url: "a", trackerId: undefined, startedOn: [6, 4] }]);
});

Deno.test("completed is sent only to trackers that received started", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  turn(announcer, answer());
  markCompleted(announcer);
  assertEquals(turn(announcer, DOWN).slice(0, 2), ["a", "completed"]);
  assertEquals(turn(announcer, DOWN).slice(0, 2), ["b", "started"]);
});

Deno.test("a tracker that answered moves to the front of its tier, and none is lost", () => {
  const announcer = createAnnouncer([["a", "b", "c"]], createRng(4));
  const urls = () => announcer.tiers.map((tier) => tier.map(({ url }) => url));
  const [first] = urls();
  turn(announcer, DOWN);
  turn(announcer, answer());
  assertEquals(urls(), [[first![1], first![0], first![2]]]);
  turn(announcer, DOWN);
  turn(announcer, DOWN);
  turn(announcer, answer());
  assertEquals(urls(), [[first![2], first![1], first![0]]]);
});

Deno.test("what the tracker counts is kept, with the time of its answer, be it the first moment", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  assertEquals(lastAnswered(announcer), undefined);
  takeAnnounce(announcer, 0);
  onAnnounceDone(announcer, answer({ seeders: 7, leechers: 9, warning: "old" }), 0, rng);
  const { url, seeders, leechers, warning, lastSuccessAt, lastError } = lastAnswered(announcer)!;
  assertEquals([url, seeders, leechers, warning, lastSuccessAt, lastError], [
    ...["a", 7, 9, "old", 0, undefined],
  ]);
});

Deno.test("while every tracker has said when to come again, the earliest of them decides", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  const refusal = (retryInSeconds: number): AnnounceResult =>
    fail({ code: "refused", message: "later", retryInSeconds });
  turn(announcer, refusal(4_000));
  turn(announcer, refusal(3_600));
  const at = nextAnnounceAt(announcer)!;
  assert(at >= 3_600_000 && at < 4_000_000, `${at}`);
  assertEquals(takeAnnounce(announcer, at - 1), undefined);
  assertEquals(takeAnnounce(announcer, at)?.url, "b");
});

Deno.test("trackers that are gone for ever are asked no more", () => {
  const announcer = createAnnouncer([["a"], ["b"]], rng);
  const gone: AnnounceResult = fail({ code: "refused", message: "gone", isGone: true });
  turn(announcer, gone);
  turn(announcer, gone);
  const at = nextAnnounceAt(announcer);
  if (at !== undefined) assertEquals(takeAnnounce(announcer, at), undefined);
  assertEquals([takeAnnounce(announcer, 1e12), nextAnnounceAt(announcer)], [undefined, undefined]);
  assertEquals(stopAnnounces(announcer), []);
});

Deno.test("a completed download is told at once, min interval or not, unless the trackers fail", () => {
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ minIntervalSeconds: 900 }));
  markCompleted(announcer);
  assert(nextAnnounceAt(announcer)! <= 2_000);
  assertEquals(takeAnnounce(announcer, 2_000)?.event, "completed");
  const failing = createAnnouncer([["a"]], rng);
  turn(failing, DOWN);
  const at = nextAnnounceAt(failing)!;
  markCompleted(failing);
  assertEquals(nextAnnounceAt(failing), at);
});

Deno.test("an announce that is brought forward comes at once, also while trackers fail, and not before it is allowed", () => {
  const failing = createAnnouncer([["a"]], rng);
  for (let i = 0; i < 5; i++) turn(failing, DOWN);
  const at = nextAnnounceAt(failing)!;
  requestPeers(failing, at - 9_000);
  assertEquals(nextAnnounceAt(failing), at, "backoff decides");
  advanceAnnounce(failing, at - 9_000);
  assertEquals(nextAnnounceAt(failing), at - 9_000);
  advanceAnnounce(failing, at + 9_000);
  assertEquals(nextAnnounceAt(failing), at - 9_000, "never later");
  const announcer = createAnnouncer([["a"]], rng);
  turn(announcer, answer({ minIntervalSeconds: 900 }));
  advanceAnnounce(announcer, 5_000);
  assertEquals(nextAnnounceAt(announcer), 1_000 + 900_000);
  takeAnnounce(announcer, 1e9);
  advanceAnnounce(announcer, 1e9);
  assertEquals(nextAnnounceAt(announcer), undefined, "one is under way");
});
