/** From start to stop: saving, announcing, seeding limits, deadlines and status. */
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { assert, assertEquals } from "@std/assert";
import { fail } from "../../../core/bytes/result.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { factsOf } from "../../../core/torrent/facts.ts";
import { bytesMissing } from "../../../core/transfer/content.ts";
import { SAVE_INTERVAL_MS } from "../../../core/transfer/limits.ts";
import { countBytes, createRateMeter, tickRate } from "../../../core/limits/rate_meter.ts";
import { nextDeadline } from "../../../core/torrent/step.ts";
import { bitsOf, Kit } from "./kit.ts";

const TRACKER = { announceTiers: [["http://a.test/announce"]] };

Deno.test("a download is saved at its start, unless the content was complete", () => {
  assertEquals(new Kit({ have: ".." }).all("save-state").length, 1);
  assertEquals(new Kit({ have: "##" }).all("save-state").length, 0);
});

Deno.test("a saved state never contains a piece that was not written", () => {
  const kit = new Kit({ have: "...", blocks: 1 });
  kit.saved();
  const peer = kit.connect("###");
  kit.deliver(peer);
  const [first, second] = kit.all("check-piece");
  kit.feed({ kind: "piece-checked", job: first!.job, matches: true });
  kit.feed({ kind: "piece-checked", job: second!.job, matches: true });
  kit.feed({ kind: "piece-written", job: kit.all("write-piece")[0]!.job });
  kit.waitWith([peer], SAVE_INTERVAL_MS);
  const { state } = kit.all("save-state").at(-1)!;
  assertEquals(state.pieces, kit.transfer.have.bytes);
  assertEquals(kit.transfer.haveCount, 1);
  kit.finish();
  assertEquals(state.pieces.reduce((sum, byte) => sum + byte, 0) > 0, true);
  assertEquals(kit.transfer.haveCount, 3);
  assertEquals(state.pieces === kit.transfer.have.bytes, false, "a copy");
});

Deno.test("one save is outstanding at a time, and changes meanwhile cause another one", () => {
  const kit = new Kit({ have: "##" });
  kit.feed({ kind: "blocks-sent", peer: 1, bytes: 5 });
  kit.wait(SAVE_INTERVAL_MS);
  kit.feed({ kind: "blocks-sent", peer: 1, bytes: 5 });
  kit.wait(10 * SAVE_INTERVAL_MS);
  assertEquals(kit.all("save-state").map(({ state }) => state.uploaded), [5]);
  kit.saved();
  assertEquals(kit.all("save-state").map(({ state }) => state.uploaded), [5, 10]);
});

Deno.test("a failed save is retried while running", () => {
  const kit = new Kit({ have: ".." });
  kit.feed({ kind: "disk-failed", job: kit.all("save-state")[0]!.job, message: "full" });
  assertEquals(kit.reports("disk-failed").length, 1);
  kit.wait(SAVE_INTERVAL_MS);
  assertEquals(kit.all("save-state").length, 2);
});

Deno.test("a stop waits for outstanding checks and writes, saves, and then ends", () => {
  const kit = new Kit({ have: "..", blocks: 1, ...TRACKER });
  kit.saved();
  kit.answer();
  const peer = kit.connect("##");
  kit.deliver(peer);
  kit.forget();
  kit.feed({ kind: "stop" });
  assertEquals(kit.closed(peer), "stopping");
  assertEquals(kit.all("announce").map(({ request }) => request.event), ["stopped"]);
  assertEquals(kit.torrent.stage, "stopping");
  assertEquals(nextDeadline(kit.torrent), undefined);
  kit.finish();
  assertEquals(kit.all("save-state").map(({ state }) => [...state.pieces]), [[0b11000000]]);
  assertEquals(kit.torrent.stage, "stopping");
  kit.saved();
  assertEquals(kit.torrent.stage, "stopped");
  kit.feed({ kind: "stop" });
  kit.feed({ kind: "timer" });
  kit.feed({ kind: "start" });
  assertEquals(kit.torrent.stage, "stopped");
});

Deno.test("a stop ends also with a bad piece outstanding or a failing save", () => {
  const kit = new Kit({ have: ".", blocks: 1 });
  kit.saved();
  kit.deliver(kit.connect("#"));
  kit.feed({ kind: "blocks-sent", peer: 1, bytes: 1 });
  kit.feed({ kind: "stop" });
  kit.finish([0]);
  kit.feed({ kind: "disk-failed", job: kit.all("save-state").at(-1)!.job, message: "full" });
  assertEquals(kit.torrent.stage, "stopped");
});

Deno.test("what is left is what is wanted, and of a partial seed what it lacks", () => {
  const left = (kit: Kit) => kit.all("announce").at(-1)!.request.left;
  const priorities = Uint8Array.of(4, 4, 0, 0);
  const downloading = new Kit({ have: "#...", blocks: 1, priorities, ...TRACKER });
  assertEquals(left(downloading), BLOCK_SIZE);
  const partialSeed = new Kit({ have: "##..", blocks: 1, priorities, ...TRACKER });
  assertEquals(left(partialSeed), 2 * BLOCK_SIZE);
});

