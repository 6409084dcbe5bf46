import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { receiveBlock } from "../../../core/torrent/data_plane.ts";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import { TICK_MS } from "../../../core/torrent/deadlines.ts";
import {
  BUFFERED_BYTES_MAX,
  ENDGAME_LATE_MS,
  ENDGAME_PIPELINE_MAX,
  ENDGAME_REQUESTERS_MAX,
  ENDGAME_SLOW_FACTOR,
  REFUSED_FIRST_MS,
  SNUB_MS,
} from "../../../core/transfer/limits.ts";
import { isEndgame, pickBlocks } from "../../../core/transfer/picker.ts";
import { EAGER_ENDGAME, Kit, writable } from "../torrent/kit.ts";

interface Drawn {
  /** A digit a piece: how many other peers have it. */
  readonly available: string;
  /** "*" is a piece that the picked peer has. */
  readonly have: string;
  /** Pieces that we already have, so that picking is past its random first pieces. */
  readonly held?: number;
}

/** Requests one block; the piece picked must be `piece`. */
function expectPick({ available, have, held = 4 }: Drawn, piece: number): void {
  const pad = "#".repeat(held);
  const kit = new Kit({ have: pad + ".".repeat(available.length), blocks: 1 });
  for (let other = 1; other <= 9; other++) {
    const theirs = [...available].map((count) => Number(count) >= other ? "#" : ".").join("");
    if (theirs.includes("#")) kit.connect(pad + theirs, { unchokes: false });
  }
  const asked = kit.connect(pad + have.replaceAll("*", "#"), { unchokes: false });
  const peer = kit.peer(asked);
  writable(peer).isChoking = false;
  const blocks: number[] = [];
  pickBlocks(kit.transfer, peer, 1, kit.now, blocks);
  assertEquals(blocks[0] === undefined ? -1 : blocks[0] - held, piece);
}

Deno.test("rarest first: of the peer's pieces the one with the fewest holders is chosen", () => {
  expectPick({ available: "2213", have: "****" }, 2);
  expectPick({ available: "3213", have: "**.*" }, 1);
  expectPick({ available: "2213", have: "...*" }, 3);
  expectPick({ available: "2213", have: "*..." }, 0);
  expectPick({ available: "0000", have: "...." }, -1);
});

Deno.test("the first pieces are chosen at random, so that newcomers have pieces to trade", () => {
  const firsts = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const kit = new Kit({ have: ".".repeat(20), blocks: 40, seed });
    kit.connect("#".repeat(20));
    const rare = kit.connect(".".repeat(20));
    assertEquals(kit.owed(rare), []);
    firsts.add(kit.owed(1)[0]!);
  }
  assert(firsts.size > 8, `only ${firsts.size} different first pieces`);
});

Deno.test("started pieces are finished before another one is started", () => {
  const kit = new Kit({ have: "....", blocks: 20 });
  const first = kit.connect("####");
  kit.disconnect(first);
  const started = [...kit.transfer.partials.keys()];
  assertEquals(started.length, 1);
  const second = kit.connect("####");
  assertEquals(kit.owed(second).every((name) => name.startsWith(`${started[0]}.`)), true);
});

Deno.test("a suggested piece precedes the rarest one, if it is wanted", () => {
  const kit = new Kit({ have: "#####.....", blocks: 40 });
  const peer = kit.connect("##########", { unchokes: false });
  kit.say(peer, { kind: "suggest", piece: 7 });
  kit.say(peer, { kind: "suggest", piece: 2 });
  kit.say(peer, { kind: "unchoke" });
  assertEquals(kit.owed(peer)[0], "7.0");
});

Deno.test("from a choking peer only allowed fast pieces are requested", () => {
  const kit = new Kit({ have: "....", blocks: 2 });
  const peer = kit.connect("##.#", { unchokes: false });
  kit.say(peer, { kind: "allowed-fast", piece: 2 });
  assertEquals(kit.owed(peer), []);
  kit.say(peer, { kind: "allowed-fast", piece: 1 });
  assertEquals(kit.owed(peer), ["1.0", "1.1"]);
  kit.say(peer, { kind: "choke" });
  assertEquals(kit.owed(peer), ["1.0", "1.1"]);
  kit.say(peer, { kind: "reject", piece: 1, begin: 0, length: BLOCK_SIZE });
  assertEquals(kit.owed(peer), ["1.1"]);
  assertEquals(kit.transfer.partials.get(1)!.free, 1, "its word is taken back");
});

