import { assert, assertEquals } from "@std/assert";
import { BLOCK_SIZE } from "../../../core/metainfo/geometry.ts";
import { REQQ_DEFAULT } from "../../../core/wire/extended.ts";
import {
  PIPELINE_FIRST,
  PIPELINE_MAX,
  PIPELINE_MIN,
  PIPELINE_NEAR,
  PIPELINE_NEAR_MS,
  PIPELINE_SECONDS,
  SNUB_MS,
  UNREQUESTED_BYTES_MAX,
} from "../../../core/transfer/limits.ts";
import { adjustPipeline, onBlockFrom, pipelineTarget } from "../../../core/transfer/requests.ts";
import { EAGER_ENDGAME, Kit, writable } from "../torrent/kit.ts";

function benchPeer() {
  const kit = new Kit({ have: "." });
  return kit.peer(kit.connect("#"));
}

Deno.test("a new peer gets a moderate number of requests", () => {
  const kit = new Kit({ have: "..", blocks: 100 });
  assertEquals(kit.owed(kit.connect("##")).length, PIPELINE_FIRST);
});

Deno.test("in slow start each block adds one to the pipeline, doubling it per round trip", () => {
  const kit = new Kit({ have: "..", blocks: 100 });
  const peer = kit.connect("##");
  kit.deliver(peer, PIPELINE_FIRST);
  assertEquals(kit.peer(peer).pipeline, 2 * PIPELINE_FIRST);
  assert(kit.owed(peer).length > 1.5 * PIPELINE_FIRST);
});

Deno.test("slow start ends when the rate stops growing, and the pipeline follows the rate", () => {
  const peer = benchPeer();
  writable(peer.down).rate = 1_000_000;
  adjustPipeline(peer);
  assertEquals(peer.slowStart, true);
  writable(peer.down).rate = 1_050_000;
  adjustPipeline(peer);
  assertEquals(peer.slowStart, false);
  const blocks = Math.ceil(1_050_000 * PIPELINE_SECONDS / BLOCK_SIZE);
  assertEquals(peer.pipeline, blocks);
  onBlockFrom(peer, BLOCK_SIZE, 0);
  assertEquals(peer.pipeline, blocks, "no growth after slow start");
});

Deno.test("the pipeline follows the round trip measured after a pause", () => {
  const kit = new Kit({ have: "#" + ".".repeat(20), blocks: 16 });
  const key = kit.connect("#".repeat(21));
  const peer = kit.peer(key);
  kit.now += 900;
  kit.deliver(key, 1);
  assertEquals(peer.roundTripMs, 900);
  kit.now += 300;
  kit.deliver(key, 1);
  assertEquals(peer.roundTripMs, 900, "blocks behind it say nothing about the way");
  writable(peer).slowStart = false;
  writable(peer.down).rate = 1_000_000;
  adjustPipeline(peer);
  assertEquals(peer.pipeline, Math.ceil(1_000_000 * (PIPELINE_SECONDS + 0.9) / BLOCK_SIZE));
  kit.say(key, { kind: "choke" });
  for (const name of kit.owed(key)) {
    const [piece, block] = name.split(".").map(Number);
    const begin = block! * BLOCK_SIZE;
    kit.say(key, { kind: "reject", piece: piece!, begin, length: BLOCK_SIZE });
  }
  kit.say(key, { kind: "unchoke" });
  kit.now += 100;
  kit.deliver(key, 1);
  assertEquals(peer.roundTripMs, 500, "half old, half new");
});

Deno.test("the pipeline stays within its bounds and the peer's queue length", () => {
  const peer = benchPeer();
  writable(peer).slowStart = false;
  writable(peer.down).rate = 20;
  adjustPipeline(peer);
  assertEquals(peer.pipeline, PIPELINE_MIN);
  writable(peer.down).rate = 1e12;
  adjustPipeline(peer);
  assertEquals(peer.pipeline, PIPELINE_MAX);
  writable(peer).roundTripMs = 1_000;
  assertEquals(pipelineTarget(peer), REQQ_DEFAULT);
  writable(peer.link).reqq = 5_000;
  assertEquals(pipelineTarget(peer), PIPELINE_MAX);
  writable(peer).snubbed = true;
  assertEquals(pipelineTarget(peer), 1);
});

Deno.test("the pipeline of a near peer is capped, that of a distant one is longer", () => {
  const peer = benchPeer();
  writable(peer).pipeline = PIPELINE_MAX;
  writable(peer.link).reqq = 5_000;
  for (const roundTripMs of [0, 1, PIPELINE_NEAR_MS]) {
    writable(peer).roundTripMs = roundTripMs;
    assertEquals(pipelineTarget(peer), PIPELINE_NEAR);
  }
  writable(peer).roundTripMs = 3 * PIPELINE_NEAR_MS;
  assertEquals(pipelineTarget(peer), 3 * PIPELINE_NEAR);
});