Deno.test("the first announce is started, with this run's counts and the bytes left", () => {
  const kit = new Kit({
    have: "#..",
    short: 1,
    uploadedBefore: 100,
    downloadedBefore: 200,
    ...TRACKER,
  });
  const [{ url, request }] = kit.all("announce") as [ReturnType<typeof kit.all<"announce">>[0]];
  assertEquals(url, "http://a.test/announce");
  const { event, uploaded, downloaded, left, port, numWant } = request;
  assertEquals({ event, uploaded, downloaded, left, port, numWant }, {
    event: "started",
    uploaded: 0,
    downloaded: 0,
    left: 4 * BLOCK_SIZE - 1,
    port: 6881,
    numWant: 50,
  });
});

Deno.test("completed is sent once, and never for content that was complete at the start", () => {
  const kit = new Kit({ have: "#.", blocks: 1, ...TRACKER });
  kit.answer();
  kit.forget();
  kit.complete(kit.connect("##"));
  const [{ request }] = kit.all("announce") as [ReturnType<typeof kit.all<"announce">>[0]];
  assertEquals([request.event, request.left, request.downloaded], ["completed", 0, BLOCK_SIZE]);
  kit.answer();
  kit.wait(7_200_000);
  assertEquals(kit.all("announce").map(({ request }) => request.event), ["completed", undefined]);

  const seed = new Kit({ have: "##", ...TRACKER });
  seed.answer();
  seed.wait(7_200_000);
  assertEquals(seed.all("announce").map(({ request }) => request.event), ["started", undefined]);
});

Deno.test("a torrent of which nothing more is wanted announces as a partial seed", () => {
  const kit = new Kit({ have: "#..", ...TRACKER, priorities: Uint8Array.of(4, 0, 0) });
  kit.answer();
  kit.wait(7_200_000);
  const told = kit.all("announce").map(({ request }) => [request.event, request.left > 0]);
  assertEquals(told, [["paused", true], ["paused", true]]);
  kit.answer();
  kit.feed({ kind: "prioritize", ranges: [{ first: 1, end: 3, priority: 4 }] });
  kit.wait(7_200_000);
  assertEquals(kit.all("announce").at(-1)!.request.event, undefined);
});

Deno.test("the tracker is asked for more peers once those that it named are used up", () => {
  const kit = new Kit({ have: "..", ...TRACKER });
  kit.answer({ peers: [{ ip: "10.0.0.9", port: 6889 }], minIntervalSeconds: 10 });
  kit.wait(60_000);
  assertEquals(kit.all("announce").length, 1, "the dial may yet come to something");
  kit.feed({ kind: "dial-failed", job: kit.all("dial")[0]!.job, why: "refused" });
  assertEquals(kit.all("announce").length, 2);
});

Deno.test("peers that a tracker names are dialled, and its counts are reported", () => {
  const kit = new Kit({ have: "..", ...TRACKER });
  kit.answer({ peers: [{ ip: "10.0.0.9", port: 6889 }], seeders: 3, leechers: 4, warning: "slow" });
  assertEquals(kit.all("dial").map(({ address }) => address), [{ ip: "10.0.0.9", port: 6889 }]);
  assertEquals(kit.reports("tracker"), [{
    kind: "tracker",
    url: "http://a.test/announce",
    peers: 1,
    seeders: 3,
    leechers: 4,
    warning: "slow",
  }]);
  const { swarmSeeders, swarmLeechers } = factsOf(kit.torrent, kit.now);
  assertEquals([swarmSeeders, swarmLeechers], [3, 4]);
});

Deno.test("a failed tracker is reported, and retried", () => {
  const kit = new Kit({ have: "..", ...TRACKER });
  const error = { code: "unreachable", message: "No answer" } as const;
  kit.feed({ kind: "announced", job: kit.all("announce")[0]!.job, result: fail(error) });
  assertEquals(kit.reports("tracker-failed").map(({ message }) => message), ["No answer"]);
  kit.wait(60_000);
  assertEquals(kit.all("announce").length, 2);
});

Deno.test("a download without peers announces as often as the tracker allows", () => {
  const kit = new Kit({ have: "..", ...TRACKER });
  kit.answer({ intervalSeconds: 1_800, minIntervalSeconds: 40 });
  kit.wait(40_000);
  assertEquals(kit.all("announce").length, 2);
  kit.answer({ intervalSeconds: 1_800, minIntervalSeconds: 40 });
  const peer = kit.connect("##");
  kit.answer();
  kit.waitWith([peer], 600_000);
  assertEquals(kit.all("announce").length, 3);
});

Deno.test("answers after the stop are ignored", () => {
  const kit = new Kit({ have: "..", ...TRACKER });
  kit.feed({ kind: "stop" });
  kit.forget();
  kit.answer({ peers: [{ ip: "10.0.0.9", port: 6889 }] });
  assertEquals(kit.all("dial"), []);
  assertEquals(kit.all("report"), []);
});

