/**
 * Web servers beside peers: which pieces are requested from them, and what happens when they fail.
 */
import { assert, assertEquals } from "@std/assert";
import { factsOf } from "../../../core/torrent/facts.ts";
import { hasWebSeeds, WEB_SEEDS_OPEN_MAX } from "../../../core/torrent/web_seeds.ts";
import { WEB_SEED_RETRY_FIRST_MS } from "../../../core/web_seed/judge.ts";
import { Kit, type Picture } from "./kit.ts";

const KEY = 900;

function kitWith(picture: Picture, count = 1): Kit {
  const webSeeds = Array.from({ length: count }, (_, i) => ({
    key: KEY + i,
    url: `http://w${i}.example/`,
    seedKind: "files" as const,
  }));
  return new Kit({ ...picture, webSeeds });
}

/** Pieces with blocks outstanding at the server, in the order of requests. */
function piecesAsked(kit: Kit, key = KEY): number[] {
  const pieces = kit.effects.flatMap((effect) => {
    if (effect.kind !== "request" || effect.peer !== key) return [];
    return effect.blocks.filter((_, i) => i % 3 === 0);
  });
  return [...new Set(pieces)];
}
const opened = (kit: Kit) =>
  kit.effects.flatMap((effect) => effect.kind === "open-web-seed" ? [effect.peer] : []);
const fail = (kit: Kit, verdict: "wait" | "drop", waitMs?: number) =>
  kit.feed({ kind: "web-seed-failed", peer: KEY, verdict, why: "it answered 503", waitMs });

Deno.test("without peers a web server provides all pieces, in order", () => {
  const kit = kitWith({ have: "........" });
  assertEquals(opened(kit), [KEY]);
  assertEquals(piecesAsked(kit), [0, 1, 2, 3, 4, 5, 6, 7]);
  kit.complete(KEY);
  assertEquals(kit.torrent.transfer!.haveCount, 8);
  assertEquals(kit.effects.at(-1)?.kind !== undefined, true);
  assert(kit.effects.some((effect) => effect.kind === "close-web-seed" && effect.peer === KEY));
  const [facts] = factsOf(kit.torrent, kit.now).webSeeds;
  assertEquals([facts!.downloaded, facts!.state], [8 * 2 * 16_384, "waiting"]);
});

Deno.test("a complete torrent requests nothing from web seeds", () => {
  assertEquals(opened(kitWith({ have: "####" })), []);
});

Deno.test("a server starts at the longest gap, and continues after its requests", () => {
  const kit = kitWith({ have: "#..##....#..", blocks: 128 });
  assertEquals(piecesAsked(kit), [5]);
  kit.deliver(KEY);
  assertEquals(piecesAsked(kit).slice(0, 2), [5, 6]);
});

Deno.test("only some of many servers are used at once, and a dropped one is replaced", () => {
  const kit = kitWith({ have: "........" }, 9);
  assertEquals(opened(kit).length, WEB_SEEDS_OPEN_MAX);
  kit.forget();
  fail(kit, "drop");
  assertEquals(opened(kit), [KEY + WEB_SEEDS_OPEN_MAX]);
});

Deno.test("a busy server is retried after growing delays, or when its answer says", () => {
  const kit = kitWith({ have: "...." });
  let pauseMs = WEB_SEED_RETRY_FIRST_MS;
  for (const asked of [undefined, undefined, 90_000]) {
    kit.forget();
    fail(kit, "wait", asked);
    if (asked !== undefined) pauseMs = asked;
    kit.wait(pauseMs - 1_001);
    assertEquals(opened(kit), []);
    kit.wait(2_002);
    assertEquals(opened(kit), [KEY]);
    assert(piecesAsked(kit).length > 0);
    pauseMs *= 2;
  }
  assertEquals(kit.reports("web-seed-failed").length, 1);
});

Deno.test("a dropped server is not requested again, and peers get its outstanding blocks", () => {
  const kit = kitWith({ have: "...." });
  fail(kit, "drop");
  kit.forget();
  kit.wait(3_600_000);
  assertEquals(opened(kit), []);
  const peer = kit.connect("####");
  kit.say(peer, { kind: "unchoke" });
  kit.complete(peer);
  assertEquals(kit.torrent.transfer!.haveCount, 4);
});

