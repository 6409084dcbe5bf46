/** What follows from a batch of events, whatever was in it. */
import { assert, assertEquals } from "@std/assert";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { nextDeadline } from "../../../core/torrent/deadlines.ts";
import {
  createTorrent,
  hasBlocks,
  hasPiece,
  isComplete,
  isFinished,
  transferOf,
} from "../../../core/torrent/state.ts";
import type { Effect } from "../../../core/torrent/protocol.ts";
import { step } from "../../../core/torrent/step.ts";
import { PIPELINE_FIRST } from "../../../core/transfer/limits.ts";
import { Kit, writable } from "./kit.ts";

Deno.test("whatever is sent to a peer, asked of it or uploaded keeps its connection alive", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const peer = kit.connect(".#", { unchokes: false });
  const sentMs = () => kit.connection(peer).lastSentMs;
  kit.now += 1_000;
  kit.say(peer, { kind: "keep-alive" });
  assert(sentMs() < kit.now);
  kit.say(peer, { kind: "interested" });
  assertEquals(sentMs(), kit.now, "an unchoke was sent");
  kit.now += 1_000;
  kit.say(peer, { kind: "unchoke" });
  assertEquals(kit.owed(peer), ["1.0"]);
  assertEquals(sentMs(), kit.now, "a block was requested");
  kit.now += 1_000;
  kit.say(peer, { kind: "request", piece: 0, begin: 0, length: 16_384 });
  assertEquals(kit.all("upload").length, 1);
  assertEquals(sentMs(), kit.now, "a block was uploaded");
});

Deno.test("any message and any block is a sign of life", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  const peer = kit.connect("##");
  kit.connect("##");
  kit.now += PEER_DEAD_MS - 1;
  kit.say(peer, { kind: "unknown", id: 99 });
  assertEquals(kit.connection(peer).lastHeardMs, kit.now);
  kit.now += 1_000;
  kit.deliver(peer, 1);
  assertEquals(kit.connection(peer).lastHeardMs, kit.now);
});

Deno.test("a peer that was silent counts again with its first block or message", () => {
  for (const sign of ["block", "message"]) {
    const kit = new Kit({ have: "..", blocks: 1 });
    const [peer, ...others] = [1, 2, 3].map(() => kit.connect("##"));
    const [owed] = kit.owed(peer!);
    kit.waitWith(others, PEER_DEAD_MS);
    assertEquals(kit.peer(peer!).isSilent, true);
    const [piece, block] = (owed ?? "0.0").split(".").map(Number);
    if (sign === "block") kit.block(peer!, piece!, block!);
    else kit.say(peer!, { kind: "keep-alive" });
    assertEquals(kit.peer(peer!).isSilent, false, sign);
  }
});

Deno.test("what is wrong with a block is told", () => {
  const cases = [[2, 0, 16_384, "a block beyond the end"], [1, 1, 1, "a block beyond the end"], [
    ...[1, 0, 0, "an empty block"] as const,
  ]] as const;
  for (const [piece, block, length, why] of cases) {
    const kit = new Kit({ have: "..", blocks: 1 });
    const peer = kit.connect("##");
    assertEquals(kit.block(peer, piece, block, length), "violation");
    assertEquals(kit.reports("peer-violated")[0]?.why, why);
    assertEquals(kit.isConnected(peer), false);
  }
});

Deno.test("what is wrong with a bitfield is told", () => {
  for (
    const [bits, why] of [
      [[0, 0], "a bitfield of 2 bytes instead of 1"],
      [[0b0010_0000], "a bitfield with spare bits set"],
    ] as const
  ) {
    const kit = new Kit({ have: ".." });
    const peer = kit.handshake();
    kit.say(peer, { kind: "bitfield", bits: Uint8Array.from(bits) });
    assertEquals(kit.reports("peer-violated")[0]?.why, why);
  }
});

Deno.test("two that want nothing more part at any message that says so", () => {
  const messages = [
    { kind: "have-all" },
    { kind: "bitfield", bits: Uint8Array.of(0xc0) },
  ] as const;
  for (const message of messages) {
    const kit = new Kit({ have: "##" });
    const peer = kit.handshake();
    kit.say(peer, message);
    assertEquals(kit.closed(peer), "both-complete", message.kind);
  }
  const kit = new Kit({ have: "##" });
  const peer = kit.handshake();
  kit.say(peer, { kind: "have", piece: 0 });
  assertEquals(kit.closed(peer), undefined);
  kit.say(peer, { kind: "have", piece: 1 });
  assertEquals(kit.closed(peer), "both-complete");
});

Deno.test("a torrent of which only the info hash is known has no pieces", () => {
  const { torrent } = new Kit({ have: "##", isMagnet: true });
  assertEquals([isComplete(torrent), isFinished(torrent)], [false, false]);
  assertEquals([hasPiece(torrent, 0), hasBlocks(torrent, 0)], [false, false]);
  let thrown: unknown;
  try {
    transferOf(torrent);
  } catch (error) {
    thrown = error;
  }
  assert(thrown instanceof Error && thrown.message.includes("metadata"));
});

