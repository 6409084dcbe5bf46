import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import {
  SUPER_SEED_HAVES_PER_TICK,
  SUPER_SEED_PATIENCE_MS,
  SUPER_SEED_PIECES_AT_ONCE,
  SUPER_SEED_SEEDS_ENOUGH,
  SUPER_SEED_UNWANTED_MS,
} from "../../../core/transfer/limits.ts";
import { isSuperSeeding } from "../../../core/transfer/super_seeding.ts";
import { decodeExtendedHandshake } from "../../../core/wire/extended.ts";
import { type FakePeer, Kit } from "../torrent/kit.ts";

const SECOND = 1_000;
/** More than the wait for pieces of one block. */
const LONG_MS = SUPER_SEED_PATIENCE_MS + 2 * SECOND;

function superSeeder(pieces: number): Kit {
  return new Kit({ have: "#".repeat(pieces), blocks: 1, superSeed: true });
}

/** A downloader without any piece. */
function join(kit: Kit, fake: FakePeer = {}): number {
  const peer = kit.handshake(fake);
  if (fake.fast ?? true) kit.say(peer, { kind: "have-none" });
  return peer;
}

function joinSeeds(kit: Kit, count = SUPER_SEED_SEEDS_ENOUGH): void {
  for (let i = 0; i < count; i++) kit.say(kit.handshake(), { kind: "have-all" });
}

/** Pieces announced to the peer since the last `forget`. */
function shown(kit: Kit, peer: number): number[] {
  return kit.sent(peer).flatMap((message) => message.kind === "have" ? [message.piece] : []);
}

function request(piece: number) {
  return { kind: "request", piece, begin: 0, length: BLOCK_SIZE } as const;
}

/** The peer is served and has a piece now. */
function take(kit: Kit, peer: number, piece: number): void {
  kit.say(peer, { kind: "have", piece });
}

Deno.test("a super-seeder says that it has nothing, then names one piece to each peer, each another", () => {
  const kit = superSeeder(20);
  const peers = [join(kit), join(kit), join(kit)];
  for (const peer of peers) {
    assertEquals(kit.sentKinds(peer).slice(0, 2), ["have-none", "have"]);
    assertEquals(shown(kit, peer).length, 1);
  }
  assertEquals(new Set(peers.flatMap((peer) => shown(kit, peer))).size, 3);
});

Deno.test("a peer without the Fast extension is sent no bitfield, and its first piece within a second", () => {
  const kit = superSeeder(20);
  const peer = join(kit, { fast: false });
  assertEquals(kit.sent(peer), []);
  kit.wait(SECOND);
  assertEquals(kit.sentKinds(peer), ["have"]);
});

Deno.test("a peer that is unchoked is named a few pieces at once, before the unchoke", () => {
  const kit = superSeeder(20);
  const peer = join(kit);
  kit.say(peer, { kind: "interested" });
  assertEquals(shown(kit, peer).length, SUPER_SEED_PIECES_AT_ONCE);
  assertEquals(kit.sentKinds(peer).at(-1), "unchoke");
});

Deno.test("only named pieces are served: others are rejected, or ignored without the Fast extension", () => {
  for (const fast of [true, false]) {
    const kit = superSeeder(20);
    const peer = join(kit, { fast });
    kit.wait(SECOND);
    kit.say(peer, { kind: "interested" });
    const named = shown(kit, peer);
    const hidden = Array.from({ length: 20 }, (_, piece) => piece)
      .find((piece) => !named.includes(piece))!;
    kit.forget();
    kit.say(peer, request(hidden));
    assertEquals(kit.all("upload"), []);
    assertEquals(kit.sentKinds(peer), fast ? ["reject"] : []);
    kit.say(peer, request(named[0]!));
    assertEquals(kit.all("upload").map(({ blocks }) => blocks), [[named[0]!, 0, BLOCK_SIZE]]);
    assert(kit.isConnected(peer));
  }
});

Deno.test("nothing is allowed fast and nothing is suggested: both would name pieces", () => {
  const kit = superSeeder(40);
  const peers = [join(kit), join(kit)];
  for (const peer of peers) {
    kit.say(peer, { kind: "interested" });
    kit.say(peer, request(shown(kit, peer)[0]!));
    const kinds = kit.sentKinds(peer);
    assert(!kinds.includes("allowed-fast") && !kinds.includes("suggest"), kinds.join(" "));
  }
});

Deno.test("the next piece is named once another peer has the one before", () => {
  const kit = superSeeder(20);
  const [one, other] = [join(kit), join(kit)];
  const [piece] = shown(kit, one);
  kit.forget();
  take(kit, one, piece!);
  assertEquals(shown(kit, one), [], "it has not passed the piece on");
  take(kit, other, piece!);
  assertEquals(shown(kit, one).length, 1);
  assertEquals(shown(kit, other), [], "which has not taken its own");
});

