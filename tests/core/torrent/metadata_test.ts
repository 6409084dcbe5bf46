import { assert, assertEquals } from "@std/assert";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import { EARLY_HAVES_MAX } from "../../../core/torrent/early_news.ts";
import { factsOf } from "../../../core/torrent/facts.ts";
import { bitsOf, Kit } from "./kit.ts";

const BLOCK = 16_384;

/** A torrent of which only the info hash is known. */
function magnet(): Kit {
  return new Kit({ have: "", isMagnet: true, announceTiers: [["http://a.test/announce"]] });
}

function learn(kit: Kit, have: string, isPrivate = false): void {
  kit.feed({
    kind: "metadata",
    geometry: createGeometry(have.length * BLOCK, BLOCK),
    have: bitsOf(have),
    isPrivate,
    priorities: undefined,
  });
}

Deno.test("a swarm without metadata announces, dials, connects and sends have-none", () => {
  const kit = magnet();
  assertEquals(kit.all("announce").map(({ request }) => request.left > 0), [true]);
  kit.answer({ peers: [{ ip: "10.1.1.1", port: 6881 }] });
  const peer = kit.handshake({ extended: true }, kit.all("dial")[0]!.job);
  assertEquals(kit.sentKinds(peer), ["extended", "have-none"]);
  kit.wait(300_000);
  assertEquals(factsOf(kit.torrent, kit.now).pieceCount, 0);
});

Deno.test("early messages take effect once the metadata is known", () => {
  const kit = magnet();
  const owner = kit.handshake();
  kit.say(owner, { kind: "bitfield", bits: bitsOf("##..").bytes });
  kit.say(owner, { kind: "have", piece: 2 });
  kit.say(owner, { kind: "unchoke" });
  const seed = kit.handshake();
  kit.say(seed, { kind: "have-all" });
  const leecher = kit.handshake();
  kit.say(leecher, { kind: "have-none" });
  kit.say(leecher, { kind: "interested" });
  kit.forget();
  learn(kit, "....");
  assertEquals([...kit.transfer.availability.counts], [1, 1, 1, 0]);
  assertEquals(kit.transfer.availability.seeds, 1);
  assertEquals(kit.owed(owner).length, 3);
  assertEquals(kit.peer(leecher).isInterested, true);
  assertEquals([...kit.torrent.early.peers], []);
  kit.complete(owner);
  kit.say(seed, { kind: "unchoke" });
  kit.complete(seed);
  assertEquals(kit.have, "####");
  learn(kit, "....");
  assertEquals(kit.have, "####", "metadata is learned once");
});

Deno.test("existing content is announced to peers that were told have-none", () => {
  const kit = magnet();
  const peer = kit.handshake();
  kit.forget();
  learn(kit, "#.#");
  assertEquals(kit.sent(peer), [{ kind: "have", piece: 0 }, { kind: "have", piece: 2 }]);
});

Deno.test("a request before the metadata is rejected, or ignored without Fast", () => {
  const kit = magnet();
  for (const fast of [true, false]) {
    const peer = kit.handshake({ fast });
    kit.forget();
    kit.say(peer, { kind: "request", piece: 0, begin: 0, length: BLOCK });
    assertEquals(kit.sentKinds(peer), fast ? ["reject"] : []);
  }
});

Deno.test("early messages that do not fit the metadata close the connection", () => {
  const kit = magnet();
  const wrongSize = kit.handshake(), beyond = kit.handshake(), fine = kit.handshake();
  kit.say(wrongSize, { kind: "bitfield", bits: new Uint8Array(9) });
  kit.say(beyond, { kind: "have", piece: 4 });
  kit.say(fine, { kind: "have", piece: 3 });
  learn(kit, "....");
  assertEquals([wrongSize, beyond, fine].map((peer) => kit.closed(peer)), [
    "protocol-violation",
    "protocol-violation",
    undefined,
  ]);
});

Deno.test("a peer with too many early messages is reconnected; memory is bounded", () => {
  const kit = magnet();
  const peer = kit.handshake();
  for (let piece = 0; piece < EARLY_HAVES_MAX + 1; piece++) kit.say(peer, { kind: "have", piece });
  const flood = kit.handshake({ ip: "10.6.6.6" });
  for (let i = 0; i < 40; i++) {
    kit.say(flood, { kind: "bitfield", bits: new Uint8Array(1024 * 1024) });
  }
  assert(kit.torrent.early.bitfieldBytes <= 1024 * 1024, "the last one counts");
  learn(kit, ".".repeat(EARLY_HAVES_MAX + 10));
  assertEquals(kit.closed(peer), "missed-messages");
});

Deno.test("addresses not from trackers are removed once the metadata says private", () => {
  const kit = magnet();
  const addresses = Array.from({ length: 40 }, (_, i) => ({ ip: `10.1.${i}.1`, port: 6881 }));
  kit.feed({ kind: "peers-found", addresses, source: "dht" });
  learn(kit, "..", true);
  kit.feed({ kind: "peers-found", addresses, source: "pex" });
  assertEquals(kit.torrent.swarm.addresses.entries.size, 30, "those being dialled remain");
});

Deno.test("a swarm without metadata stops at once, with nothing to save", () => {
  const kit = magnet();
  kit.handshake();
  kit.feed({ kind: "stop" });
  assertEquals(kit.torrent.stage, "stopped");
  assertEquals(kit.all("save-state"), []);
});

/** The extension handshakes that the peer got, as text. */
function handshakes(kit: Kit, peer: number): string[] {
  return kit.sent(peer).flatMap((message) =>
    message.kind === "extended" && message.id === 0
      ? [new TextDecoder("latin1").decode(message.payload)]
      : []
  );
}

Deno.test("a torrent that turns out to be private withdraws what it offered, others do not", () => {
  for (const isPrivate of [true, false]) {
    const kit = magnet();
    const peer = kit.handshake({ extended: true });
    const silent = kit.handshake({ extended: false });
    kit.forget();
    learn(kit, "..", isPrivate);
    assertEquals(handshakes(kit, peer).map((text) => text.includes("6:ut_pexi0e")), [
      ...isPrivate ? [true] : [],
    ]);
    assertEquals(kit.sentKinds(silent).includes("extended"), false);
    assertEquals(kit.torrent.swarm.addresses.isPrivate, isPrivate);
  }
});

Deno.test("content that is here already is told once the metadata is known", () => {
  const kit = magnet();
  const peer = kit.handshake({ extended: true });
  kit.forget();
  learn(kit, "##");
  assertEquals(handshakes(kit, peer).map((text) => text.includes("11:upload_onlyi1e")), [true]);
});

Deno.test("an unfinished torrent is saved as soon as its metadata is known, a finished one is not", () => {
  const saves = (have: string) => {
    const kit = magnet();
    learn(kit, have);
    kit.wait(10_000);
    return kit.all("save-state").length > 0;
  };
  assertEquals([saves(".."), saves("##")], [true, false]);
});