Deno.test("no block is requested twice while others are free", () => {
  fc.assert(fc.property(
    fc.array(fc.stringMatching(/^[#.]{8}$/).filter((have) => have.includes("#")), {
      minLength: 1,
      maxLength: 5,
    }),
    fc.nat(),
    (pictures, seed) => {
      const kit = new Kit({ have: "........", blocks: 100, seed });
      for (const picture of pictures) kit.connect(picture);
      assertEquals(isEndgame(kit.transfer), false);
      const asked = [...kit.torrent.swarm.connections.keys()].flatMap((peer) => kit.owed(peer));
      assertEquals(new Set(asked).size, asked.length);
    },
  ));
});

Deno.test("in endgame blocks are requested from several peers and cancelled on arrival", () => {
  const kit = new Kit({ have: "#.", blocks: 2 });
  const peers = [kit.connect("##"), kit.connect("##"), kit.connect("##"), kit.connect("##")];
  const requesters = () => peers.filter((peer) => kit.owed(peer).includes("1.0"));
  kit.wait(ENDGAME_REQUESTERS_MAX * (ENDGAME_LATE_MS + TICK_MS));
  assertEquals(requesters().length, ENDGAME_REQUESTERS_MAX);
  const [winner, ...losers] = requesters();
  kit.forget();
  kit.block(winner!, 1, 0);
  assertEquals(requesters(), []);
  for (const loser of losers) {
    const cancel = { kind: "cancel", piece: 1, begin: 0, length: BLOCK_SIZE } as const;
    assertEquals(kit.sent(loser), [cancel]);
    assertEquals(kit.block(loser, 1, 0), "unwanted");
  }
  assertEquals(kit.sent(winner!), []);
});

Deno.test("in endgame a block is requested from a second peer only once it is late", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const first = kit.connect("##");
  const second = kit.connect("##");
  kit.wait(ENDGAME_LATE_MS - 1);
  assertEquals([kit.owed(first), kit.owed(second)], [["1.0"], []]);
  kit.wait(TICK_MS);
  assertEquals([kit.owed(first), kit.owed(second)], [["1.0"], ["1.0"]]);
});

Deno.test("in endgame a much faster peer is asked at once for what a slow one owes", () => {
  for (const factor of [1, ENDGAME_SLOW_FACTOR, ENDGAME_SLOW_FACTOR + 1]) {
    const kit = new Kit({ have: "#.", blocks: 1 });
    const slow = kit.connect("##");
    const fast = kit.connect("##", { unchokes: false });
    writable(kit.peer(slow).down).rate = 100_000;
    writable(kit.peer(fast).down).rate = factor * 100_000;
    kit.say(fast, { kind: "unchoke" });
    assertEquals(kit.owed(fast).length, factor > ENDGAME_SLOW_FACTOR ? 1 : 0);
  }
});

Deno.test("in endgame a peer with a full pipeline gets no duplicate requests", () => {
  const kit = new Kit({ have: ".", blocks: 100, tuning: EAGER_ENDGAME });
  const busy = kit.connect("#");
  const slow = kit.connect("#");
  writable(kit.peer(busy)).pipeline = writable(kit.peer(slow)).pipeline = 200;
  kit.deliver(busy, 1);
  kit.deliver(slow, 1);
  const both = new Set(kit.owed(busy)).intersection(new Set(kit.owed(slow))).size;
  assert(both <= ENDGAME_PIPELINE_MAX, `${both} blocks are asked of both`);
});

Deno.test("a piece without sources does not prevent endgame for the others", () => {
  const kit = new Kit({ have: "...", blocks: 1 });
  const one = kit.connect("##.");
  const two = kit.connect("##.");
  kit.wait(ENDGAME_LATE_MS + TICK_MS);
  assertEquals(kit.owed(one).sort(), ["0.0", "1.0"]);
  assertEquals(kit.owed(two).sort(), ["0.0", "1.0"]);
});

Deno.test("requests to a choking peer without Fast are freed at once", () => {
  const kit = new Kit({ have: "#..", blocks: 4 });
  const peer = kit.connect("###", { fast: false });
  const asked = kit.owed(peer);
  const other = kit.connect("###");
  kit.say(peer, { kind: "choke" });
  assertEquals(kit.owed(peer), []);
  assertEquals(kit.owed(other).sort(), asked.sort());
});

Deno.test("requests to a choking peer with Fast stay outstanding until a block or reject", () => {
  const kit = new Kit({ have: "#.", blocks: 4 });
  const peer = kit.connect("##");
  kit.say(peer, { kind: "choke" });
  assertEquals(kit.owed(peer), ["1.0", "1.1", "1.2", "1.3"]);
  kit.deliver(peer, 1);
  kit.say(peer, { kind: "reject", piece: 1, begin: BLOCK_SIZE, length: BLOCK_SIZE });
  assertEquals(kit.owed(peer), ["1.2", "1.3"], "one came, one was rejected");
  const other = kit.connect("##");
  assertEquals(kit.owes(other, 1, 1), true, "the rejected one goes to another peer");
  assertEquals(kit.transfer.wasted, 0);
});