Deno.test("a lone peer is named the next piece as soon as it has the one before, to the end", () => {
  const kit = superSeeder(6);
  const peer = join(kit);
  kit.say(peer, { kind: "interested" });
  const taken: number[] = [];
  while (taken.length < 6) {
    const next = shown(kit, peer).find((piece) => !taken.includes(piece));
    assert(next !== undefined, `there is a next one after ${taken.length}`);
    take(kit, peer, next!);
    taken.push(next!);
  }
  assertEquals(kit.closed(peer), "both-complete");
});

Deno.test("a lone peer that says nothing of its pieces is named the next when it was sent what it asked for", () => {
  const kit = superSeeder(20);
  const peer = join(kit);
  kit.say(peer, { kind: "interested" });
  const named = shown(kit, peer);
  for (const piece of named) kit.say(peer, request(piece));
  kit.forget();
  kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  assertEquals(shown(kit, peer), []);
  kit.feed({ kind: "blocks-sent", peer, bytes: (named.length - 1) * BLOCK_SIZE });
  assertEquals(shown(kit, peer).length, SUPER_SEED_PIECES_AT_ONCE);
});

Deno.test("a request that is cancelled counts as not sent", () => {
  const kit = superSeeder(20);
  const peer = join(kit);
  kit.say(peer, { kind: "interested" });
  const [first] = shown(kit, peer);
  kit.say(peer, request(first!));
  kit.say(peer, { ...request(first!), kind: "cancel" });
  kit.feed({ kind: "uploads-taken-back", peer, blocks: [first!, 0, BLOCK_SIZE] });
  kit.forget();
  kit.feed({ kind: "blocks-sent", peer, bytes: 0 });
  assertEquals(shown(kit, peer), []);
});

Deno.test("a piece that the only other peer has, too, need not be passed on", () => {
  const kit = superSeeder(4);
  const [one, other] = [join(kit), join(kit)];
  const [first] = shown(kit, one);
  take(kit, other, first!);
  kit.forget();
  take(kit, one, first!);
  assertEquals(shown(kit, one), [], "the next one was named when the other had it");
  kit.disconnect(other);
  const [next] = [...kit.peer(one).waiting.keys()];
  take(kit, one, next!);
  assertEquals(shown(kit, one).length, 1, "alone it has nobody to pass it on to");
});

Deno.test("what a peer was named that left is named to others", () => {
  const kit = superSeeder(2);
  const [one, other] = [join(kit), join(kit)];
  const [first] = shown(kit, one);
  take(kit, other, shown(kit, other)[0]!);
  kit.forget();
  kit.disconnect(one);
  kit.wait(SECOND);
  assertEquals(shown(kit, other), [first!]);
});

Deno.test("what a peer had before it came is not named to it", () => {
  const kit = superSeeder(4);
  const peer = kit.handshake();
  kit.forget();
  kit.say(peer, { kind: "bitfield", bits: Uint8Array.of(0b11010000) });
  assertEquals(shown(kit, peer), [2]);
});

Deno.test("a peer that does not want what it was named is named something else", () => {
  const kit = superSeeder(20);
  const peer = join(kit);
  const [first] = shown(kit, peer);
  kit.wait(SUPER_SEED_UNWANTED_MS + 2 * SECOND);
  const [, second] = shown(kit, peer);
  assert(second !== undefined && second !== first);
  assert(isSuperSeeding(kit.transfer));
});

Deno.test("a piece that a peer does not get done is named to others after a while", () => {
  const kit = superSeeder(5);
  const [slow, other] = [join(kit), join(kit)];
  for (const peer of [slow, other]) kit.say(peer, { kind: "interested" });
  const held = shown(kit, slow);
  for (const piece of shown(kit, other)) {
    take(kit, other, piece);
    take(kit, slow, piece);
  }
  kit.forget();
  kit.waitWith([slow, other], LONG_MS);
  const named = shown(kit, other);
  assert(held.every((piece) => named.includes(piece)), `${named} of ${held}`);
});