Deno.test("a server that sends a bad piece is dropped, and no peer is banned for it", () => {
  const kit = kitWith({ have: "...." });
  kit.deliver(KEY);
  kit.finish([0]);
  assertEquals(kit.reports("web-seed-failed")[0]?.isDropped, true);
  assertEquals(kit.reports("peer-banned"), []);
  assert(kit.effects.some(({ kind }) => kind === "close-web-seed"));
  assertEquals(factsOf(kit.torrent, kit.now).webSeeds[0]!.state, "dropped");
});

Deno.test("a server is served nothing, and the share rule does not wait for it", () => {
  const kit = kitWith({ have: "....", shareRule: { percent: 10, strict: false } });
  kit.complete(KEY);
  assertEquals(kit.torrent.transfer!.haveCount, 4);
  assertEquals(kit.torrent.transfer!.share, "waived");
  assertEquals(kit.effects.some((effect) => effect.kind === "upload"), false);
});

Deno.test("a server and a peer share the work, each piece from one of them", () => {
  const kit = kitWith({ have: "....................", blocks: 16 });
  const peer = kit.connect("####################");
  kit.say(peer, { kind: "unchoke" });
  for (let turn = 0; turn < 60 && kit.torrent.transfer!.haveCount < 20; turn++) {
    kit.deliver(KEY, 8);
    kit.deliver(peer, 8);
    kit.finish();
  }
  assertEquals(kit.torrent.transfer!.haveCount, 20);
  const { downloaded } = factsOf(kit.torrent, kit.now).webSeeds[0]!;
  assert(downloaded > 40 * 16_384 && downloaded < 280 * 16_384, `${downloaded}`);
});

Deno.test("why a server is out of use is told, and forgotten while it works", () => {
  const kit = kitWith({ have: "...." });
  const facts = () => factsOf(kit.torrent, kit.now).webSeeds[0]!;
  assertEquals([facts().state, facts().why], ["active", undefined]);
  fail(kit, "wait");
  assertEquals([facts().state, facts().why], ["waiting", "it answered 503"]);
  kit.wait(WEB_SEED_RETRY_FIRST_MS + 1_000);
  assertEquals([facts().state, facts().why], ["active", undefined]);
  kit.deliver(KEY);
  kit.finish([0]);
  assertEquals([facts().state, facts().why], ["dropped", "it sent a piece that fails its check"]);
});

Deno.test("a server that works begins its waits anew", () => {
  const kit = kitWith({ have: "...." });
  fail(kit, "wait");
  kit.wait(WEB_SEED_RETRY_FIRST_MS + 1_000);
  fail(kit, "wait");
  kit.wait(2 * WEB_SEED_RETRY_FIRST_MS + 1_000);
  kit.deliver(KEY, 1);
  fail(kit, "wait");
  kit.forget();
  kit.wait(WEB_SEED_RETRY_FIRST_MS + 1_000);
  assertEquals(opened(kit), [KEY]);
});

Deno.test("a torrent that stops closes its servers, and one without metadata has none at work", () => {
  const kit = kitWith({ have: "...." });
  kit.forget();
  kit.feed({ kind: "stop" });
  assertEquals(kit.all("close-web-seed").map(({ peer }) => peer), [KEY]);
  assertEquals(kit.torrent.transfer!.peers.size, 0);
  const magnet = kitWith({ have: "..", isMagnet: true });
  assertEquals(opened(magnet), []);
  assertEquals(hasWebSeeds(magnet.torrent), false);
  const done = kitWith({ have: "##" });
  assertEquals(hasWebSeeds(done.torrent), false);
  const dropped = kitWith({ have: ".." });
  assertEquals(hasWebSeeds(dropped.torrent), true);
  fail(dropped, "wait");
  assertEquals(hasWebSeeds(dropped.torrent), true);
  dropped.wait(WEB_SEED_RETRY_FIRST_MS + 1_000);
  fail(dropped, "drop");
  assertEquals(hasWebSeeds(dropped.torrent), false);
});

Deno.test("a server is a peer with the Fast extension that downloads nothing, and has no address", () => {
  const { features, isUploadOnly, isWebSeed, id, address } = kitWith({ have: ".." }).peer(KEY).link;
  assertEquals(features, { fast: true, extended: false, dht: false });
  assertEquals([isUploadOnly, isWebSeed], [true, true]);
  assertEquals([id, address], [new Uint8Array(20), { ip: "0.0.0.0", port: 0 }]);
});