Deno.test("pieces on disk and pieces with blocks are told apart", () => {
  const kit = new Kit({ have: "#..", blocks: 2 });
  kit.deliver(kit.connect(".#.", { unchokes: true }), 1);
  const of = (test: typeof hasPiece) => [0, 1, 2].map((piece) => test(kit.torrent, piece));
  assertEquals([of(hasPiece), of(hasBlocks)], [[true, false, false], [false, true, false]]);
});

Deno.test("a torrent ticks from its start on, and stops once, also before it began", () => {
  const { options } = new Kit({ have: ".." }).torrent;
  const effects: Effect[] = [];
  const late = createTorrent(options, 1_000);
  step(late, { kind: "start" }, 60_000, effects);
  assertEquals(late.nextTickMs, 60_000);
  step(late, { kind: "start" }, 70_000, effects);
  assertEquals(late.nextTickMs, 60_000, "it runs already");
  const idle = createTorrent(options, 1_000);
  step(idle, { kind: "stop" }, 2_000, effects);
  assertEquals(idle.stage, "stopping");
});

Deno.test("a torrent without peers is woken as long as something moves by itself", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  kit.saved();
  assertEquals(nextDeadline(kit.torrent), undefined);
  writable(kit.transfer.down).rate = 1;
  assertEquals(nextDeadline(kit.torrent)?.reason, "tick");
  writable(kit.transfer.down).rate = 0;
  writable(kit.transfer.up).rate = 1;
  assertEquals(nextDeadline(kit.torrent)?.reason, "tick");
  writable(kit.transfer.up).rate = 0;
  assertEquals(nextDeadline(kit.torrent), undefined);
  const magnet = new Kit({ have: "..", isMagnet: true });
  assertEquals(nextDeadline(magnet.torrent), undefined);
});

Deno.test("a timer before its time, or after the stop, changes nothing", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  kit.connect("##");
  kit.feed({ kind: "timer" });
  const { nextTickMs } = kit.torrent;
  assert(nextTickMs > kit.now);
  kit.feed({ kind: "timer" });
  assertEquals(kit.torrent.nextTickMs, nextTickMs);
  kit.feed({ kind: "stop" });
  kit.now = nextTickMs + 5_000;
  kit.feed({ kind: "timer" });
  assertEquals(kit.torrent.nextTickMs, nextTickMs);
});

Deno.test("before the metadata is known something is left, as of no seeder", () => {
  const kit = new Kit({ have: "..", isMagnet: true, announceTiers: [["http://a.test/"]] });
  const [announce] = kit.all("announce");
  assertEquals([announce!.request.left, announce!.request.event], [1, "started"]);
});

Deno.test("tuning a selection dials peers again only where it makes work", () => {
  const dialsAfter = (have: string, isWanted: boolean) => {
    const kit = new Kit({ have, blocks: 1 });
    const address = { ip: "10.9.9.9", port: 6881 };
    kit.feed({ kind: "peers-found", source: "tracker", addresses: [address] });
    const [dial] = kit.all("dial");
    if (dial !== undefined) kit.feed({ kind: "dial-failed", job: dial.job, why: "refused" });
    kit.forget();
    kit.feed({
      kind: "prioritize",
      ranges: [{ first: 0, last: have.length - 1, priority: isWanted ? 1 : 0 }],
    } as never);
    return kit.all("dial").length;
  };
  assertEquals(dialsAfter("..", true), 0, "it was not finished before");
});

Deno.test("every second the rates of the torrent and of its peers take in what was moved", () => {
  const kit = new Kit({ have: "#.......", blocks: 4 });
  const peer = kit.connect("########");
  kit.wait(1_000);
  kit.deliver(peer, 4);
  kit.feed({ kind: "blocks-sent", peer, bytes: 50_000 });
  kit.say(peer, { kind: "keep-alive" });
  kit.wait(2_000);
  const { down, up } = kit.transfer;
  for (const { rate } of [down, up, kit.peer(peer).down, kit.peer(peer).up]) assert(rate > 0);
});

Deno.test("a peer that answers fast is asked for more from the next second on", () => {
  const kit = new Kit({ have: ".".repeat(64), blocks: 64 });
  const peer = kit.connect("#".repeat(64));
  assertEquals(kit.owed(peer).length, PIPELINE_FIRST);
  kit.wait(1_000);
  for (let i = 0; i < 400; i++) kit.deliver(peer, 1);
  kit.wait(1_000);
  kit.deliver(peer, 1);
  assert(kit.owed(peer).length > PIPELINE_FIRST, `${kit.owed(peer).length}`);
});

Deno.test("a torrent is in its endgame when every block is asked for", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  assertEquals(kit.torrent.inEndgame, false);
  kit.connect("##");
  assertEquals(kit.torrent.inEndgame, true);
});

Deno.test("a failed disk is reported once", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  const [save] = kit.all("save-state");
  kit.feed({ kind: "disk-failed", job: save!.job, message: "full" });
  assertEquals(kit.reports("disk-failed").map(({ message }) => message), ["full"]);
  kit.wait(600_000);
  for (const [job, { kind }] of kit.jobs) {
    if (kind === "save") kit.feed({ kind: "disk-failed", job, message: "full" });
  }
  assertEquals(kit.reports("disk-failed").length, 1);
});