Deno.test("super-seeding ends when other seeds appear: the rest is announced, everything is served", () => {
  const kit = superSeeder(20);
  const peer = join(kit, { extended: true });
  kit.say(peer, { kind: "interested" });
  joinSeeds(kit, SUPER_SEED_SEEDS_ENOUGH - 1);
  assert(isSuperSeeding(kit.transfer), "one may leave");
  joinSeeds(kit, 1);
  assertEquals(kit.reports("super-seeding-done").map(({ why }) => why), ["seeds"]);
  kit.wait(SECOND);
  assertEquals(new Set(shown(kit, peer)).size, 20);
  assertEquals(shown(kit, peer).length, 20, "each of them once");
  const late = kit.handshake();
  assertEquals(kit.sentKinds(late)[0], "have-all");
  kit.say(peer, request(7));
  assertEquals(kit.all("upload").flatMap(({ blocks }) => blocks), [7, 0, BLOCK_SIZE]);
});

Deno.test("a seed that comes again and again is one seed", () => {
  const kit = superSeeder(20);
  for (let i = 0; i < 2 * SUPER_SEED_SEEDS_ENOUGH; i++) {
    kit.say(kit.handshake({ id: 9 }), { kind: "have-all" });
  }
  assert(isSuperSeeding(kit.transfer));
});

Deno.test("the rest is announced bit by bit", () => {
  const pieces = 2 * SUPER_SEED_HAVES_PER_TICK;
  const kit = superSeeder(pieces);
  const peer = join(kit);
  joinSeeds(kit);
  kit.forget();
  kit.wait(0);
  assertEquals(shown(kit, peer).length, SUPER_SEED_HAVES_PER_TICK);
  kit.wait(2 * SECOND);
  assertEquals(shown(kit, peer).length, pieces - 1);
});

Deno.test("super-seeding ends when two peers do not pass pieces on, as behind two NATs", () => {
  const kit = superSeeder(20);
  const peers = [join(kit), join(kit)];
  for (const peer of peers) {
    kit.say(peer, { kind: "interested" });
    for (const piece of shown(kit, peer)) take(kit, peer, piece);
  }
  kit.waitWith(peers, LONG_MS);
  assertEquals(kit.reports("super-seeding-done").map(({ why }) => why), ["stalled"]);
});

Deno.test("super-seeding ends when peers starve since another claims nearly everything", () => {
  const kit = superSeeder(8);
  const liar = kit.handshake();
  kit.say(liar, { kind: "bitfield", bits: Uint8Array.of(0b11111110) });
  const honest = join(kit);
  for (const peer of [liar, honest]) kit.say(peer, { kind: "interested" });
  kit.waitWith([liar, honest], 2 * LONG_MS);
  assertEquals(kit.reports("super-seeding-done").map(({ why }) => why), ["stalled"]);
});

Deno.test("a super-seeder waits for peers as long as it takes, and for those that make progress", () => {
  const kit = superSeeder(200);
  kit.wait(10 * LONG_MS);
  const peers = [join(kit), join(kit)];
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  for (let turn = 0; turn < 20; turn++) {
    const [piece] = kit.peer(peers[turn % 2]!).waiting.keys();
    kit.waitWith(peers, SUPER_SEED_PATIENCE_MS / 2);
    for (const peer of peers) take(kit, peer, piece!);
  }
  assertEquals(kit.reports("super-seeding-done"), []);
});

Deno.test("peers are told that it will download nothing more only once all is announced", () => {
  const uploadOnly = (kit: Kit, peer: number) =>
    kit.sent(peer).flatMap((message) => {
      if (message.kind !== "extended" || message.id !== 0) return [];
      const handshake = decodeExtendedHandshake(message.payload);
      return handshake.ok ? [handshake.value.uploadOnly] : [];
    });
  const kit = superSeeder(4);
  const peer = join(kit, { extended: true });
  kit.wait(SECOND);
  assertEquals(uploadOnly(kit, peer), [undefined]);
  joinSeeds(kit);
  kit.wait(2 * SECOND);
  assertEquals(uploadOnly(kit, peer), [undefined, true]);
});

Deno.test("a downloader does not super-seed", () => {
  const kit = new Kit({ have: "###.", superSeed: true });
  const peer = kit.connect("....");
  assertEquals(kit.sentKinds(peer)[0], "bitfield");
});

Deno.test("a large piece may take the time that it takes at 16 KiB a second, and half a minute", () => {
  const BLOCKS = 20;
  const kit = new Kit({ have: "#".repeat(20), blocks: BLOCKS, superSeed: true });
  const peers = [join(kit), join(kit)];
  for (const peer of peers) kit.say(peer, { kind: "interested" });
  for (const peer of peers) for (const piece of shown(kit, peer)) take(kit, peer, piece);
  kit.waitWith(peers, SUPER_SEED_PATIENCE_MS + (BLOCKS - 2) * SECOND);
  assertEquals(kit.reports("super-seeding-done"), []);
  kit.waitWith(peers, 5 * SECOND);
  assertEquals(kit.reports("super-seeding-done").map(({ why }) => why), ["stalled"]);
});
