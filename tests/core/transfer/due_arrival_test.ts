/** When a due block would come, worked out by hand: what a peer is asked for, and what is left to others. */
import { assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { dueRoom, isLeftToFaster, takeDue } from "../../../core/transfer/due.ts";
import { DUE_PEER_RATE, DUE_URGENT_MS } from "../../../core/transfer/limits.ts";
import type { Peer } from "../../../core/transfer/peer.ts";
import { Kit, writable } from "../torrent/kit.ts";

const PIECES = 64;
const ALL = "#".repeat(PIECES);
const ONLY_FIRST = "#" + ".".repeat(PIECES - 1);

/** What is known of a peer: how many blocks a second it sends, its round trip, and what it owes us. */
interface Known {
  readonly blocks?: number;
  readonly roundTripMs?: number;
  readonly owes?: number;
}

function know(peer: Peer, { blocks = 0, roundTripMs = 0, owes = 0 }: Known): void {
  Object.assign(peer, { roundTripMs, isChoking: false });
  Object.assign(peer.down, { rate: blocks * BLOCK_SIZE, pending: 0 });
  const outstanding = peer.outstanding as Map<number, number>;
  for (let i = 0; i < owes; i++) outstanding.set(1_000_000 + i, 0);
}

function known(about: Known): Peer {
  const kit = new Kit({ have: "." });
  const peer = kit.peer(kit.connect("#", { unchokes: false }));
  know(peer, about);
  return peer;
}

Deno.test("a peer owes at most a block more than it sends in 0.3 s and a round trip", () => {
  const cases: [Known, number][] = [
    [{}, 1],
    [{ owes: 1 }, 0],
    [{ owes: 9 }, 0],
    [{ blocks: 10, roundTripMs: 200 }, 1 + 5],
    [{ blocks: 10, roundTripMs: 200, owes: 2 }, 1 + 5 - 2],
    [{ blocks: 10, roundTripMs: 200, owes: 20 }, 0],
    // A second of a round trip is believed, and no more.
    [{ blocks: 10, roundTripMs: 1_000 }, 1 + 13],
    [{ blocks: 10, roundTripMs: 9_000 }, 1 + 13],
    [{ blocks: 0.01, roundTripMs: 200 }, 1 + 1],
  ];
  for (const [about, room] of cases) {
    assertEquals(dueRoom(known(about)), room, JSON.stringify(about));
  }
  const server = known({});
  assertEquals(dueRoom({ ...server, link: { ...server.link, isWebSeed: true } }), Infinity);
});

Deno.test("a due piece is left to others only if it would be late and the fastest is twice as fast", () => {
  // Of a peer whose rate is unknown a block takes half a second.
  assertEquals(BLOCK_SIZE / DUE_PEER_RATE, 0.5);
  /** `best`: blocks a second of the fastest peer, which takes 0.3 s and the time of a block. */
  const cases: [string, Known, { inMs: number; best: number }, boolean][] = [
    ["in time", {}, { inMs: 500, best: 1_000 }, false],
    ["late, and none was measured", { owes: 9 }, { inMs: 1, best: 0 }, false],
    ["late, the fastest takes 0.3 s", {}, { inMs: 499, best: 1e6 }, false],
    ["late by two blocks, the fastest takes 0.3 s", { owes: 1 }, { inMs: 499, best: 1e6 }, true],
    ["the same, in time", { owes: 1 }, { inMs: 1_000, best: 1e6 }, false],
    ["the fastest is twice as fast", { owes: 1 }, { inMs: 1, best: 5 }, false],
    ["more than twice", { owes: 1 }, { inMs: 1, best: 5.001 }, true],
    ["of known rate", { blocks: 1, roundTripMs: 9 }, { inMs: 999, best: 1e6 }, true],
    ["of known rate, in time", { blocks: 1, roundTripMs: 9 }, { inMs: 1_000, best: 1e6 }, false],
    ["it sends nothing", { roundTripMs: 9 }, { inMs: 16_000_000, best: 1e6 }, true],
    ["for hours", { roundTripMs: 9 }, { inMs: 16_384_000, best: 1e6 }, false],
  ];
  for (const [what, about, { inMs, best }, isLeft] of cases) {
    const kit = new Kit({ have: ".".repeat(PIECES), blocks: 1 });
    const peer = kit.peer(kit.connect(ALL, { unchokes: false }));
    know(peer, about);
    const due = [{ piece: 9, atMs: kit.now + 1e9 }, { piece: 5, atMs: kit.now + inMs }];
    Object.assign(kit.transfer, { due, bestRate: best * BLOCK_SIZE });
    assertEquals(isLeftToFaster(kit.transfer, peer, 5, kit.now), isLeft, what);
    assertEquals(isLeftToFaster(kit.transfer, peer, 4, kit.now), false, "it is not due");
    Object.assign(kit.transfer, { due: [] });
    assertEquals(isLeftToFaster(kit.transfer, peer, 5, kit.now), false, "nothing is due");
  }
});

interface Late {
  readonly inMs: number;
  /** Of the one that owes the block, and how long since. */
  readonly theirs: Known;
  readonly sinceMs?: number;
  readonly ours: Known;
  readonly change?: (kit: Kit, first: Peer, second: Peer) => void;
}

/** Whether the block that the first peer owes is asked of the second one, too. */
function isAskedAgain({ inMs, theirs, sinceMs = 0, ours, change }: Late): boolean {
  const kit = new Kit({ have: ".".repeat(PIECES), blocks: 1 });
  const [first, second] = [ONLY_FIRST, ALL].map((have) =>
    kit.peer(kit.connect(have, { unchokes: false }))
  );
  know(first!, theirs);
  Object.assign(kit.transfer, { due: [{ piece: 0, atMs: kit.now + inMs }], bestRate: 1 });
  const blocks: number[] = [];
  takeDue(kit.transfer, first!, kit.now - sinceMs, 3, blocks);
  assertEquals(blocks, [0, 0, BLOCK_SIZE]);
  know(second!, ours);
  change?.(kit, first!, second!);
  const again: number[] = [];
  takeDue(kit.transfer, second!, kit.now, 3, again);
  return again.length > 0;
}

Deno.test("a late block is asked of a second peer that delivers it in less than half the time", () => {
  const ours = { blocks: 1, roundTripMs: 9 };
  /** Ten seconds for a block. */
  const slow = { blocks: 0.1, roundTripMs: 9 };
  const late = { inMs: 1_500, theirs: slow, ours };
  const partial = (kit: Kit) => kit.transfer.partials.get(0)!;
  const cases: [string, Late, boolean][] = [
    ["late", late, true],
    ["not urgent", { ...late, inMs: DUE_URGENT_MS }, false],
    ["urgent", { ...late, inMs: DUE_URGENT_MS - 1 }, true],
    ["in time", { ...late, theirs: { ...ours } }, false],
    [
      "just in time",
      { ...late, inMs: 1_000, theirs: ours, ours: { blocks: 9, roundTripMs: 9 } },
      false,
    ],
    [
      "late by a moment",
      { ...late, inMs: 999, theirs: ours, ours: { blocks: 9, roundTripMs: 9 } },
      true,
    ],
    ["behind two others", { ...late, theirs: { ...ours, owes: 2 } }, true],
    ["behind one other", { ...late, theirs: { ...ours, owes: 1 } }, false],
    ["asked for long ago", { ...late, theirs: ours, sinceMs: 6_000 }, true],
    ["not in half the time", { ...late, theirs: ours, sinceMs: 2_000 }, false],
    ["in hardly half the time", { ...late, theirs: ours, sinceMs: 2_001 }, true],
    ["behind what the second one owes", { ...late, ours: { ...ours, owes: 4 } }, false],
    ["nearly so", { ...late, ours: { ...ours, owes: 3 } }, true],
    [
      "of one that snubs us",
      { ...late, change: (_, __, peer) => writable(peer).snubbed = true },
      false,
    ],
    ["asked of two", {
      ...late,
      change: (kit) =>
        partial(kit).requesters[0] === 1 && Object.assign(partial(kit).requesters, { 0: 2 }),
    }, false],
    ["of a piece with one sender", {
      ...late,
      change: (kit) => Object.assign(partial(kit), { alone: true }),
    }, false],
    ["the one asked last is gone", {
      ...late,
      inMs: 1_999,
      theirs: ours,
      change: (kit) => Object.assign(partial(kit).senders, { 0: 99 }),
    }, true],
    ["the one asked last does not owe it", {
      ...late,
      inMs: 1_999,
      theirs: ours,
      change: (_, first) => (first.outstanding as Map<number, number>).clear(),
    }, true],
  ];
  for (const [what, about, isAsked] of cases) assertEquals(isAskedAgain(about), isAsked, what);
});

Deno.test("the peer that owes a block is not asked for it again", () => {
  const kit = new Kit({ have: ".".repeat(PIECES), blocks: 1 });
  const peer = kit.peer(kit.connect(ALL, { unchokes: false }));
  know(peer, {});
  Object.assign(kit.transfer, { due: [{ piece: 0, atMs: kit.now }] });
  const blocks: number[] = [];
  takeDue(kit.transfer, peer, kit.now, 30, blocks);
  takeDue(kit.transfer, peer, kit.now + 60_000, 30, blocks);
  assertEquals(blocks, [0, 0, BLOCK_SIZE]);
});

Deno.test("due blocks are taken up to what is wanted, from pieces that the peer has and may give", () => {
  const taken = (wanted: number, change: (peer: Peer, kit: Kit) => void = () => {}) => {
    const kit = new Kit({ have: ".".repeat(PIECES), blocks: 2 });
    const peer = kit.peer(kit.connect("#.##" + ".".repeat(PIECES - 4), { unchokes: false }));
    know(peer, {});
    Object.assign(kit.transfer, {
      due: [0, 1, 2, 3].map((piece) => ({ piece, atMs: kit.now + 1e9 })),
    });
    change(peer, kit);
    const blocks: number[] = [];
    takeDue(kit.transfer, peer, kit.now, 3 * wanted, blocks);
    const names: string[] = [];
    for (let i = 0; i < blocks.length; i += 3) {
      names.push(`${blocks[i]}.${blocks[i + 1]! / BLOCK_SIZE}`);
    }
    return [names, [...kit.transfer.partials.keys()]];
  };
  assertEquals(taken(3), [["0.0", "0.1", "2.0"], [0, 2]]);
  assertEquals(taken(4), [["0.0", "0.1", "2.0", "2.1"], [0, 2]]);
  assertEquals(taken(9), [["0.0", "0.1", "2.0", "2.1", "3.0", "3.1"], [0, 2, 3]]);
  const choking = (peer: Peer) => void (writable(peer).isChoking = true);
  assertEquals(taken(9, choking), [[], []], "it chokes us");
  const late = (peer: Peer, { transfer, now }: Kit) => {
    know(peer, { owes: 9 });
    Object.assign(transfer, { bestRate: 1e9, due: [{ piece: 0, atMs: now }] });
  };
  assertEquals(taken(9, late), [[], []], "others are faster");
});
