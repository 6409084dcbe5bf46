import { takeAllRequests } from "../../../core/transfer/request_queue.ts";
import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { PEER_DEAD_MS } from "../../../core/swarm/limits.ts";
import {
  ALLOWED_FAST_PEERS_MAX,
  CHOKE_INTERVAL_MS,
  REQUEST_LENGTH_MAX,
  UPLOAD_AHEAD_MAX,
  UPLOAD_AHEAD_MIN,
  UPLOAD_QUEUE_PAUSE,
  UPLOAD_QUEUE_RESUME,
} from "../../../core/transfer/limits.ts";
import { isServed } from "../../../core/transfer/request_queue.ts";
import type { PeerKey } from "../../../core/torrent/protocol.ts";
import type { BlockMessage } from "../../../core/wire/message.ts";
import { type FakePeer, Kit } from "../torrent/kit.ts";

function request(piece: number, begin: number, length = BLOCK_SIZE): BlockMessage {
  return { kind: "request", piece, begin, length };
}

/** A torrent that has the first of two pieces of 40 blocks, and a peer that it serves. */
function serving(fake: FakePeer = {}): { kit: Kit; peer: PeerKey } {
  const kit = new Kit({ have: "#.", blocks: 40 });
  const peer = kit.connect("..", { unchokes: false, ...fake });
  kit.say(peer, { kind: "interested" });
  kit.forget();
  return { kit, peer };
}

function uploaded(kit: Kit): number {
  return kit.all("upload").flatMap(({ blocks }) => blocks).length / 3;
}

Deno.test("requests of an unchoked peer go to the shell in order", () => {
  const { kit, peer } = serving();
  kit.say(peer, request(0, BLOCK_SIZE));
  kit.say(peer, request(0, 5, 10));
  assertEquals(kit.all("upload"), [
    { kind: "upload", peer, blocks: [0, BLOCK_SIZE, BLOCK_SIZE] },
    { kind: "upload", peer, blocks: [0, 5, 10] },
  ]);
});

Deno.test("the shell holds a bounded number of bytes per peer; the rest is queued", () => {
  const { kit, peer } = serving();
  const ahead = UPLOAD_AHEAD_MIN / BLOCK_SIZE;
  for (let i = 0; i < ahead + 9; i++) kit.say(peer, request(0, (i % 40) * BLOCK_SIZE));
  assertEquals(uploaded(kit), ahead);
  kit.feed({ kind: "blocks-sent", peer, bytes: 2 * BLOCK_SIZE });
  assertEquals(uploaded(kit), ahead + 3, "a peer that takes blocks is handed more");
  assertEquals(kit.transfer.uploaded, 2 * BLOCK_SIZE);
});

/** Each second, takes everything that the shell holds, as an uplink of this rate does. */
function takeAt(kit: Kit, peer: PeerKey, bytesPerSecond: number, seconds: number): number {
  let most = 0;
  for (let second = 0; second < seconds; second++) {
    for (let taken = 0; taken < bytesPerSecond; taken += BLOCK_SIZE) {
      for (let i = 0; i < 4; i++) kit.say(peer, request(0, 0));
      most = Math.max(most, kit.peer(peer).uploadAhead);
      kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
    }
    kit.wait(1_000);
  }
  return most;
}

Deno.test("the bytes held by the shell follow the peer's rate", () => {
  const slow = serving(), fast = serving();
  assert(takeAt(slow.kit, slow.peer, 50_000, 20) <= 2 * UPLOAD_AHEAD_MIN);
  const most = takeAt(fast.kit, fast.peer, 8_000_000, 4);
  assert(most >= UPLOAD_AHEAD_MAX && most < UPLOAD_AHEAD_MAX + BLOCK_SIZE, `${most}`);
});

Deno.test("a full queue pauses reading without dropping requests, and resumes later", () => {
  const { kit, peer } = serving();
  const total = UPLOAD_QUEUE_PAUSE + UPLOAD_AHEAD_MIN / BLOCK_SIZE + 10;
  for (let i = 0; i < total; i++) kit.say(peer, request(0, (i % 40) * BLOCK_SIZE));
  assertEquals(kit.all("pause-reading").length, 1);
  while (uploaded(kit) < total - UPLOAD_QUEUE_RESUME) {
    assertEquals(kit.all("resume-reading").length, 0);
    kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  }
  assertEquals(kit.all("resume-reading").length, 1);
  while (kit.peer(peer).uploadAhead > 0) kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  assertEquals(uploaded(kit), total);
  assertEquals(kit.sentKinds(peer).includes("reject"), false);
});

