/** The picker on states made by hand: what it takes of started pieces, and that the reasons given are its own. */
import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { setParole } from "../../../core/transfer/blame.ts";
import { noteRefusal } from "../../../core/transfer/hints.ts";
import {
  claimPartial,
  markReceived,
  type PartialPiece,
  requestBlock,
  startPiece,
  takeOutstanding,
  withdrawRequest,
} from "../../../core/transfer/partials.ts";
import type { Peer } from "../../../core/transfer/peer.ts";
import { askObstacle, isEndgame, pickBlocks } from "../../../core/transfer/picker.ts";
import { TUNING } from "../../../core/transfer/tuning.ts";
import { checkInvariants } from "../torrent/invariants.ts";
import { Kit, writable } from "../torrent/kit.ts";

const BLOCKS = 3;
const BLOCK_SIZE = 16_384;

type Move =
  | { readonly kind: "claim"; readonly peer: number }
  | { readonly kind: "request" | "receive"; readonly peer: number; readonly block: number }
  | {
    readonly kind: "snubs" | "chokes" | "parole" | "silent" | "refuses" | "fast";
    readonly peer: number;
  };

const peer = fc.nat(2), block = fc.nat(BLOCKS - 1);
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ kind: fc.constant("claim" as const), peer }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("request" as const), peer, block }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("receive" as const), peer, block }) },
  fc.record({
    kind: fc.constantFrom(
      ...["snubs", "chokes", "parole", "silent", "refuses", "fast"] as const,
    ),
    peer,
  }),
);

/** Moves that the state does not allow are left out. */
function make({ transfer, now }: Kit, partial: PartialPiece, peer: Peer, what: Move): void {
  switch (what.kind) {
    case "claim":
      if (partial.free < BLOCKS) return;
      setParole(peer, true);
      return claimPartial(partial, peer);
    case "request": {
      const isOthers = partial.alone && partial.owner !== peer.key;
      if (partial.state[what.block] === 2 || peer.outstanding.has(what.block) || isOthers) return;
      return requestBlock(transfer, partial, what.block, peer, now);
    }
    case "receive":
      if (partial.received === BLOCKS - 1 || !takeOutstanding(peer, what.block)) return;
      markReceived(transfer, partial, what.block, peer.key);
      for (const other of transfer.peers.values()) {
        withdrawRequest(transfer, partial, what.block, other);
      }
      return;
    case "parole":
      return setParole(peer, true);
    case "refuses":
      return noteRefusal(peer, 0, now);
    case "snubs":
      return void (writable(peer).snubbed = true);
    case "chokes":
      return void (writable(peer).isChoking = true);
    case "silent":
      return void (writable(peer).isSilent = true);
    case "fast":
      return void (writable(peer.down).rate = 1e9);
  }
}

/** One piece, started, that three peers have. */
function started(): { kit: Kit; peers: Peer[]; partial: PartialPiece } {
  const kit = new Kit({ have: ".", blocks: BLOCKS });
  const peers = [0, 1, 2].map(() => kit.peer(kit.connect("#", { unchokes: false })));
  for (const one of peers) writable(one).isChoking = false;
  return { kit, peers, partial: startPiece(kit.transfer, 0, false) };
}

Deno.test("a peer is asked for a block of a started piece exactly when nothing is said to keep it from that", () => {
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 14 }),
      peer,
      fc.constantFrom(0, 999, 1_000),
      (moves, who, later) => {
        const { kit, peers, partial } = started();
        for (const what of moves) make(kit, partial, peers[what.peer]!, what);
        const now = kit.now + later;
        const asked = peers[who]!, owed = asked.outstanding.size;
        const obstacle = askObstacle(kit.transfer, asked, partial, isEndgame(kit.transfer), now);
        const blocks: number[] = [];
        pickBlocks(kit.transfer, asked, 1, now, blocks);
        assertEquals(blocks.length > 0, obstacle === undefined, `${obstacle}`);
        for (let i = 0; i < blocks.length; i += 3) {
          assertEquals(asked.outstanding.has(blocks[i + 1]! / BLOCK_SIZE), true);
        }
        assertEquals(asked.outstanding.size <= owed + 1, true);
        const bound = { ...kit.torrent, stage: "stopping" } as typeof kit.torrent;
        checkInvariants(bound, now);
      },
    ),
    { numRuns: 3_000 },
  );
});

