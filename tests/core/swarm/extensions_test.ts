import { assert, assertEquals } from "@std/assert";
import { addAddresses } from "../../../core/swarm/address_book.ts";
import { type Extension, sendExtended } from "../../../core/swarm/extensions.ts";
import { settle, step } from "../../../core/torrent/step.ts";
import { createTorrent } from "../../../core/torrent/state.ts";
import type { Effect, Event } from "../../../core/torrent/protocol.ts";
import {
  decodeExtendedHandshake,
  encodeExtendedHandshake,
  type ExtendedHandshake,
} from "../../../core/wire/extended.ts";
import { Kit } from "../torrent/kit.ts";

const NOTHING: ExtendedHandshake = {
  extensions: new Map(),
  version: undefined,
  port: undefined,
  reqq: undefined,
  yourIp: undefined,
  uploadOnly: undefined,
  metadataSize: undefined,
};

function handshake(kit: Kit, peer: number, says: Partial<ExtendedHandshake>): void {
  const payload = encodeExtendedHandshake({ ...NOTHING, ...says });
  kit.say(peer, { kind: "extended", id: 0, payload });
}

function dontHave(kit: Kit, peer: number, piece: number): void {
  kit.say(peer, { kind: "extended", id: 7, payload: Uint8Array.of(0, 0, 0, piece) });
}

Deno.test("a later handshake updates only the keys that it contains, as rtorrent expects", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("##", { extended: true });
  handshake(kit, peer, {
    extensions: new Map([["ut_pex", 2], ["lt_donthave", 9]]),
    version: "rtorrent",
    reqq: 50,
  });
  handshake(kit, peer, { extensions: new Map([["ut_pex", 0]]) });
  const { reqq, client, theirNumbers } = kit.connection(peer);
  assertEquals([reqq, client, [...theirNumbers]], [50, "rtorrent", [["lt_donthave", 9]]]);
});

/** Counts its messages, answers each with its length, and reads an address from it. */
const FAKE: Extension<{ messages: number; ticks: number }, { heard: number }> = {
  name: "x_fake",
  number: 42,
  createState: () => ({ messages: 0, ticks: 0 }),
  createPeerState: () => ({ heard: 0 }),
  isOffered: ({ options }) => !options.isPrivate,
  describe: () => ({ metadataSize: 77 }),
  anonymize: (payload) => payload,
  onNamed: ({ effects }, peer) => void sendExtended(peer, "x_fake", Uint8Array.of(1), effects),
  onMessage({ swarm, state, now, effects }, peer, peerState, payload) {
    if (payload.length === 0) return "an empty fake";
    state.messages++;
    peerState.heard++;
    addAddresses(swarm.addresses, [{ ip: "10.4.4.4", port: 6881 }], "pex", now);
    sendExtended(peer, "x_fake", Uint8Array.of(peerState.heard), effects);
    return undefined;
  },
  onGone: ({ state }) => void (state.messages += 100),
  tick: ({ state }) => void state.ticks++,
};

/** A torrent that supports the fake extension, and one peer. */
function withFake(isPrivate = false) {
  const { options } = new Kit({ have: "..", isPrivate }).torrent;
  const torrent = createTorrent(options, 0, undefined, [FAKE]);
  let effects: Effect[] = [];
  const feed = (event: Event, now = 1_000): Effect[] => {
    effects = [];
    step(torrent, event, now, effects);
    settle(torrent, now, effects);
    return effects;
  };
  feed({ kind: "start" });
  const features = { fast: true, extended: true, dht: false };
  const address = { ip: "10.1.1.1", port: 1 };
  const peerId = new Uint8Array(20).fill(3);
  const first = feed({ kind: "connected", peer: 1, job: undefined, address, peerId, features });
  const say = (id: number, payload: Uint8Array) =>
    feed({ kind: "message", peer: 1, message: { kind: "extended", id, payload } });
  return { torrent, feed, say, first };
}

const extendedOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) =>
    effect.kind === "send" && effect.message.kind === "extended" ? [effect.message] : []
  );

Deno.test("a registered extension is announced, receives messages and is ticked", () => {
  const { torrent, feed, say, first } = withFake();
  const told = decodeExtendedHandshake(extendedOf(first)[0]!.payload);
  assertEquals(told.ok && [...told.value.extensions], [["x_fake", 42]]);
  assertEquals(told.ok && told.value.metadataSize, 77);
  assertEquals(extendedOf(say(42, Uint8Array.of(9))), [], "the peer did not say where");

  const named = encodeExtendedHandshake({ ...NOTHING, extensions: new Map([["x_fake", 5]]) });
  assertEquals(extendedOf(say(0, named)), [
    { kind: "extended", id: 5, payload: Uint8Array.of(1), name: "x_fake" },
  ]);
  assertEquals(extendedOf(say(0, named)), [], "named for the first time once");
  const answer = say(42, Uint8Array.of(9));
  assertEquals(extendedOf(answer).map(({ payload }) => [...payload]), [[2]]);
  feed({ kind: "timer" }, 2_000);
  feed({ kind: "disconnected", peer: 1, why: "gone" });
  assertEquals(torrent.swarm.extensions.states.get("x_fake"), { messages: 102, ticks: 1 });
  assert(torrent.swarm.addresses.entries.has("10.4.4.4:6881"));
});

