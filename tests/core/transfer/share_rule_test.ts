import { assertEquals } from "@std/assert";
import { fail } from "../../../core/bytes/result.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { SHARE_IDLE_MS, SHARE_INTEREST_MS, SHARE_UNMET_MS } from "../../../core/transfer/limits.ts";
import { factsOf } from "../../../core/torrent/facts.ts";
import { isWaiting, owedBytes } from "../../../core/transfer/share_rule.ts";
import { Kit, type Picture } from "../torrent/kit.ts";

const RULE = { percent: 10, strict: false };
const STRICT = { percent: 10, strict: true };

/** Ten pieces of one block, so that one block is owed. All but the last are present. */
function indebted(options: Partial<Picture> = {}): Kit {
  return new Kit({ have: "#########.", blocks: 1, shareRule: RULE, ...options });
}

function states(kit: Kit): string[] {
  return kit.reports("share").map(({ state }) => state);
}

/** A connected peer that lacks every piece, is interested, and is served. */
function taker(kit: Kit, has = ".........."): number {
  const peer = kit.connect(has, { unchokes: false });
  kit.say(peer, { kind: "interested" });
  return peer;
}

Deno.test("the debt is the percentage of the torrent's size, rounded up", () => {
  const owed = (percent: number) =>
    owedBytes(
      new Kit({ have: ".", blocks: 1, short: 1, shareRule: { percent, strict: false } }).transfer,
    );
  assertEquals([0, 10, 100].map(owed), [0, Math.ceil((BLOCK_SIZE - 1) / 10), BLOCK_SIZE - 1]);
});

Deno.test("all pieces but the last are requested, whatever is owed", () => {
  const kit = new Kit({ have: "...", blocks: 1, shareRule: RULE });
  kit.connect("...");
  const seed = kit.connect("###");
  assertEquals(kit.owed(seed).length, 2);
});

Deno.test("the last piece is withheld until the debt is paid, then requested at once", () => {
  const kit = indebted();
  const peer = taker(kit);
  const seed = kit.connect("##########");
  assertEquals(kit.owed(seed), []);
  assertEquals(kit.sentKinds(seed).includes("interested"), false, "it promises no requests");
  assertEquals(states(kit), ["owing"]);
  kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE - 1 });
  assertEquals(kit.owed(seed), []);
  kit.feed({ kind: "blocks-sent", peer, bytes: 1 });
  assertEquals(kit.sentKinds(seed).includes("interested"), true);
  assertEquals(kit.owed(seed), ["9.0"]);
  assertEquals(
    kit.reports("share").map(({ state, owedBytes, sharedBytes }) => [
      state,
      owedBytes,
      sharedBytes,
    ]),
    [["owing", BLOCK_SIZE, 0], ["paid", BLOCK_SIZE, BLOCK_SIZE]],
  );
});

Deno.test("during a wait, the facts say so and count the peers that can be served", () => {
  const kit = indebted();
  taker(kit);
  taker(kit);
  const { isWaiting, servable, owedBytes, share } = factsOf(kit.torrent, kit.now);
  assertEquals({ isWaiting, servable, owedBytes, share }, {
    isWaiting: true,
    servable: 2,
    owedBytes: BLOCK_SIZE,
    share: "owing",
  });
});

Deno.test("with the rule off nothing is owed, withheld or reported", () => {
  const kit = indebted({ shareRule: { percent: 0, strict: false } });
  taker(kit);
  kit.complete(kit.connect("##########"));
  assertEquals(kit.have, "##########");
  assertEquals(states(kit), []);
});

Deno.test("the debt is waived when no connected peer lacks a piece of ours", () => {
  const kit = indebted();
  const seed = kit.connect("##########");
  assertEquals(states(kit), ["owing", "waived"]);
  taker(kit);
  assertEquals(kit.owed(seed), ["9.0"], "for good, whoever comes later");
});

Deno.test("nothing is waived before a peer offers the piece, so that restarts do not help", () => {
  const kit = indebted();
  kit.wait(3_600_000);
  assertEquals(states(kit), ["owing"]);
  const peer = taker(kit);
  const seed = kit.connect("##########");
  assertEquals(kit.owed(seed), []);
  kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  assertEquals(states(kit), ["owing", "paid"]);
});

