/** The readable report of a replay. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ReplayedResult, replayText, whyText } from "../../../core/cli/replay_results.ts";
import type { WhyNot } from "../../../core/torrent/why.ts";
import { type StateView, viewState } from "../../../core/trace/state_view.ts";
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