Deno.test("a queue emptied by cancels resumes reading", () => {
  const { kit, peer } = serving();
  const asked = Array.from({ length: UPLOAD_QUEUE_PAUSE + 64 }, (_, i) => request(0, i, 1 + i));
  const large = Array.from({ length: 64 }, () => request(0, 0));
  for (const message of [...large, ...asked]) kit.add({ kind: "message", peer, message });
  kit.settle();
  for (const message of asked) {
    kit.add({ kind: "message", peer, message: { ...message, kind: "cancel" } });
  }
  kit.settle();
  assertEquals(kit.all("pause-reading").length, 1);
  assertEquals(kit.all("resume-reading").length, 1);
});

Deno.test("a peer whose reading is paused does not count as dead while it takes blocks", () => {
  const { kit, peer } = serving();
  for (let i = 0; i < UPLOAD_QUEUE_PAUSE + 100; i++) kit.say(peer, request(0, 0));
  assertEquals(kit.peer(peer).readingPaused, true);
  for (let passed = 0; passed < 2 * PEER_DEAD_MS; passed += 20_000) {
    kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
    kit.wait(20_000);
  }
  assertEquals(kit.isConnected(peer), true);
  assertEquals(kit.peer(peer).amChoking, false);
});

Deno.test("a choked peer gets a reject for each request, or nothing without Fast", () => {
  const kit = new Kit({ have: "#.", blocks: 40 });
  for (const fast of [true, false]) {
    const peer = kit.connect(".#", { unchokes: false, fast });
    (kit.peer(peer).grantedFast as Set<number>).clear();
    kit.forget();
    kit.say(peer, request(0, 0));
    assertEquals(kit.sentKinds(peer), fast ? ["reject"] : []);
    assertEquals(kit.all("upload"), []);
  }
});

Deno.test("a choked newcomer can request its allowed fast pieces", () => {
  const kit = new Kit({ have: "#.", blocks: 40 });
  const peer = kit.connect("..", { unchokes: false });
  assertEquals(kit.sent(peer).filter(({ kind }) => kind === "allowed-fast"), [
    { kind: "allowed-fast", piece: 0 },
  ]);
  kit.say(peer, request(0, 0));
  assertEquals(uploaded(kit), 1);
});

Deno.test("few choked newcomers at a time get their allowed fast pieces", () => {
  const kit = new Kit({ have: "#".repeat(20) });
  const connect = () => kit.connect(".".repeat(20), { unchokes: false });
  const peers = Array.from({ length: ALLOWED_FAST_PEERS_MAX + 1 }, connect);
  const ask = (peer: number) => {
    const [piece] = kit.peer(peer).grantedFast;
    kit.forget();
    kit.say(peer, { kind: "request", piece: piece!, begin: 0, length: 1_024 });
    return [kit.all("upload").length, kit.sentKinds(peer)];
  };
  const last = peers.pop()!;
  for (const peer of peers) assertEquals(ask(peer), [1, []]);
  assertEquals(ask(last), [0, ["reject"]]);
  assertEquals(ask(peers[0]!), [1, []], "one that is served goes on");
  kit.feed({ kind: "blocks-sent", peer: peers[0]!, bytes: 2_048 });
  assertEquals(ask(last), [1, []], "its turn");
});

Deno.test("a request for a piece that we lack is rejected", () => {
  const { kit, peer } = serving();
  kit.say(peer, request(1, 0));
  assertEquals(kit.sent(peer), [{ kind: "reject", piece: 1, begin: 0, length: BLOCK_SIZE }]);
});

Deno.test("a cancelled request is rejected if still queued, and served if already sent", () => {
  const { kit, peer } = serving();
  const ahead = UPLOAD_AHEAD_MIN / BLOCK_SIZE;
  for (let i = 0; i < ahead; i++) kit.say(peer, request(0, 0));
  kit.say(peer, request(0, BLOCK_SIZE));
  kit.say(peer, { ...request(0, 0), kind: "cancel" });
  assertEquals(kit.sentKinds(peer), []);
  kit.say(peer, { ...request(0, BLOCK_SIZE), kind: "cancel" });
  assertEquals(kit.sentKinds(peer), ["reject"]);
  kit.feed({ kind: "blocks-sent", peer, bytes: UPLOAD_AHEAD_MIN });
  assertEquals(uploaded(kit), ahead);
});

Deno.test("a cancelled request is taken back from the shell, and rejected if it returns", () => {
  const { kit, peer } = serving();
  for (let i = 0; i < 3; i++) kit.say(peer, request(0, i * BLOCK_SIZE));
  kit.forget();
  const block = [0, BLOCK_SIZE, BLOCK_SIZE];
  kit.say(peer, { ...request(0, BLOCK_SIZE), kind: "cancel" });
  assertEquals(kit.all("take-back-uploads"), [{ kind: "take-back-uploads", peer, blocks: block }]);
  assertEquals(kit.sentKinds(peer), []);
  kit.feed({ kind: "uploads-taken-back", peer, blocks: block });
  assertEquals(kit.sentKinds(peer), ["reject"]);
  assertEquals(kit.peer(peer).uploadAhead, 2 * BLOCK_SIZE);
  kit.feed({ kind: "uploads-taken-back", peer: 99, blocks: block });
});

