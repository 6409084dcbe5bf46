/** Each way in which a simulated node misbehaves, seen by the node that it is connected to. */
import { assert, assertEquals } from "@std/assert";
import type { Node } from "../../../core/sim/node.ts";
import type { NodeOptions, WorldOptions } from "../../../core/sim/options.ts";
import { createWorld } from "../../../core/sim/state.ts";
import { addNode, introduce, runWorld } from "../../../core/sim/world.ts";
import { isComplete, transferOf } from "../../../core/torrent/state.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";

const PIECES = 8;
const BLOCK = 16_384;

/** A seed that behaves so and a leech, a while after they met; what the seed sent, by kind. */
function meet(
  misbehaviour: NodeOptions["misbehaviour"],
  options: Partial<WorldOptions> = {},
  leechOptions: Partial<NodeOptions> = {},
) {
  const world = createWorld({
    ...{ seed: 3, pieces: PIECES, blocks: 1, sha1, keepsReports: true, ...options },
  });
  const other = misbehaviour === undefined ? {} : { misbehaviour };
  const bad = addNode(world, { name: "bad", have: "seed", isAlone: true, ...other });
  const leech = addNode(world, { name: "leech", isAlone: true, ...leechOptions });
  const sent = new Map<string, number>();
  world.watchEffect = (node, effect) => {
    const kind = effect.kind === "send" ? effect.message.kind : effect.kind;
    if (node === bad) sent.set(kind, (sent.get(kind) ?? 0) + 1);
  };
  runWorld(world, 1);
  introduce(world, leech, bad);
  runWorld(world, 20_000);
  const failed = leech.reports.filter(({ report }) => report.kind === "piece-failed").length;
  return { world, bad, leech, sent, failed };
}

const downloaded = ({ torrent }: Node) => transferOf(torrent).downloaded;

Deno.test("an honest seed sends every piece right and once", () => {
  const { world, leech, failed, sent } = meet(undefined);
  assertEquals([isComplete(leech.torrent), failed, sent.has("reject")], [true, 0, false]);
  assertEquals(world.tally.bytesSent, PIECES * BLOCK);
});

Deno.test("what a corrupt node sends fails its check, of another kind only some of it", () => {
  const { leech, failed } = meet("corrupt");
  assertEquals([failed > 0, transferOf(leech.torrent).haveCount], [true, 0]);
  const first = Array.from({ length: 12 }, (_, seed) => meet("corrupt-some", { seed, pieces: 1 }));
  const right = first.filter(({ failed }) => failed === 0).length;
  assert(right >= 2 && right <= 10, `${right} of 12 are right`);
});

Deno.test("a silent or a dripping node serves us and sends nothing", () => {
  for (const kind of ["silent", "drip"] as const) {
    const { world, leech, sent } = meet(kind);
    assertEquals(
      [sent.has("upload"), downloaded(leech), world.tally.bytesSent],
      [true, 0, 0],
      kind,
    );
  }
  const stuck = meet("drip");
  assertEquals([...stuck.bad.ends.values()].map(({ isStuck }) => isStuck), [true]);
});

Deno.test("a refusing node rejects everything that it is asked for", () => {
  const { leech, sent } = meet("refuse");
  assertEquals([downloaded(leech), (sent.get("reject") ?? 0) >= PIECES], [0, true]);
});

Deno.test("a freeloader neither unchokes nor allows anything", () => {
  const { leech, sent } = meet("freeload");
  const [peer] = transferOf(leech.torrent).peers.values();
  assertEquals([downloaded(leech), peer!.isChoking, peer!.allowedFast.size], [0, true, 0]);
  assertEquals(sent.has("unchoke"), true, "its core would");
});

Deno.test("a boaster names pieces that it lacks, beside those that it has", () => {
  for (const isBoaster of [true, false]) {
    const world = createWorld({ seed: 3, pieces: 40, blocks: 1, sha1 });
    const seed = addNode(world, { name: "seed", have: "seed", isAlone: true });
    const other = isBoaster ? { misbehaviour: "boast" as const } : {};
    const leech = addNode(world, { name: "leech", isAlone: true, ...other });
    let most = 0;
    world.watch = (node) => {
      const [peer] = transferOf(seed.torrent).peers.values();
      if (node !== seed || peer === undefined) return;
      most = Math.max(most, peer.haveCount - transferOf(leech.torrent).haveCount);
    };
    runWorld(world, 1);
    introduce(world, leech, seed);
    runWorld(world, 20_000);
    assertEquals(most > 0, isBoaster, `${most} more than it has`);
  }
});

Deno.test("a flooder asks for each block many times, and is sent some of them again", () => {
  const pieces = 64;
  const { world, leech } = meet(undefined, { pieces }, { misbehaviour: "flood" });
  const { bytesSent } = world.tally;
  assert(downloaded(leech) > 0 && bytesSent > 1.5 * downloaded(leech), `${bytesSent} bytes`);
});

Deno.test("a liar's hashes are wrong, an honest seed's are right", () => {
  const v2 = { format: "v2", blocks: 4 } as const;
  const honest = meet(undefined, v2), liar = meet("lie", v2);
  assertEquals([isComplete(honest.leech.torrent), honest.sent.has("answer-hashes")], [true, true]);
  assertEquals([downloaded(liar.leech), liar.sent.has("answer-hashes")], [0, true]);
  assertEquals(liar.leech.ends.size, 0, "it is banned");
});
