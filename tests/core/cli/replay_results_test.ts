/** The readable report of a replay. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ReplayedResult, replayText, whyText } from "../../../core/cli/replay_results.ts";
import type { WhyNot } from "../../../core/torrent/why.ts";
import { type PeerView, type StateView, viewState } from "../../../core/trace/state_view.ts";
import { Kit } from "../torrent/kit.ts";

const REPLAYED: ReplayedResult = {
  event: "replayed",
  verdict: "same",
  truncated: false,
  stopped: false,
  events: 4711,
  blocks: 4000,
  turns: 300,
  unchecked: 0,
  connections: 1,
  seconds: 12.34,
  piecesHave: 3,
  pieces: 4,
  downloaded: 1_000_000,
  uploaded: 0,
  effects: undefined,
};

Deno.test("the verdict comes after the replayed state", () => {
  assertEquals(
    replayText(REPLAYED),
    `\
4,711 events (4,000 blocks) in 300 turns over 12.3 s
1 connection, 3 of 4 pieces, 1.0 MB down, 0 B up
Verdict: the same decisions`,
  );
  assertMatch(replayText({ ...REPLAYED, stopped: true }), /decisions up to event 4711$/);
  assertMatch(replayText({ ...REPLAYED, seconds: 125 }), /over 2 min 5 s/);
  const cut = { ...REPLAYED, truncated: true };
  assertMatch(replayText(cut), /interrupted, and the trace ends early\n/);
  assertMatch(replayText({ ...cut, unchecked: 2 }), /its last 2 events were not checked/);
});

Deno.test("at a mismatch the first effects are printed, and no verdict", () => {
  const effects = Array.from({ length: 7 }, (_, i) => `{"kind":"${i}\u001b[2J${"x".repeat(500)}"}`);
  const lines = replayText({ ...REPLAYED, verdict: "differs", effects }).split("\n");
  assertEquals(lines.length, 2 + 5 + 1);
  assert(lines.every((line) => line.length < 220 && !line.includes("\u001b")));
  assertEquals(lines.at(-1), "  and 2 more effects");
});

Deno.test("the state shows pieces, the share rule, the next deadline, and each peer", () => {
  const kit = new Kit({ have: "#.....", blocks: 2, shareRule: { percent: 10, strict: false } });
  const peer = kit.connect("##.#..");
  kit.deliver(peer, 2);
  kit.deliver(peer, 1);
  kit.say(peer, { kind: "interested" });
  const view = viewState(kit.torrent, kit.now);
  const text = replayText({ event: "state", at: 9, seconds: 1.5, ...view });
  assertMatch(text, /^Event: {6}9, 1.500 s into the run, running\n/);
  assertMatch(text, /\n {9}0 {2}#[c3.]{5}\n/);
  assertMatch(text, /\nShare rule: 19.7 kB owed\n/);
  assertMatch(text, /\nNext: +(tick|save|dial) in -?\d/);
  assertMatch(
    text,
    /\n {2}1 {2}10.0.0.1:6881 {2}\? .* interesting, unchokes us, interested, unchoked$/,
  );
});

Deno.test("in the map of a large torrent one character stands for several pieces", () => {
  const kit = new Kit({ have: "." });
  const view: StateView = {
    ...viewState(kit.torrent, kit.now),
    pieces: "#".repeat(3000) + ".".repeat(2001),
    deadline: undefined,
    peers: [],
    inEndgame: true,
  };
  const text = replayText({ event: "state", at: 1, seconds: 0, ...view });
  const map = text.split("\n").filter((line) => /^ +\d+ {2}[#.+]+$/.test(line));
  assert(map.length <= 32);
  assertEquals(map.join("").replace(/[^#.+]/g, ""), "#".repeat(1000) + ".".repeat(667));
  assertMatch(text, /3 pieces per mark/);
  assertMatch(text, /endgame/);
  assertMatch(text, /Next: +nothing scheduled\nPeers: +none$/);
});

Deno.test("each reason for not requesting from a peer is a separate clause", () => {
  const reasons: WhyNot[] = [
    { kind: "not-running", stage: "stopping" },
    { kind: "complete" },
    { kind: "disk-failed" },
    { kind: "nothing-wanted" },
    { kind: "withheld", piece: 3 },
    { kind: "dead", silentMs: 121_000 },
    { kind: "chokes-us" },
    { kind: "pipeline-full", outstanding: 12, target: 16, snubbed: false },
    { kind: "pipeline-full", outstanding: 1, target: 1, snubbed: true },
    { kind: "pieces", standings: { asked: 2, refused: 1 } },
    { kind: "nothing", piece: 7 },
  ];
  const texts = reasons.map(whyText);
  assertEquals(new Set(texts).size, reasons.length);
  assertEquals(texts[7], "12 requests of 16 are outstanding");
  assertEquals(texts[9], "2 pieces already requested, 1 piece that it just rejected");
  const why = reasons[6]!;
  const line = replayText({ event: "why", at: 1, peer: 2, address: "10.0.0.1:1", why });
  assertEquals(line, "Peer 2, 10.0.0.1:1: it chokes us");
});

Deno.test("a trace without unchecked events, or with few effects, says no more than there is", () => {
  const cut = { ...REPLAYED, truncated: true, verdict: "failed" } as const;
  assertEquals(
    replayText({ ...cut, unchecked: 1 }).split("\n")[2],
    [
      "The run was interrupted, and the trace ends early; its last 1 event were not checked",
    ][0],
  );
  const five = Array.from({ length: 5 }, (_, i) => String(i));
  const lines = (effects: readonly string[]) =>
    replayText({ ...REPLAYED, verdict: "differs", effects }).split("\n").slice(2);
  assertEquals(lines(five), five.map((effect) => `  now: ${effect}`));
  assertEquals(lines([...five, "5"]).at(-1), "  and 1 more effect");
  assertEquals(lines(["x".repeat(201)]), [`  now: ${"x".repeat(200)}`]);
  assertMatch(replayText({ ...REPLAYED, seconds: 59.96 }), /over 60.0 s\n/);
  assertMatch(replayText({ ...REPLAYED, seconds: 60 }), /over 1 min\n/);
});

Deno.test("why a peer is not asked names the obstacle of each piece", () => {
  const standings = {
    ...{ lacking: 1, "no-hashes": 1, asked: 1, arrived: 1, choked: 1, refused: 1, reserved: 1 },
    ...{ parole: 1, "buffers-full": 1, withheld: 2 },
  };
  const text = whyText({ kind: "pieces", standings });
  assertEquals(text.split(", 1 piece ").length, 9);
  assertMatch(text, /^1 piece that it lacks, .*, 2 pieces withheld by the share rule$/);
  assertMatch(whyText({ kind: "no-metadata" }), /metadata is not known yet/);
  assertEquals(
    whyText({ kind: "dead", silentMs: 121_000 }),
    [
      "it has been silent for 2 min 1 s and is considered dead",
    ][0],
  );
  assertEquals(
    whyText({ kind: "pipeline-full", outstanding: 1, target: 1, snubbed: true }),
    "1 request of 1 are outstanding, and it is snubbed for not answering in time",
  );
});

const PEER: PeerView = {
  ...{ peer: 1, address: "10.0.0.1:1", client: "tt", piecesHave: 2, offered: 1, outstanding: 3 },
  ...{ target: 4, queued: 5, downRate: 6, upRate: 7, amInterested: true, isChoking: true },
  ...{ isInterested: false, amChoking: true, optimistic: false, snubbed: false, onParole: false },
  isDead: false,
} as PeerView;

function stateText(changes: Partial<StateView>): string {
  const kit = new Kit({ have: "#." });
  return replayText({
    event: "state",
    at: 1,
    seconds: 0,
    ...viewState(kit.torrent, kit.now),
    ...changes,
  });
}

Deno.test("the peers of a state are columns, and each says all of its states", () => {
  const peers = [PEER, {
    ...PEER,
    ...{ peer: 12, client: undefined, amInterested: false, isChoking: false, isInterested: true },
    ...{ amChoking: false, snubbed: true, onParole: true, isDead: true },
  }, { ...PEER, peer: 3, amChoking: false, optimistic: true }];
  assertEquals(stateText({ peers }).split("Peers:      ")[1]!.split("\n"), [
    "3",
    "  1   10.0.0.1:1  tt  has 2  offers 1  requests 3/4  queued 5  down 6 B/s  up 7 B/s  " +
    "interesting, chokes us, not interested, choked",
    "  12  10.0.0.1:1  ?   has 2  offers 1  requests 3/4  queued 5  down 6 B/s  up 7 B/s  " +
    "not interesting, unchokes us, interested, unchoked, snubbed, on parole, dead",
    "  3   10.0.0.1:1  tt  has 2  offers 1  requests 3/4  queued 5  down 6 B/s  up 7 B/s  " +
    "interesting, chokes us, not interested, optimistically unchoked",
  ]);
});

Deno.test("the state says what comes next, and endgame only in the endgame", () => {
  const deadline = { reason: "tick", inMs: 1_500 } as StateView["deadline"];
  assertMatch(stateText({ deadline }), /\nNext: {7}tick in 1.500 s\n/);
  assertEquals(stateText({ inEndgame: false }).includes("endgame"), false);
});

Deno.test("a map that fits shows each piece, 64 in a line", () => {
  const map = (pieces: string) =>
    stateText({ pieces }).split("\n").filter((line) => /^ {6,9}\d+ {2}/.test(line));
  assertEquals(map("#".repeat(65)), [`         0  ${"#".repeat(64)}`, "        64  #"]);
  assertEquals(map("#".repeat(2048)).length, 32);
  assertEquals(stateText({ pieces: "#".repeat(2048) }).includes("mixture"), false);
  assertEquals(map("#".repeat(2049)).length, 17);
  assertMatch(stateText({ pieces: "#".repeat(2049) }), /2 pieces per mark, \+ is a mixture/);
  assertEquals(map("#.".repeat(1100))[0], `         0  ${"+".repeat(64)}`);
});