Deno.test("choking takes requests back from the shell; blocks being sent no longer count", () => {
  const kit = new Kit({ have: "##", blocks: 40 });
  const peer = kit.connect("..", { unchokes: false });
  kit.say(peer, { kind: "interested" });
  (kit.peer(peer).grantedFast as Set<number>).delete(1);
  kit.say(peer, request(0, 0));
  for (let i = 0; i < 3; i++) kit.say(peer, request(1, i * BLOCK_SIZE));
  kit.forget();
  kit.say(peer, { kind: "not-interested" });
  kit.wait(CHOKE_INTERVAL_MS + 1_000);
  assertEquals(kit.all("take-back-uploads"), [
    { kind: "take-back-uploads", peer, blocks: undefined },
  ]);
  assertEquals(isServed(kit.peer(peer)), false);
  const back = [0, 0, BLOCK_SIZE, 1, 2 * BLOCK_SIZE, BLOCK_SIZE];
  kit.feed({ kind: "uploads-taken-back", peer, blocks: back });
  assertEquals(kit.sent(peer).filter(({ kind }) => kind === "reject"), [
    { kind: "reject", piece: 1, begin: 2 * BLOCK_SIZE, length: BLOCK_SIZE },
  ]);
  assertEquals(kit.all("upload"), [{ kind: "upload", peer, blocks: [0, 0, BLOCK_SIZE] }]);
  assertEquals(isServed(kit.peer(peer)), true, "its allowed fast piece is served on");
  kit.feed({ kind: "blocks-sent", peer, bytes: 3 * BLOCK_SIZE });
  assertEquals(kit.peer(peer).uploadAhead, 0);
});

Deno.test("choking rejects queued requests except allowed fast ones, and resumes reading", () => {
  const kit = new Kit({ have: "##", blocks: 40 });
  const peer = kit.connect("..", { unchokes: false });
  kit.say(peer, { kind: "interested" });
  (kit.peer(peer).grantedFast as Set<number>).delete(1);
  for (let i = 0; i < UPLOAD_QUEUE_PAUSE + 64; i++) kit.say(peer, request(1, 0));
  kit.say(peer, request(0, 0));
  kit.forget();
  kit.say(peer, { kind: "not-interested" });
  kit.wait(CHOKE_INTERVAL_MS + 1_000);
  assertEquals(kit.sentKinds(peer)[0], "choke");
  const rejects = kit.sentKinds(peer).filter((kind) => kind === "reject").length;
  assertEquals(rejects, UPLOAD_QUEUE_PAUSE + 64 - UPLOAD_AHEAD_MIN / BLOCK_SIZE);
  assertEquals(takeAllRequests(kit.peer(peer).queue), [0, 0, BLOCK_SIZE]);
  assertEquals(kit.all("resume-reading").length, 1);
});

Deno.test("a block that the disk cannot read is rejected", () => {
  const { kit, peer } = serving();
  kit.say(peer, request(0, 0));
  kit.feed({ kind: "block-unreadable", peer, piece: 0, begin: 0, length: BLOCK_SIZE });
  assertEquals(kit.sentKinds(peer), ["reject"]);
  assertEquals(kit.peer(peer).uploadAhead, 0);
  kit.feed({ kind: "block-unreadable", peer: 99, piece: 0, begin: 0, length: BLOCK_SIZE });
});

Deno.test("sent payload counts even if the peer has disconnected", () => {
  const { kit, peer } = serving();
  kit.say(peer, request(0, 0));
  kit.disconnect(peer);
  kit.feed({ kind: "blocks-sent", peer, bytes: BLOCK_SIZE });
  assertEquals(kit.transfer.uploaded, BLOCK_SIZE);
});

for (
  const [what, message] of [
    ["over 128 KiB", request(0, 0, REQUEST_LENGTH_MAX + 1)],
    ["of nothing", request(0, 0, 0)],
    ["beyond the piece", request(0, 39 * BLOCK_SIZE, BLOCK_SIZE + 1)],
    ["beyond the torrent", request(2, 0)],
  ] as const
) {
  Deno.test(`a request ${what} closes the connection`, () => {
    const { kit, peer } = serving();
    kit.say(peer, message);
    assertEquals(kit.closed(peer), "protocol-violation");
  });
}

Deno.test("a request of exactly 128 KiB is served", () => {
  const { kit, peer } = serving();
  kit.say(peer, request(0, 0, REQUEST_LENGTH_MAX));
  assertEquals(uploaded(kit), 1);
});
