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

Deno.test("what a torrent does is told for every state, with its part of the wanted bytes", () => {
  const moved = { activeAt: 0, startedAt: 0 };
  const first = (changes: Parameters<typeof view>[0]) =>
    why({ ...moved, ...changes }).split(".")[0];
  const cases: [Parameters<typeof view>[0], string][] = [
    [
      { status: TORRENT_STATUS.stopped, isFinished: true },
      "album is finished: it reached its ratio or idle limit",
    ],
    [{ status: TORRENT_STATUS.stopped, haveWanted: 29_999 }, "album is paused at 99 %"],
    [{ status: TORRENT_STATUS.stopped, wantedSize: 0, haveWanted: 0 }, "album is paused at 100 %"],
    [{ status: TORRENT_STATUS.stopped, wantedSize: 1, haveWanted: 0 }, "album is paused at 0 %"],
    [{ status: TORRENT_STATUS.seedQueued }, "album is waiting in the queue as number 1"],
    [
      { status: TORRENT_STATUS.checkQueued },
      "album is being checked: its files are compared with the hashes",
    ],
    [
      { status: TORRENT_STATUS.checking },
      "album is being checked: its files are compared with the hashes",
    ],
    [{ status: TORRENT_STATUS.seeding, upRate: 1 }, "album is complete and uploading"],
    [
      { status: TORRENT_STATUS.seeding },
      "album is complete and seeding: no peer requests anything now",
    ],
    [{}, "album at 50 % is receiving nothing"],
  ];
  for (const [changes, text] of cases) assertEquals(first(changes), text);
});

Deno.test("a pause in the transfer is given in the largest unit that leaves two of it", () => {
  const since = (seconds: number) =>
    why({ activeAt: NOW - seconds, startedAt: 1, peers: () => [] })
      .split("Nothing has moved for ")[1]!.split(".")[0];
  assertEquals([-5, 0, 1, 119, 120, 7_199, 7_200, 172_799, 172_800].map(since), [
    ...["0 seconds", "0 seconds", "1 second", "119 seconds", "2 minutes", "120 minutes"],
    ...["2 hours", "48 hours", "2 days"],
  ]);
});

Deno.test("a torrent that was never active says nothing of a pause", () => {
  const text = why({ activeAt: 0, startedAt: 0, peers: () => [], trackers: () => [] });
  assertEquals(text, "album at 50 % is receiving nothing.");
});

Deno.test("what was tried is told only of a download that receives nothing", () => {
  const [tracker] = view().trackers();
  const trackers = () => [
    { ...tracker!, announce: "http://silent.example/a", hasAnnounced: false },
    { ...tracker!, announce: "no URL", seeders: -1, leechers: -1, nextAnnounceAt: NOW },
    {
      ...tracker!,
      announce: "http://b.example/a",
      seeders: 1,
      leechers: 0,
      nextAnnounceAt: NOW + 1,
    },
    { ...tracker!, announce: "http://c.example/a", lastAnnounceSucceeded: false },
    { ...tracker!, announce: "http://d.example/a" },
  ];
  const still = { activeAt: 0, startedAt: 0, trackers, peers: () => [] };
  assertEquals(
    why(still),
    "album at 50 % is receiving nothing. Tracker no URL reports 0 seeders and 0 leechers. " +
      "Tracker b.example reports 1 seeder and 0 leechers; next announce in 1 second. " +
      "Tracker c.example failed: Success; next announce in 23 minutes.",
  );
  assertEquals(why({ ...still, downRate: 1 }), "album at 50 % is downloading from 0 peers.");
  assertEquals(why({ ...still, status: TORRENT_STATUS.checking }).includes("Tracker"), false);
});

Deno.test("only peers that send are counted as sources", () => {
  const [peer] = view().peers();
  const peers = () => [peer!, { ...peer!, rateToClient: 1 }, { ...peer!, rateToClient: 0 }];
  assertEquals(why({ downRate: 1, peers }), "album at 50 % is downloading from 2 peers.");
});

Deno.test("peers without anything for us, or that do not choke us, are told apart", () => {
  const [peer] = view().peers();
  const of = (...peers: NonNullable<typeof peer>[]) =>
    why({ peers: () => peers, trackers: () => [] }).split("Of ")[1];
  const useless = { ...peer!, clientIsInterested: false, clientIsChoked: true };
  assertEquals(of(peer!), "1 connected peer 1 has something for us.");
  assertEquals(of(peer!, useless), "2 connected peers 1 has something for us.");
  assertEquals(of(useless), "1 connected peer 0 have something for us.");
  assertEquals(
    of(peer!, { ...peer!, clientIsChoked: true }),
    "2 connected peers 2 have something for us, 1 of them chokes us.",
  );
});

Deno.test("advice names the limit, the share rule or the lack of peers that is in the way", () => {
  const settings = { ...view().settings, download_limited: true, download_limit: 50 };
  assertEquals(
    why({ settings, downRate: 1 }),
    "album at 50 % is downloading from 1 peer. Its own limit is 50 kB/s: tt limit changes it.",
  );
  const still = { activeAt: 0, startedAt: 0, trackers: () => [], peers: () => [] };
  assertEquals(why({ ...still, settings }), "album at 50 % is receiving nothing.");
  const share = { percent: 10, owedBytes: 4, sharedBytes: 0, state: "owing" } as const;
  assertEquals(
    why({ ...still, share }),
    "album at 50 % is receiving nothing. It continues once peers have downloaded what is owed.",
  );
  const alone = { ...still, peersConnected: 0 };
  assertEquals(why({ ...alone, downRate: 1 }), "album at 50 % is downloading from 0 peers.");
  assertEquals(why({ ...alone, status: TORRENT_STATUS.checking }).includes("help"), false);
});