Deno.test("it is endgame when every piece that can be had is started and every block of it asked for", () => {
  const NOT_BEGUN = () => {};
  const begin = (piece: number, blocks: number) => (kit: Kit, peer: Peer) => {
    const partial = startPiece(kit.transfer, piece, false);
    for (let one = 0; one < blocks; one++) requestBlock(kit.transfer, partial, one, peer, kit.now);
  };
  const cases: [string, string, ((kit: Kit, peer: Peer) => void)[], boolean][] = [
    ["nothing is started", "##", [NOT_BEGUN], false],
    ["nothing can be had", "..", [NOT_BEGUN], false],
    ["one is not started", "##", [begin(0, 2)], false],
    ["one is not started, and nobody has it", "#.", [begin(0, 2)], true],
    ["all is asked for", "##", [begin(0, 2), begin(1, 2)], true],
    ["a block is free", "##", [begin(0, 2), begin(1, 1)], false],
    ["a block is free, and nobody has it", "#.", [begin(0, 2), begin(1, 1)], true],
  ];
  for (const [what, picture, steps, expected] of cases) {
    const kit = new Kit({ have: "..", blocks: 2 });
    const peer = kit.peer(kit.connect(picture, { unchokes: false }));
    for (const step of steps) step(kit, peer);
    assertEquals(isEndgame(kit.transfer), expected, what);
  }
});

/** Blocks that the peer is asked for, as "piece.block". */
function picked(kit: Kit, peer: Peer, count: number): string[] {
  const blocks: number[] = [], names: string[] = [];
  pickBlocks(kit.transfer, peer, count, kit.now, blocks);
  for (let i = 0; i < blocks.length; i += 3) {
    names.push(`${blocks[i]}.${blocks[i + 1]! / BLOCK_SIZE}`);
  }
  return names;
}

function unchoking(kit: Kit, picture: string): Peer {
  const peer = kit.peer(kit.connect(picture, { unchokes: false }));
  writable(peer).isChoking = false;
  return peer;
}

Deno.test("a seed is asked first for what no other has, started pieces before new ones; others as usual", () => {
  const scene = (asked: string) => {
    const kit = new Kit({ have: "...", blocks: 2 });
    kit.connect("#..", { unchokes: false });
    const peer = unchoking(kit, asked);
    for (const piece of [0, 2]) startPiece(kit.transfer, piece, false);
    return picked(kit, peer, 6);
  };
  assertEquals(scene("###"), ["2.0", "2.1", "1.0", "1.1", "0.0", "0.1"]);
  const kit = new Kit({ have: "...#", blocks: 2 });
  const peer = unchoking(kit, "###.");
  for (const piece of [0, 2]) startPiece(kit.transfer, piece, false);
  assertEquals(picked(kit, peer, 6), ["0.0", "0.1", "2.0", "2.1", "1.0", "1.1"], "it is no seed");
  const all = new Kit({ have: "...", blocks: 2 });
  all.connect("##.", { unchokes: false });
  all.connect("..#", { unchokes: false });
  for (const piece of [0, 2]) startPiece(all.transfer, piece, false);
  assertEquals(picked(all, unchoking(all, "###"), 6), ["0.0", "0.1", "2.0", "2.1", "1.0", "1.1"]);
});

Deno.test("exactly as many blocks are asked for as are wanted", () => {
  for (let count = 0; count <= 7; count++) {
    const kit = new Kit({ have: "...", blocks: 2 });
    assertEquals(picked(kit, unchoking(kit, "###"), count).length, Math.min(6, count));
  }
});

Deno.test("any piece that a peer suggests, or allows while it chokes us, is the one that is asked for", () => {
  const PIECES = 6, all = "#".repeat(PIECES);
  for (let piece = 0; piece < PIECES; piece++) {
    for (const kind of ["suggest", "allowed-fast"] as const) {
      const kit = new Kit({ have: ".".repeat(PIECES), blocks: 1, seed: 3 });
      const peer = kit.connect(all, { unchokes: false });
      kit.say(peer, { kind, piece });
      if (kind === "suggest") kit.say(peer, { kind: "unchoke" });
      assertEquals(kit.owed(peer)[0], `${piece}.0`, kind);
    }
  }
});

Deno.test("duplicates are asked for up to what endgame allows a peer, least asked ones first", () => {
  const tuning = { ...TUNING, endgameLateMs: 0, endgamePipeline: 3 };
  const kit = new Kit({ have: ".", blocks: 8, tuning });
  const keys = [0, 1, 2, 3].map(() => kit.connect("#", { unchokes: false }));
  const [first, second, third, snubs] = keys.map((key) => kit.peer(key));
  for (const key of keys) writable(kit.peer(key)).isChoking = false;
  assertEquals(picked(kit, first!, 8).length, 8);
  assertEquals(picked(kit, second!, 8), ["0.0", "0.1", "0.2"]);
  assertEquals(picked(kit, second!, 8), [], "it owes as much as it may");
  assertEquals(picked(kit, third!, 8), ["0.3", "0.4", "0.5"]);
  writable(snubs!).snubbed = true;
  assertEquals(picked(kit, snubs!, 8), []);
});
