/** The simulator's checks, each with a core or world that violates exactly that check. */
import { assertEquals, assertThrows } from "@std/assert";
import { setBit } from "../../../core/bytes/bitfield.ts";
import { carryOut } from "../../../core/sim/carry_out.ts";
import { checkRequest, checkWorld, isBufferGood } from "../../../core/sim/checks.ts";
import { checkClaim, createDisk, endWrite, recover } from "../../../core/sim/disk.ts";
import { BAD, GOOD } from "../../../core/sim/node.ts";
import { createWorld, type World } from "../../../core/sim/state.ts";
import { addNode, killNode, runWorld } from "../../../core/sim/world.ts";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { createFullBitfield } from "../../../core/bytes/bitfield.ts";
import type { Effect, Event } from "../../../core/torrent/protocol.ts";
import { transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import type { Node } from "../../../core/sim/node.ts";

const PIECES = 8;
/** Fields that a test corrupts; the core's own types forbid it. */
type Broken = {
  have: { bytes: Uint8Array };
  uploaded: number;
  downloaded: number;
  wasted: number;
  peers: Map<number, { outstanding: Map<number, number>; link: { reqq: number } }>;
  partials: Map<number, { state: Uint8Array; requesters: Uint8Array }>;
};

/** A seed and a leech during a transfer. */
function midway(pieces = PIECES): { world: World; seed: Node; leech: Node } {
  const world = createWorld({ seed: 7, pieces, blocks: 2, sha1, isChecked: true });
  const seed = addNode(world, { name: "seed", have: "seed", upBytesPerSecond: 200_000 });
  const leech = addNode(world, { name: "leech" });
  const isMidway = () => transferOf(leech.torrent).haveCount >= 2 && requestsOf(leech) > 0;
  assertEquals(runWorld(world, 60_000, isMidway), true);
  checkWorld(world);
  return { world, seed, leech };
}

function broken(node: Node): Broken {
  return transferOf(node.torrent) as unknown as Broken;
}

function requestsOf(node: Node): number {
  return [...broken(node).partials.values()]
    .reduce((sum, { state }) => sum + state.filter((block) => block === 1).length, 0);
}

function onlyPeer(node: Node) {
  return [...broken(node).peers][0]!;
}

/** An outstanding block of the leech: piece, begin, length. */
function awaited(node: Node): number[] {
  for (const [piece, { state }] of broken(node).partials) {
    const block = state.indexOf(1);
    if (block >= 0) return [piece, block * BLOCK_SIZE, BLOCK_SIZE];
  }
  throw new Error("nothing is awaited");
}

Deno.test("uploading a missing piece is detected", () => {
  const { world, leech } = midway();
  const lacks = transferOf(leech.torrent).geometry.pieceCount - 1;
  const missing = [...Array(PIECES).keys()].find((piece) => leech.disk.pieces[piece] === 0) ??
    lacks;
  const [peer] = onlyPeer(leech);
  const upload: Effect = { kind: "upload", peer, blocks: [missing, 0, BLOCK_SIZE] };
  assertThrows(() => carryOut(world, leech, upload), Error, `uploads piece ${missing}`);
});

Deno.test("uploading beyond the end of a piece is detected", () => {
  const { world, seed } = midway();
  const [peer] = onlyPeer(seed);
  const upload: Effect = { kind: "upload", peer, blocks: [0, 2 * BLOCK_SIZE - 1, 2] };
  assertThrows(() => carryOut(world, seed, upload), Error, "beyond a piece's end");
});

Deno.test("a request to a peer that is not connected is detected", () => {
  const { leech } = midway();
  assertThrows(() => checkRequest(leech, 99_999, awaited(leech)), Error, "only connected peers");
});

Deno.test("a request for a piece that we have is detected", () => {
  const { world, leech } = midway();
  const [peer] = onlyPeer(leech);
  const had = [...Array(PIECES).keys()].find((piece) =>
    (broken(leech).have.bytes[0]! & (0x80 >> piece)) !== 0
  )!;
  const request: Effect = { kind: "request", peer, blocks: [had, 0, BLOCK_SIZE] };
  assertThrows(() => carryOut(world, leech, request), Error, "which it has");
});

Deno.test("a received block without a recorded request is detected", () => {
  const { leech } = midway();
  const [peer] = onlyPeer(leech);
  const blocks = awaited(leech);
  broken(leech).partials.get(blocks[0]!)!.state[blocks[1]! / BLOCK_SIZE] = 0;
  assertThrows(() => checkRequest(leech, peer, blocks), Error, "in vain");
});

Deno.test("requesting a block from two peers outside endgame is detected", () => {
  const { leech } = midway(600);
  const [peer] = onlyPeer(leech);
  const blocks = awaited(leech);
  checkRequest(leech, peer, blocks);
  broken(leech).partials.get(blocks[0]!)!.requesters[blocks[1]! / BLOCK_SIZE] = 2;
  assertThrows(() => checkRequest(leech, peer, blocks), Error, "outside endgame");
});

Deno.test("more outstanding requests than the peer's queue allows are detected", () => {
  const { leech } = midway();
  const [peer, { outstanding, link }] = onlyPeer(leech);
  checkRequest(leech, peer, awaited(leech));
  for (let block = 0; block <= link.reqq; block++) outstanding.set(1_000_000 + block, 0);
  assertThrows(() => checkRequest(leech, peer, awaited(leech)), Error, "too many requests");
});

Deno.test("checking an incomplete piece is detected", () => {
  const { leech } = midway();
  leech.buffers.set(5, new Uint8Array([GOOD, 0]));
  assertThrows(() => isBufferGood(leech, 5), Error, "before it is whole");
  leech.buffers.delete(5);
  assertThrows(() => isBufferGood(leech, 5), Error, "without a buffer");
  leech.buffers.set(5, new Uint8Array([GOOD, GOOD]));
  assertEquals(isBufferGood(leech, 5), true);
  leech.buffers.set(5, new Uint8Array([GOOD, BAD]));
  assertEquals(isBufferGood(leech, 5), false);
});

Deno.test("claiming a piece that is not on disk is detected", () => {
  const { world, leech } = midway();
  const missing = leech.disk.pieces.indexOf(0);
  setBit(broken(leech).have as Parameters<typeof setBit>[0], missing);
  assertThrows(() => checkWorld(world), Error, `claims piece ${missing}`);
  // A disconnected peer claims nothing.
  killNode(world, leech);
  checkWorld(world);
});

Deno.test("bytes that vanish from or appear in the network are detected", () => {
  for (const key of ["bytesSent", "bytesTaken", "bytesLost", "bytesOnTheWay"] as const) {
    const { world } = midway();
    world.tally[key]++;
    assertThrows(() => checkWorld(world), Error, undefined, key);
  }
});

Deno.test("wrong counts of received or sent bytes are detected", () => {
  for (const key of ["downloaded", "wasted"] as const) {
    const { world, leech } = midway();
    broken(leech)[key]++;
    assertThrows(() => checkWorld(world), Error, "they took", key);
  }
  const { world, seed } = midway();
  broken(seed).uploaded += 10_000_000;
  assertThrows(() => checkWorld(world), Error, "uploaded of");
});

Deno.test("a state that claims unwritten pieces is detected when saved and when loaded", () => {
  const disk = createDisk({ bytes: new Uint8Array(1), count: PIECES });
  const state = {
    pieces: Uint8Array.of(0x80),
    uploaded: 0,
    downloaded: 0,
    waived: false,
    started: [],
  };
  assertThrows(() => checkClaim(disk, state), Error, "only what was written");
  disk.saved = state;
  assertThrows(() => recover(disk, false), Error, "only what was written");
  endWrite(disk, 0);
  checkClaim(disk, state);
  assertEquals(recover(disk, false).bytes[0], 0x80);
});

Deno.test("saving a wrong state is detected in a whole world", () => {
  const { world, leech } = midway();
  const { bytes: pieces } = createFullBitfield(PIECES);
  const state = { pieces, uploaded: 0, downloaded: 0, waived: false, started: [] };
  const save = { kind: "save-state", job: 1, state } as Effect;
  assertThrows(() => carryOut(world, leech, save), Error, "only what was written");
});

Deno.test("with checks disabled, nothing is detected", () => {
  const world = createWorld({ seed: 7, pieces: PIECES, blocks: 2, sha1 });
  const seed = addNode(world, { name: "seed", have: "seed" });
  const leech = addNode(world, { name: "leech" });
  runWorld(world, 60_000, () => seed.ends.size > 0 && leech.ends.size > 0);
  const peer = leech.ends.keys().next().value!;
  carryOut(world, leech, { kind: "upload", peer, blocks: [7, 0, BLOCK_SIZE] });
});

Deno.test("late answers to a killed program are dropped", () => {
  const { world, leech } = midway();
  const fed: Event["kind"][] = [];
  carryOut(world, leech, { kind: "write-piece", job: 99, piece: leech.disk.pieces.indexOf(0) });
  killNode(world, leech);
  world.watch = (node) => node === leech && fed.push("timer");
  runWorld(world, 5_000);
  assertEquals(fed, []);
});