Deno.test("requests are refilled in batches, not one message per block", () => {
  const kit = new Kit({ have: "..", blocks: 400 });
  const peer = kit.connect("##");
  writable(kit.peer(peer)).slowStart = false;
  writable(kit.peer(peer)).pipeline = 100;
  kit.deliver(peer, 1);
  kit.forget();
  kit.deliver(peer, 50);
  assert(kit.all("request").length <= 3, `${kit.all("request").length} batches`);
  assert(kit.owed(peer).length >= 75);
});

Deno.test("a peer without useful pieces gets neither requests nor interested", () => {
  const kit = new Kit({ have: "#." });
  const peer = kit.connect("#.");
  assertEquals(kit.all("request"), []);
  assertEquals(kit.sentKinds(peer).includes("interested"), false);
});

Deno.test("interested is sent when the peer has something for us, not interested when not", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const peer = kit.connect("#.");
  kit.say(peer, { kind: "have", piece: 1 });
  assertEquals(kit.sentKinds(peer).includes("interested"), true);
  const other = kit.connect("##", { unchokes: false });
  kit.deliver(peer);
  kit.finish();
  assertEquals(kit.have, "##");
  assertEquals(kit.isConnected(other), false);
});

Deno.test("a peer becomes busy as soon as something can be requested from it", () => {
  const kit = new Kit({ have: "##..", blocks: 1, tuning: EAGER_ENDGAME });
  const slow = kit.connect("..#.");
  const idle = kit.connect("....");
  assertEquals(kit.owed(idle), []);
  kit.say(idle, { kind: "have", piece: 2 });
  assertEquals(kit.owed(idle), ["2.0"], "endgame");
  kit.say(idle, { kind: "have", piece: 3 });
  kit.block(slow, 2, 0);
  assertEquals(kit.owed(idle), ["3.0"]);
});

/**
 * One piece whose only block was requested from `peer` and cancelled, and may be requested again.
 */
function cancelled(): { kit: Kit; peer: number } {
  const kit = new Kit({ have: "..", blocks: 1 });
  const peer = kit.connect("##", { fast: true });
  kit.feed({ kind: "prioritize", ranges: [{ first: 0, end: 1, priority: 0 }] });
  assertEquals(kit.sentKinds(peer).includes("cancel"), true);
  kit.feed({ kind: "prioritize", ranges: [{ first: 0, end: 1, priority: 4 }] });
  return { kit, peer };
}

Deno.test("a reject of a cancelled request is not matched to a later one", () => {
  const { kit, peer } = cancelled();
  assertEquals(kit.owed(peer).includes("0.0"), true);
  const reject = { kind: "reject", piece: 0, begin: 0, length: BLOCK_SIZE } as const;
  kit.say(peer, reject);
  assertEquals(kit.owed(peer).includes("0.0"), true, "the second request still stands");
  kit.say(peer, reject);
  assertEquals(kit.owed(peer).includes("0.0"), false);
});

Deno.test("a block that arrives after its cancel is kept if it is still needed", () => {
  const kit = new Kit({ have: "..", blocks: 2 });
  const late = kit.connect("##", { fast: true });
  const before = kit.owed(late);
  kit.waitWith([], SNUB_MS + 2_000);
  assertEquals(kit.sentKinds(late).includes("cancel"), true);
  const wasted = kit.transfer.wasted;
  for (const block of before) {
    const [piece, index] = block.split(".").map(Number) as [number, number];
    assertEquals(kit.block(late, piece, index), "accepted", block);
  }
  assertEquals(kit.transfer.wasted, wasted);
  kit.finish();
  assertEquals(kit.have, "##");
});

Deno.test("a flood of unrequested blocks closes the connection at a limit", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const peer = kit.connect("##", { unchokes: false });
  const most = Math.floor(UNREQUESTED_BYTES_MAX / BLOCK_SIZE);
  for (let i = 0; i < most; i++) {
    assertEquals(kit.block(peer, 0, 0), "unwanted");
  }
  assertEquals(kit.block(peer, 0, 0), "violation");
  assertEquals(kit.closed(peer), "protocol-violation");
});

Deno.test("a peer that is snubbed leaves slow start and begins again with the least pipeline", () => {
  const kit = new Kit({ have: "#" + ".".repeat(8), blocks: 16 });
  const key = kit.connect("#".repeat(9));
  const peer = kit.peer(key);
  assert(peer.slowStart && peer.pipeline > PIPELINE_MIN);
  kit.waitWith([key], SNUB_MS + 2_000);
  assertEquals([peer.snubbed, peer.slowStart, peer.pipeline], [true, false, PIPELINE_MIN]);
  kit.deliver(key, 1);
  assertEquals(peer.pipeline, PIPELINE_MIN, "blocks make it no longer as they do in slow start");
});

Deno.test("what a peer that leaves owed us is asked of others at once, also of those that have nothing new", () => {
  const kit = new Kit({ have: "#..", blocks: 2 });
  const first = kit.connect("###");
  const second = kit.connect("###");
  const owed = kit.owed(first);
  assertEquals(kit.owed(second), [], "everything is asked for");
  kit.disconnect(first);
  assertEquals(kit.owed(second).sort(), owed.sort());
});