Deno.test("requests to a disconnected peer are freed, and its blocks are kept", () => {
  const kit = new Kit({ have: "#..", blocks: 4 });
  const peer = kit.connect("###");
  const asked = kit.owed(peer);
  kit.deliver(peer, 2);
  kit.disconnect(peer);
  const other = kit.connect("###");
  assertEquals(kit.owed(other).sort(), asked.slice(2).sort());
});

Deno.test("a rejected block is requested from another peer at once", () => {
  const kit = new Kit({ have: "#.", blocks: 40 });
  const peer = kit.connect("##");
  const other = kit.connect("##");
  writable(kit.peer(other)).pipeline = 100;
  kit.say(peer, { kind: "reject", piece: 1, begin: 0, length: BLOCK_SIZE });
  assertEquals(kit.owes(peer, 1, 0), false);
  assertEquals(kit.owes(other, 1, 0), true);
});

Deno.test("a rejected piece is requested from the peer again after doubling delays", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const peer = kit.connect("##");
  const reject = { kind: "reject", piece: 1, begin: 0, length: BLOCK_SIZE } as const;
  for (let i = 0; i < 5; i++) kit.say(peer, reject);
  for (let asked = 1, waitMs = REFUSED_FIRST_MS; asked <= 4; asked++, waitMs *= 2) {
    assertEquals(kit.all("request").length, asked);
    kit.wait(waitMs - 1);
    assertEquals(kit.all("request").length, asked);
    kit.wait(TICK_MS + 1);
    kit.say(peer, reject);
  }
});

Deno.test("a rejected piece does not prevent requests for other pieces", () => {
  const kit = new Kit({ have: "....................", blocks: 1 });
  const peer = kit.connect("####################");
  writable(kit.peer(peer)).pipeline = 2;
  writable(kit.peer(peer)).slowStart = false;
  const asked = new Set<number>();
  for (let at = 0; at < kit.all("request").length; at++) {
    for (let i = 0; i < kit.all("request")[at]!.blocks.length; i += 3) {
      const piece = kit.all("request")[at]!.blocks[i]!;
      asked.add(piece);
      kit.say(peer, { kind: "reject", piece, begin: 0, length: BLOCK_SIZE });
    }
  }
  assertEquals(asked.size, 20);
});

Deno.test("a reject of an invalid block is ignored", () => {
  const kit = new Kit({ have: "..", blocks: 1 });
  const peer = kit.connect("##");
  const owed = kit.owed(peer);
  kit.say(peer, { kind: "reject", piece: 9, begin: 0, length: BLOCK_SIZE });
  kit.say(peer, { kind: "reject", piece: 0, begin: BLOCK_SIZE, length: BLOCK_SIZE });
  assertEquals(kit.owed(peer), owed);
});

Deno.test("after a minute a silent peer is snubbed: its blocks are freed, and it gets one", () => {
  const kit = new Kit({ have: "#..", blocks: 4 });
  const silent = kit.connect("###");
  const asked = kit.owed(silent);
  assertEquals(asked.length, 8);
  kit.waitWith([silent], SNUB_MS - 2_000);
  const other = kit.connect("###", { unchokes: false });
  kit.forget();
  kit.waitWith([silent, other], 5_000);
  assertEquals(kit.owed(silent).length, 1);
  assertEquals(kit.sentKinds(silent).filter((kind) => kind === "cancel").length, 8);
  kit.say(other, { kind: "unchoke" });
  assertEquals(kit.owed(other).length >= 7, true);
  kit.deliver(silent);
  assertEquals(kit.peer(silent).snubbed, false);
});

Deno.test("three silent peers cannot hold the last block while a fourth delivers", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const silent = [kit.connect("##"), kit.connect("##"), kit.connect("##")];
  kit.waitWith(silent, SNUB_MS / 2);
  const late = kit.connect("##");
  assertEquals(kit.owed(late), []);
  kit.waitWith([...silent, late], SNUB_MS);
  assertEquals(kit.owed(late), ["1.0"]);
});

Deno.test("nothing is requested from a dead peer until it sends again", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const dead = kit.connect("##");
  const lively = [kit.connect(".."), kit.connect("..")];
  kit.waitWith(lively, PEER_DEAD_MS + 1_000);
  assertEquals(kit.isConnected(dead), true);
  assertEquals(kit.owed(dead), []);
  kit.say(dead, { kind: "keep-alive" });
  assertEquals(kit.owed(dead), ["1.0"]);
});