Deno.test("seeding ends when the upload of all runs reaches the seed ratio", () => {
  const kit = new Kit({ have: "##", blocks: 1, seedRatio: 1.5, uploadedBefore: BLOCK_SIZE });
  const peer = kit.connect("..");
  kit.feed({ kind: "blocks-sent", peer, bytes: 2 * BLOCK_SIZE - 1 });
  kit.waitWith([peer], 2_000);
  assertEquals(kit.reports("seeding-done"), []);
  kit.feed({ kind: "blocks-sent", peer, bytes: 1 });
  kit.waitWith([peer], 5_000);
  assertEquals(kit.reports("seeding-done"), [{ kind: "seeding-done", why: "ratio" }]);
});

Deno.test("a seed ratio reached in an earlier run ends seeding without any peer", () => {
  const kit = new Kit({ have: "#", blocks: 1, seedRatio: 1, uploadedBefore: BLOCK_SIZE });
  kit.wait(2_000);
  assertEquals(kit.reports("seeding-done").map(({ why }) => why), ["ratio"]);
});

Deno.test("seed time counts from completion, with or without peers", () => {
  const kit = new Kit({ have: ".", blocks: 1, seedTimeMs: 60_000 });
  kit.wait(600_000);
  kit.complete(kit.connect("#"));
  kit.wait(59_000);
  assertEquals(kit.reports("seeding-done"), []);
  kit.wait(2_000);
  assertEquals(kit.reports("seeding-done").map(({ why }) => why), ["time"]);
});

Deno.test("an idle torrent without peers sets no timer before its next announce", () => {
  const kit = new Kit({ have: "##" });
  kit.wait(0);
  assertEquals(nextDeadline(kit.torrent), undefined);
  kit.feed({ kind: "blocks-sent", peer: 9, bytes: 1 });
  assertEquals(nextDeadline(kit.torrent), { at: kit.now + SAVE_INTERVAL_MS, reason: "save" });
  kit.feed({ kind: "peers-found", source: "tracker", addresses: [{ ip: "10.0.0.9", port: 6889 }] });
  kit.feed({ kind: "dial-failed", job: kit.all("dial")[0]!.job, why: "refused" });
  assertEquals(nextDeadline(kit.torrent)?.reason, "dial");
  kit.connect("..");
  assertEquals(nextDeadline(kit.torrent)?.reason, "tick");
  const other = new Kit({ have: "##", ...TRACKER });
  other.answer();
  assertEquals(nextDeadline(other.torrent)?.reason, "announce");
});

Deno.test("every timer makes progress: its deadline is later afterwards", () => {
  const kit = new Kit({ have: "..", shareRule: { percent: 10, strict: true }, ...TRACKER });
  kit.answer();
  kit.connect("#.");
  let last = kit.now;
  for (let i = 0; i < 200; i++) {
    const due = nextDeadline(kit.torrent)!;
    if (i > 0) assert(due.at > last, `${due.reason} at ${due.at} rings again`);
    last = kit.now = Math.max(kit.now, due.at);
    kit.feed({ kind: "timer" });
    kit.answer();
    kit.saved();
  }
});

Deno.test("the facts count bytes on disk, peers and seeds", () => {
  const kit = new Kit({ have: "#..", blocks: 1, short: 10 });
  kit.connect("###", { ip: "10.0.0.1" });
  kit.connect("...");
  const facts = factsOf(kit.torrent, kit.now);
  assertEquals(facts.bytesHave, BLOCK_SIZE);
  assertEquals(facts.bytesTotal, 3 * BLOCK_SIZE - 10);
  assertEquals([facts.peers, facts.seeds, facts.unchokingUs, facts.unchokedByUs], [2, 1, 2, 0]);
  assertEquals(factsOf(kit.torrent, kit.now + PEER_DEAD_MS).peers, 0);
});

Deno.test("missing bytes take the short last piece into account", () => {
  const missing = (have: string) => bytesMissing(new Kit({ have, blocks: 1, short: 10 }).transfer);
  assertEquals(missing("..."), 3 * BLOCK_SIZE - 10);
  assertEquals(missing("##."), BLOCK_SIZE - 10);
  assertEquals(missing(".##"), BLOCK_SIZE);
  assertEquals(missing("###"), 0);
  assertEquals(bitsOf("###").count, 3);
});

Deno.test("a rate is in bytes per second, adopts its first sample and decays to zero", () => {
  const meter = createRateMeter(0);
  countBytes(meter, 5_000);
  tickRate(meter, 500);
  assertEquals(meter.rate, 10_000);
  tickRate(meter, 500);
  assertEquals(meter.rate, 10_000, "no time, no change");
  countBytes(meter, 20_000);
  tickRate(meter, 1_500);
  assertEquals(meter.rate, 12_500);
  for (let second = 2; second < 40; second++) tickRate(meter, second * 1_000);
  assertEquals(meter.rate, 0);
});