Deno.test("nothing is waived before the tracker responds or a few seconds have passed", () => {
  for (const how of ["answers", "fails", "says nothing"] as const) {
    const kit = indebted({ announceTiers: [["http://a.test/"]] });
    const seed = kit.connect("##########");
    kit.waitWith([seed], SHARE_UNMET_MS - 1_000);
    assertEquals(states(kit), ["owing"]);
    const error = { code: "unreachable", message: "No answer" } as const;
    const { job } = kit.all("announce")[0]!;
    if (how === "answers") kit.answer({ seeders: 1, leechers: 1 });
    else if (how === "fails") kit.feed({ kind: "announced", job, result: fail(error) });
    else kit.waitWith([seed], 2_000);
    assertEquals(states(kit), ["owing", "waived"], how);
  }
});

Deno.test("a peer with other pieces than ours, or more, lacks something of ours", () => {
  const kit = new Kit({ have: "########..", blocks: 1, shareRule: RULE });
  const peer = kit.connect("#########.");
  kit.say(peer, { kind: "interested" });
  kit.connect("##########", { unchokes: false });
  kit.deliver(peer);
  kit.finish();
  assertEquals(states(kit), ["waived"]);
});

Deno.test("a strict debt is never waived", () => {
  const kit = indebted({ shareRule: STRICT });
  const seed = kit.connect("##########");
  kit.waitWith([seed], 3_600_000);
  assertEquals(kit.owed(seed), []);
  assertEquals(states(kit), ["owing"]);
  assertEquals(isWaiting(kit.transfer), true);
});

Deno.test("uploads and waivers of earlier runs count", () => {
  for (const before of [{ uploadedBefore: BLOCK_SIZE }, { waivedBefore: true }]) {
    const kit = indebted(before);
    taker(kit);
    const seed = kit.connect("##########");
    assertEquals(kit.owed(seed), ["9.0"]);
  }
});

Deno.test("a waiver is saved", () => {
  const kit = indebted();
  kit.saved();
  const seed = kit.connect("##########");
  kit.saved();
  kit.waitWith([seed], 11_000);
  assertEquals(kit.all("save-state").at(-1)!.state.waived, true);
});

Deno.test("the piece of a one-piece torrent is not withheld: there is nothing to serve", () => {
  const kit = new Kit({
    have: ".",
    blocks: 1,
    shareRule: RULE,
    announceTiers: [["http://a.test/"]],
  });
  kit.answer({ seeders: 1, leechers: 5 });
  const other = kit.connect(".");
  kit.say(other, { kind: "interested" });
  assertEquals(kit.owed(kit.connect("#")), ["0.0"]);
});

Deno.test("the rule waits a few seconds for an incomplete peer that the tracker named", () => {
  const kit = new Kit({
    have: "########..",
    blocks: 1,
    shareRule: RULE,
    announceTiers: [["http://a"]],
  });
  kit.answer({ seeders: 1, leechers: 2, intervalSeconds: 1_800, minIntervalSeconds: 1 });
  const seed = kit.connect("##########");
  kit.deliver(seed);
  kit.finish();
  assertEquals(states(kit), ["owing"]);
  const announces = kit.all("announce").length;
  kit.waitWith([seed], SHARE_UNMET_MS - 5_000);
  assertEquals(kit.all("announce").length > announces, true, "the tracker is asked for it");
  kit.answer({ seeders: 1, leechers: 2 });
  assertEquals(states(kit), ["owing"]);
  kit.waitWith([seed], 20_000);
  assertEquals(states(kit), ["owing", "waived"]);
});

Deno.test("once the tracker reports no other incomplete peer, the debt is waived at once", () => {
  const kit = new Kit({
    have: "########..",
    blocks: 1,
    shareRule: RULE,
    announceTiers: [["http://a"]],
  });
  kit.answer({ seeders: 1, leechers: 2, intervalSeconds: 1_800, minIntervalSeconds: 1 });
  const seed = kit.connect("##########");
  kit.deliver(seed);
  kit.finish();
  kit.waitWith([seed], SHARE_UNMET_MS - 5_000);
  assertEquals(states(kit), ["owing"]);
  kit.answer({ seeders: 1, leechers: 1 });
  assertEquals(states(kit), ["owing", "waived"]);
});