Deno.test("an extension can be withheld, and a malformed message closes the connection", () => {
  const told = decodeExtendedHandshake(extendedOf(withFake(true).first)[0]!.payload);
  assertEquals(told.ok && [...told.value.extensions], []);
  const { torrent, say } = withFake();
  say(42, new Uint8Array());
  assertEquals(torrent.swarm.connections.size, 0);
});

Deno.test("a piece that a peer lost is not requested from it, until it has it again", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("##", { extended: true, unchokes: false });
  dontHave(kit, peer, 0);
  dontHave(kit, peer, 0);
  dontHave(kit, peer, 200);
  assertEquals([kit.peer(peer).haveCount, kit.peer(peer).offered], [1, 1]);
  kit.say(peer, { kind: "unchoke" });
  assertEquals(kit.owed(peer), ["1.0", "1.1"]);
  kit.say(peer, { kind: "have", piece: 0 });
  assertEquals(kit.peer(peer).haveCount, 2);
});

Deno.test("a seed that loses a piece is no longer counted as one", () => {
  const kit = new Kit({ have: "...." });
  const peer = kit.handshake({ extended: true });
  kit.say(peer, { kind: "have-all" });
  dontHave(kit, peer, 2);
  assertEquals([...kit.transfer.availability.counts], [1, 1, 0, 1]);
  kit.disconnect(peer);
  assertEquals([...kit.transfer.availability.counts], [0, 0, 0, 0]);
});

Deno.test("an unreadable block is announced with lt_donthave to peers that support it", () => {
  const kit = new Kit({ have: "##" });
  const speaks = kit.connect("..", { extended: true }), silent = kit.connect("..");
  handshake(kit, speaks, { extensions: new Map([["lt_donthave", 9]]) });
  kit.say(speaks, { kind: "interested" });
  kit.say(speaks, { kind: "request", piece: 1, begin: 0, length: 16_384 });
  kit.forget();
  kit.feed({ kind: "block-unreadable", peer: speaks, piece: 1, begin: 0, length: 16_384 });
  assertEquals(kit.sent(speaks), [
    { kind: "reject", piece: 1, begin: 0, length: 16_384 },
    { kind: "extended", id: 9, payload: Uint8Array.of(0, 0, 0, 1), name: "lt_donthave" },
  ]);
  assertEquals(kit.sent(silent), []);
  assertEquals(kit.have, "#.");
  kit.say(speaks, { kind: "request", piece: 1, begin: 16_384, length: 16_384 });
  assertEquals(kit.all("upload"), []);
});

Deno.test("upload_only is sent when it changes, and two such peers disconnect", () => {
  const kit = new Kit({ have: "#.", blocks: 1 });
  const giver = kit.connect("##", { extended: true });
  const done = kit.connect("#.", { extended: true }),
    lacking = kit.connect("..", { extended: true });
  handshake(kit, done, { uploadOnly: true });
  kit.forget();
  kit.complete(giver);
  assertEquals([kit.closed(giver), kit.closed(done)], ["both-complete", "both-complete"]);
  const told = kit.sent(lacking).flatMap((message) =>
    message.kind === "extended" ? [decodeExtendedHandshake(message.payload)] : []
  );
  assertEquals<unknown>(told, [{ ok: true, value: { ...NOTHING, uploadOnly: true } }]);
  handshake(kit, lacking, { uploadOnly: true });
  assertEquals(kit.closed(lacking), "both-complete");
});

Deno.test("an upload-only peer cannot be served: the share rule does not wait for it", () => {
  const kit = new Kit({ have: "##.", blocks: 1, shareRule: { percent: 100, strict: false } });
  kit.connect("###");
  const other = kit.connect("...", { extended: true });
  kit.say(other, { kind: "interested" });
  assertEquals(kit.have, "##.");
  handshake(kit, other, { uploadOnly: true });
  assertEquals(kit.reports("share").at(-1)?.state, "waived");
});

Deno.test("a torrent without metadata does not call itself upload-only", () => {
  const kit = new Kit({ have: "..", isMagnet: true });
  const [handshake] = kit.sent(kit.handshake({ extended: true }));
  if (handshake?.kind !== "extended") throw new Error("no handshake");
  assertEquals(new TextDecoder("latin1").decode(handshake.payload).includes("upload_only"), false);
});