Deno.test("a peer never gets more requests than its queue length", () => {
  const kit = new Kit({ have: "....", blocks: 64 });
  const peer = kit.connect("####", { unchokes: false });
  writable(kit.peer(peer).link).reqq = 5;
  writable(kit.peer(peer)).pipeline = 100;
  kit.say(peer, { kind: "unchoke" });
  assertEquals(kit.owed(peer).length, 5);
});

Deno.test("with full buffers no piece is started, and stranded ones are abandoned", () => {
  const blocks = BUFFERED_BYTES_MAX / BLOCK_SIZE / 4;
  const kit = new Kit({ have: "......", blocks });
  const leaving = kit.connect("######");
  for (const other of ["#####.", "#####."]) kit.connect(other, { unchokes: false });
  writable(kit.peer(leaving)).pipeline = writable(kit.peer(leaving).link).reqq = 1_000_000;
  const blocksNow: number[] = [];
  pickBlocks(kit.transfer, kit.peer(leaving), 6 * blocks, kit.now, blocksNow);
  assertEquals(kit.transfer.partials.size, 4);
  assertEquals(kit.transfer.bufferedBytes, BUFFERED_BYTES_MAX);
  kit.disconnect(leaving);
  kit.forget();
  kit.waitWith([2, 3], 2_000);
  assertEquals(kit.transfer.partials.size, 3, "one is given up, and no more than is needed");
  assertEquals(kit.all("drop-piece").length, 1);
});

Deno.test("with full buffers, a fast peer gets duplicates of slow peers' requests", () => {
  const blocks = BUFFERED_BYTES_MAX / BLOCK_SIZE / 2;
  const kit = new Kit({ have: "...", blocks });
  const slow = kit.connect("###", { unchokes: false });
  const all: number[] = [];
  writable(kit.peer(slow)).isChoking = false;
  pickBlocks(kit.transfer, kit.peer(slow), 3 * blocks, kit.now, all);
  assertEquals(kit.transfer.bufferedBytes, BUFFERED_BYTES_MAX);
  const fast = kit.connect("###", { unchokes: false });
  writable(kit.peer(fast).down).rate = 1_000_000;
  kit.say(fast, { kind: "unchoke" });
  assert(kit.owed(fast).length > 0);
  const [name] = kit.owed(fast);
  assert(kit.owed(slow).includes(name!));
});

Deno.test("with buffers full of pieces being written, nothing is requested twice", () => {
  const blocks = BUFFERED_BYTES_MAX / BLOCK_SIZE / 2;
  const kit = new Kit({ have: "...", blocks });
  const peer = kit.connect("###", { unchokes: false });
  writable(kit.peer(peer)).isChoking = false;
  pickBlocks(kit.transfer, kit.peer(peer), 2 * blocks, kit.now, []);
  const [first] = kit.transfer.partials.keys();
  for (let block = 0; block < blocks; block++) {
    receiveBlock(kit.torrent, peer, first!, block * BLOCK_SIZE, BLOCK_SIZE, kit.now, []);
  }
  assertEquals(isEndgame(kit.transfer), false);
  assertEquals(kit.owed(kit.connect("###")), []);
});

Deno.test("an idle peer gets requests when endgame starts because of another peer", () => {
  const kit = new Kit({ have: "#..", blocks: 1, tuning: EAGER_ENDGAME });
  const first = kit.connect("##.");
  kit.connect("..#", { unchokes: false });
  const idle = kit.connect("##.");
  assertEquals([kit.owed(first), kit.owed(idle)], [["1.0"], []]);
  const last = kit.connect("..#");
  assertEquals([kit.owed(last), kit.owed(idle)], [["2.0"], ["1.0"]]);
});

Deno.test("freed requests of a snubbed peer go to others first", () => {
  const kit = new Kit({ have: "#..", blocks: 1 });
  const silent = kit.connect("##.");
  const chokes = kit.connect("..#", { unchokes: false });
  const other = kit.connect("##.");
  kit.waitWith([silent, chokes, other], SNUB_MS + 2_000);
  assertEquals([kit.owed(silent), kit.owed(other)], [[], ["1.0"]]);
});

Deno.test("the first four pieces are random, those after them the rarest that the peer has", () => {
  const RARE = 7;
  const rareAt: (number | undefined)[] = [];
  for (let seed = 0; seed < 60; seed++) {
    const kit = new Kit({ have: ".".repeat(20), blocks: 1, seed });
    const rest = "#".repeat(RARE) + "." + "#".repeat(12);
    for (let i = 0; i < 5; i++) kit.connect(rest, { unchokes: false });
    const peer = kit.connect("#".repeat(20));
    rareAt.push(kit.owed(peer).indexOf(`${RARE}.0`));
  }
  // Rarest first alone would always start with it; random choice alone would reach it after the
  // fifth.
  const begins = rareAt.filter((place) => place === 0).length;
  assert(begins < 20, `${begins} of 60 began with the rarest`);
});
