import { assertEquals } from "@std/assert";
import type { Message } from "../../../core/wire/message.ts";
import { decodeExtendedHandshake } from "../../../core/wire/extended.ts";
import { Kit } from "./kit.ts";

const bits = (...bytes: number[]) => ({ kind: "bitfield", bits: new Uint8Array(bytes) }) as const;

const FORBIDDEN: [string, Message[], boolean?][] = [
  ["a bitfield that is too short", [bits(0)]],
  ["a bitfield that is too long", [bits(0, 0, 0)]],
  ["a bitfield with spare bits", [bits(0, 0x20)]],
  ["a have beyond the end", [{ kind: "have", piece: 10 }]],
  ["a suggestion beyond the end", [{ kind: "suggest", piece: 10 }]],
  ["an allowed piece beyond the end", [{ kind: "allowed-fast", piece: 10 }]],
  ["have-all without the Fast extension", [{ kind: "have-all" }], false],
  ["have-none without the Fast extension", [{ kind: "have-none" }], false],
  ["a suggestion without the Fast extension", [{ kind: "suggest", piece: 0 }], false],
  ["an allowed piece without the Fast extension", [{ kind: "allowed-fast", piece: 0 }], false],
  [
    "a reject without the Fast extension",
    [{ kind: "reject", piece: 0, begin: 0, length: 1 }],
    false,
  ],
];

for (const [what, messages, fast = true] of FORBIDDEN) {
  Deno.test(`${what} closes the connection, and the user is told why`, () => {
    const kit = new Kit({ have: ".........." });
    const peer = kit.handshake({ fast });
    for (const message of messages.slice(0, -1)) kit.say(peer, message);
    assertEquals(kit.closed(peer), undefined);
    kit.say(peer, messages.at(-1)!);
    assertEquals(kit.closed(peer), "protocol-violation");
    assertEquals(kit.reports("peer-violated").length, 1);
  });
}

Deno.test("have-all after a have adds the missing pieces, a late have-none is ignored", () => {
  const kit = new Kit({ have: "...." });
  const peer = kit.handshake({ fast: true });
  kit.say(peer, { kind: "have", piece: 1 });
  kit.say(peer, { kind: "have-none" });
  assertEquals([kit.closed(peer), kit.peer(peer).haveCount], [undefined, 1]);
  kit.say(peer, { kind: "have-all" });
  kit.say(peer, { kind: "have-all" });
  assertEquals([kit.closed(peer), kit.peer(peer).haveCount], [undefined, 4]);
  kit.disconnect(peer);
  assertEquals(kit.transfer.availability.seeds, 0);
});

Deno.test("irrelevant messages are ignored", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("..");
  kit.forget();
  for (
    const message of [
      { kind: "keep-alive" },
      { kind: "port", port: 1 },
      { kind: "unknown", id: 99 },
      { kind: "have-none" },
      { kind: "extended", id: 99, payload: new Uint8Array([1]) },
      { kind: "extended", id: 0, payload: new Uint8Array([1]) },
      { kind: "cancel", piece: 0, begin: 0, length: 1 },
    ] as const
  ) kit.say(peer, message);
  assertEquals(kit.effects, []);
});

Deno.test("the port of our DHT node is sent to peers that have one, and theirs is reported", () => {
  const kit = new Kit({ have: "..", dhtPort: 7000 });
  const ports = () =>
    kit.effects.filter((effect) => effect.kind === "send" && effect.message.kind === "port");
  const plain = kit.connect("..");
  assertEquals(ports(), []);
  const peer = kit.connect("..", { dht: true });
  assertEquals(ports(), [{ kind: "send", peer, message: { kind: "port", port: 7000 } }]);
  kit.forget();
  kit.say(peer, { kind: "port", port: 6881 });
  kit.say(plain, { kind: "port", port: 0 });
  const [report, ...others] = kit.reports("dht-node");
  assertEquals([report?.address.port, others], [6881, []]);
});

Deno.test("a duplicate have counts once", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("..");
  kit.say(peer, { kind: "have", piece: 1 });
  kit.say(peer, { kind: "have", piece: 1 });
  assertEquals(kit.peer(peer).haveCount, 1);
});

Deno.test("a peer that became a seed piece by piece leaves no trace when it disconnects", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.connect("#.", { unchokes: false });
  kit.say(peer, { kind: "have", piece: 1 });
  kit.disconnect(peer);
  assertEquals([...kit.transfer.availability.counts], [0, 0]);
});

Deno.test("useless hints are not kept", () => {
  const kit = new Kit({ have: ".".repeat(200) });
  const peer = kit.connect("");
  for (let piece = 0; piece < 200; piece++) {
    kit.say(peer, { kind: "suggest", piece });
    kit.say(peer, { kind: "allowed-fast", piece });
  }
  assertEquals([kit.peer(peer).suggested.length, kit.peer(peer).allowedFast.size], [64, 64]);
});

for (
  const [have, fast, kinds] of [
    ["##", true, ["have-all", "allowed-fast", "allowed-fast"]],
    ["##", false, ["bitfield"]],
    ["#.", true, ["bitfield", "allowed-fast"]],
    ["..", true, ["have-none"]],
    ["..", false, []],
  ] as const
) {
  Deno.test(`with ${have} we send ${kinds} to a peer ${fast ? "with" : "without"} Fast`, () => {
    const kit = new Kit({ have });
    assertEquals(kit.sentKinds(kit.handshake({ fast })), [...kinds]);
  });
}

Deno.test("the extension handshake is sent first, with name, port, queue length and yourip", () => {
  const kit = new Kit({ have: "##" });
  const peer = kit.handshake({ extended: true, ip: "10.1.2.3" });
  const first = kit.sent(peer)[0]!;
  const told = decodeExtendedHandshake(
    first.kind === "extended" ? first.payload : new Uint8Array(),
  );
  assertEquals(told.ok && told.value, {
    extensions: new Map([["lt_donthave", 7], ["ut_metadata", 2], ["ut_pex", 1]]),
    version: "tt test",
    port: 6881,
    reqq: 2_000,
    yourIp: "10.1.2.3",
    uploadOnly: true,
    metadataSize: undefined,
  });
});

Deno.test("a peer at an IPv6 address gets no allowed fast set: BEP 6 defines none", () => {
  const kit = new Kit({ have: "##" });
  assertEquals(kit.sentKinds(kit.handshake({ ip: "2001:db8::1" })), ["have-all"]);
});

Deno.test("a later bitfield adds pieces, as aria2 expects", () => {
  const kit = new Kit({ have: "..........", seed: 1 });
  const peer = kit.connect("#.........");
  kit.say(peer, bits(0b0100_0000, 0b1000_0000));
  kit.say(peer, bits(0b0100_0000, 0b1000_0000));
  assertEquals(kit.closed(peer), undefined);
  const state = kit.peer(peer);
  assertEquals([...state.have.bytes], [0b1100_0000, 0b1000_0000]);
  assertEquals([state.haveCount, state.offered], [3, 3]);
});
