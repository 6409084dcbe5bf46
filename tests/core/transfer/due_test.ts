import { assert, assertEquals } from "@std/assert";
import { DUE_PIPELINE_FIRST } from "../../../core/transfer/limits.ts";
import { Kit } from "../torrent/kit.ts";

const PIECES = 64;
const ALL = "#".repeat(PIECES);
const NONE = ".".repeat(PIECES);

function due(kit: Kit, ...pieces: [number, number][]): void {
  kit.feed({
    kind: "due",
    pieces: pieces.map(([piece, inMs]) => ({ piece, atMs: kit.now + inMs })),
  });
}

/** A peer that delivers this many blocks a second, for a few seconds. */
function warmUp(kit: Kit, peer: number, blocks: number, seconds = 4): void {
  for (let second = 0; second < seconds; second++) {
    kit.deliver(peer, blocks);
    kit.wait(1_000);
  }
}

function pieces(kit: Kit, peer: number): number[] {
  return [...new Set(kit.owed(peer).map((block) => Number(block.split(".")[0])))];
}

Deno.test("while a piece is due, a peer of unknown rate is asked for little", () => {
  const kit = new Kit({ have: NONE, blocks: 8 });
  due(kit, [5, 100]);
  const peers = [kit.connect(ALL), kit.connect(ALL), kit.connect(ALL)];
  for (const peer of peers) assertEquals(kit.owed(peer).length, DUE_PIPELINE_FIRST);
  assertEquals(peers.flatMap((peer) => pieces(kit, peer)), [5, 5, 5], "each a block of it");
});

Deno.test("a due piece is left to a faster peer, and the slow one is asked for later pieces", () => {
  const kit = new Kit({ have: NONE, blocks: 8, isSequential: true });
  const quick = kit.connect(ALL), slow = kit.connect(ALL);
  kit.wait(5);
  for (let second = 0; second < 6; second++) {
    kit.deliver(quick, 60);
    kit.deliver(slow, 1);
    kit.wait(1_000);
  }
  const [next] = [...Array(PIECES).keys()].filter((piece) => kit.have[piece] !== "#").slice(-8);
  due(kit, [next!, 50], [next! + 1, 60]);
  kit.deliver(quick, Infinity);
  assert(!pieces(kit, slow).includes(next!), `slow owes ${pieces(kit, slow)}`);
});

Deno.test("a late block is asked of a second peer only if that one delivers it much sooner", () => {
  const kit = new Kit({ have: NONE, blocks: 1 });
  const first = kit.connect("#" + ".".repeat(PIECES - 1));
  due(kit, [0, 500]);
  assertEquals(kit.owed(first), ["0.0"]);
  const second = kit.connect(ALL);
  assertEquals(kit.owed(second).includes("0.0"), false, "both are of unknown rate");
  kit.deliver(second, 1);
  kit.wait(3_000);
  warmUp(kit, second, 20, 2);
  assert(kit.sentKinds(first).includes("cancel"), "the second one sent it");
});

Deno.test("a window that shrinks takes no request back, a seek does", () => {
  const kit = new Kit({ have: NONE, blocks: 8 });
  due(kit, [0, 100], [1, 200], [2, 300], [3, 400]);
  const peers = Array.from({ length: 20 }, () => kit.connect(ALL));
  kit.forget();
  due(kit, [0, 100], [1, 200]);
  const cancels = () => peers.filter((peer) => kit.sentKinds(peer).includes("cancel")).length;
  assertEquals(cancels(), 0);
  due(kit, [40, 100]);
  assert(cancels() > 10, `${cancels()} peers are told`);
});

Deno.test("a seek takes back what was asked for while nothing was due, or is due later", () => {
  const kit = new Kit({ have: NONE, blocks: 8, isSequential: true });
  const peer = kit.connect(ALL);
  kit.wait(5);
  warmUp(kit, peer, 40);
  due(kit, [40, 100], [41, 5_000]);
  assertEquals(pieces(kit, peer), [40, 41], "and nothing of the sequence");
  due(kit, [38, 100], [39, 2_500], [40, 5_000], [41, 7_500]);
  assertEquals(pieces(kit, peer)[0], 38, "a seek backwards, too");
});

Deno.test("a reader that goes on takes nothing back", () => {
  const kit = new Kit({ have: NONE, blocks: 8, isSequential: true });
  due(kit, [40, 100], [41, 200], [42, 300]);
  const peer = kit.connect(ALL);
  kit.wait(5);
  warmUp(kit, peer, 6);
  kit.forget();
  due(kit, [41, 100], [42, 200], [43, 300], [44, 400]);
  assert(!kit.sentKinds(peer).includes("cancel"));
});

Deno.test("seeks in large pieces do not fill the buffers so that the next seek waits", () => {
  const kit = new Kit({ have: NONE, blocks: 1_024, isSequential: true });
  const peer = kit.connect(ALL);
  kit.wait(5);
  for (const piece of [50, 40, 30, 20, 10, 5]) {
    due(kit, [piece, 100]);
    assertEquals(pieces(kit, peer)[0], piece);
    warmUp(kit, peer, 20, 1);
  }
});

Deno.test("in a crowd a seed is asked for what it suggests, whatever is due", () => {
  const kit = new Kit({ have: NONE, blocks: 8, isSequential: true });
  for (let i = 0; i < 3; i++) kit.connect(NONE);
  const seed = kit.connect(ALL, { unchokes: false });
  kit.say(seed, { kind: "suggest", piece: 33 });
  due(kit, [0, 100], [1, 200]);
  kit.say(seed, { kind: "unchoke" });
  assertEquals(pieces(kit, seed)[0], 33);
});

Deno.test("in a crowd only some of a seed's pieces are the next in sequence", () => {
  const kit = new Kit({ have: NONE, blocks: 1, isSequential: true });
  for (let i = 0; i < 3; i++) kit.connect(NONE);
  const seed = kit.connect(ALL, { unchokes: false });
  due(kit, [0, 100], [1, 200], [2, 300], [3, 400], [4, 500], [5, 600]);
  kit.say(seed, { kind: "unchoke" });
  const asked = pieces(kit, seed);
  assert(asked.includes(0) && asked.includes(1), `${asked}`);
  assert(asked.some((piece) => piece > asked.length), `${asked}`);
});

Deno.test("a lone reader asks a seed for what is due, whatever it suggests", () => {
  const kit = new Kit({ have: NONE, blocks: 8, isSequential: true });
  const seed = kit.connect(ALL, { unchokes: false });
  kit.say(seed, { kind: "suggest", piece: 33 });
  due(kit, [4, 100], [5, 200]);
  kit.say(seed, { kind: "unchoke" });
  assertEquals(pieces(kit, seed), [4]);
});