Deno.test("connected incomplete peers are not counted twice", () => {
  const kit = new Kit({
    have: "########..",
    blocks: 1,
    shareRule: RULE,
    announceTiers: [["http://a"]],
  });
  kit.answer({ seeders: 1, leechers: 3, intervalSeconds: 1_800, minIntervalSeconds: 30 });
  const seed = kit.connect("##########");
  const others = [kit.connect("########.."), kit.connect("########..", { unchokes: false })];
  kit.deliver(seed);
  kit.finish();
  for (const peer of others) kit.say(peer, { kind: "not-interested" });
  assertEquals(states(kit), ["owing", "waived"]);
});

Deno.test("a peer that became a seed is not counted as an unreached leecher", () => {
  const kit = new Kit({
    have: "########..",
    blocks: 1,
    shareRule: RULE,
    announceTiers: [["http://a"]],
  });
  kit.answer({ seeders: 0, leechers: 2, intervalSeconds: 1_800, minIntervalSeconds: 30 });
  const peer = kit.connect("#########.");
  kit.say(peer, { kind: "have", piece: 9 });
  kit.deliver(peer);
  kit.finish();
  assertEquals(states(kit), ["waived"]);
});

Deno.test("a peer gets some time to express interest in our last piece", () => {
  const kit = new Kit({ have: "########..", blocks: 1, shareRule: RULE });
  const seed = kit.connect("##########");
  const peer = kit.connect("########..", { unchokes: false });
  kit.say(peer, { kind: "not-interested" });
  kit.waitWith([seed, peer], 2 * SHARE_INTEREST_MS);
  kit.deliver(seed);
  kit.finish();
  assertEquals(states(kit), ["owing"], "it may want the piece that we just got");
  kit.waitWith([seed, peer], SHARE_INTEREST_MS / 2);
  kit.say(peer, { kind: "interested" });
  kit.waitWith([seed, peer], SHARE_INTEREST_MS);
  assertEquals(states(kit), ["owing"]);
});

Deno.test("the rule waits ten seconds for a peer to express interest", () => {
  const kit = indebted({ shareRule: STRICT });
  const peer = kit.connect(".", { unchokes: false });
  assertEquals(factsOf(kit.torrent, kit.now).servable, 1);
  kit.waitWith([peer], SHARE_INTEREST_MS);
  assertEquals(factsOf(kit.torrent, kit.now).servable, 0);
});

Deno.test("an unchoked peer without requests for a minute cannot be served", () => {
  const kit = indebted({ shareRule: STRICT });
  const peer = taker(kit);
  kit.waitWith([peer], SHARE_IDLE_MS - 5_000);
  assertEquals(factsOf(kit.torrent, kit.now).servable, 1);
  kit.waitWith([peer], 10_000);
  assertEquals(factsOf(kit.torrent, kit.now).servable, 0);
});

Deno.test("a dead peer cannot be served", () => {
  const kit = indebted({ shareRule: STRICT });
  taker(kit);
  const lively = [kit.connect("##########"), kit.connect("##########")];
  kit.waitWith(lively, 130_000);
  assertEquals(factsOf(kit.torrent, kit.now).servable, 0);
});

Deno.test("peers that toggle interest but take nothing delay it about a minute, not for ever", () => {
  const kit = new Kit({ have: "########..", blocks: 1, shareRule: RULE });
  const seed = kit.connect("##########");
  const liars = [taker(kit), taker(kit)];
  kit.deliver(seed);
  kit.finish();
  assertEquals(states(kit), ["owing"]);
  let seconds = 0;
  for (; !states(kit).includes("waived") && seconds < 600; seconds++) {
    kit.waitWith([seed, ...liars], 1_000);
    if (seconds % 15 > 0) continue;
    // Never all at once: a moment in which no peer is interested would end the debt.
    for (const peer of liars) {
      kit.say(peer, { kind: "request", piece: 0, begin: 0, length: BLOCK_SIZE });
      kit.say(peer, { kind: "cancel", piece: 0, begin: 0, length: BLOCK_SIZE });
      kit.say(peer, { kind: "not-interested" });
      kit.say(peer, { kind: "interested" });
    }
  }
  assertEquals(seconds >= 58 && seconds <= 75, true, `${seconds} s`);
  assertEquals(kit.owed(seed).length, 1);
});

/**
 * Uploads `bytes` a second to `peer`, with the seed connected, for so many seconds or until
 * nothing is owed.
 */
function upload(kit: Kit, peer: number, seed: number, bytes: number, seconds: number): void {
  for (let i = 0; i < seconds && states(kit).at(-1) === "owing"; i++) {
    kit.say(peer, { kind: "request", piece: 0, begin: 0, length: BLOCK_SIZE });
    kit.feed({ kind: "blocks-sent", peer, bytes });
    kit.waitWith([peer, seed], 1_000);
  }
}

Deno.test("a debt that cannot be paid in time at the present rate is waived", () => {
  const kit = new Kit({ have: "#".repeat(99) + ".", blocks: 16, shareRule: RULE });
  const peer = taker(kit, ".".repeat(100));
  const seed = kit.connect("#".repeat(100));
  // Ten pieces of 256 KiB at 1 kB/s would take three quarters of an hour.
  upload(kit, peer, seed, 1_000, 120);
  assertEquals(states(kit), ["owing", "waived"]);
});

Deno.test("the rule waits for a debt that can be paid in time, however long it has waited", () => {
  const kit = new Kit({ have: "#".repeat(99) + ".", blocks: 16, shareRule: RULE });
  const peer = taker(kit, ".".repeat(100));
  const seed = kit.connect("#".repeat(100));
  // 2.6 MB at 40 kB/s take 66 s.
  upload(kit, peer, seed, 40_000, 200);
  assertEquals(states(kit), ["owing", "paid"]);
});

Deno.test("the facts contain the remaining debt and time", () => {
  const kit = indebted();
  const seed = kit.connect("##########");
  const peer = taker(kit);
  const before = factsOf(kit.torrent, kit.now);
  assertEquals([before.remainingDebt, before.secondsToPay], [BLOCK_SIZE, undefined]);
  kit.feed({ kind: "blocks-sent", peer, bytes: 1_000 });
  kit.waitWith([peer, seed], 2_000);
  const { remainingDebt, secondsToPay } = factsOf(kit.torrent, kit.now);
  assertEquals(remainingDebt, BLOCK_SIZE - 1_000);
  assertEquals(secondsToPay! > 0, true);
});

Deno.test("a waived debt that gets paid anyway ends as paid", () => {
  const kit = indebted();
  kit.complete(kit.connect("##########"));
  const peer = taker(kit);
  kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  assertEquals(states(kit), ["owing", "waived", "paid"]);
});

Deno.test("a torrent that is complete at the start reports no debt", () => {
  const kit = new Kit({ have: "##", shareRule: RULE });
  taker(kit);
  assertEquals(states(kit), []);
});

Deno.test("not interested is sent to all peers once only the withheld piece is missing", () => {
  const shareRule = { percent: 10, strict: true };
  const kit = new Kit({ have: "..", blocks: 20, shareRule });
  const unchoked = kit.connect("#.", { unchokes: false });
  const other = kit.connect(".#", { unchokes: false });
  kit.say(unchoked, { kind: "unchoke" });
  assertEquals(kit.peer(other).amInterested, false);
});

/** Whole seconds until the debt is waived, with `peers` connected. */
function secondsUntilWaived(kit: Kit, peers: readonly number[], limit: number): number {
  for (let seconds = 1; seconds <= limit; seconds++) {
    kit.waitWith(peers, 1_000);
    if (states(kit).includes("waived")) return seconds;
  }
  return Infinity;
}

Deno.test("a peer that wants our pieces and takes none holds a download up for one minute", () => {
  const kit = new Kit({ have: "########..", blocks: 1, shareRule: RULE });
  const seed = kit.connect("##########");
  const idle = taker(kit);
  kit.deliver(seed);
  kit.finish();
  const seconds = secondsUntilWaived(kit, [seed, idle], 300);
  assertEquals(seconds >= 55 && seconds <= 65, true, `${seconds} s`);
});

Deno.test("an incomplete peer that the tracker names and nobody meets is waited for 15 s", () => {
  const announceTiers = [["http://a"]];
  const kit = new Kit({ have: "########..", blocks: 1, shareRule: RULE, announceTiers });
  kit.answer({ seeders: 1, leechers: 2, intervalSeconds: 1_800, minIntervalSeconds: 1 });
  const seed = kit.connect("##########");
  kit.deliver(seed);
  kit.finish();
  let seconds = 0;
  while (!states(kit).includes("waived") && seconds < 300) {
    kit.waitWith([seed], 1_000);
    kit.answer({ seeders: 1, leechers: 2 });
    seconds++;
  }
  assertEquals(seconds >= 13 && seconds <= 18, true, `${seconds} s`);
});
