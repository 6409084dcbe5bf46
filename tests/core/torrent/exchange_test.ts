/** The extensions for peer exchange and metadata exchange, in a torrent. */
import { assert, assertEquals } from "@std/assert";
import { addressText } from "../../../core/bytes/address.ts";
import { isInfoOf } from "../../../core/metainfo/identity.ts";
import { encodeExtendedHandshake } from "../../../core/wire/extended.ts";
import {
  decodeMetadataMessage,
  encodeMetadataMessage,
  type MetadataMessage,
} from "../../../core/wire/ut_metadata.ts";
import { decodePex, encodePex, type PexContact } from "../../../core/wire/ut_pex.ts";
import { PEX_EARLY_MAX, PEX_INTERVAL_MS } from "../../../core/swarm/peer_exchange.ts";
import type { Message } from "../../../core/wire/message.ts";
import { infoHashFromBytes } from "../../../core/metainfo/info_hash.ts";
import { sha1 } from "../../../shell/hash/sha1.ts";
import { DIGESTS } from "../../../shell/hash/sha256.ts";
import { Kit } from "./kit.ts";

const OUR_PEX = 1, OUR_METADATA = 2;
/** The message IDs that the fake peers chose. */
const THEIR_PEX = 11, THEIR_METADATA = 12;

function handshake(port?: number, metadataSize?: number): Message {
  const payload = encodeExtendedHandshake({
    extensions: new Map([["ut_pex", THEIR_PEX], ["ut_metadata", THEIR_METADATA]]),
    version: undefined,
    port,
    reqq: 250,
    yourIp: undefined,
    uploadOnly: false,
    metadataSize,
  });
  return { kind: "extended", id: 0, payload };
}

function exchangesTo(kit: Kit, peer: number): { added: string[]; dropped: string[] }[] {
  return kit.sent(peer).flatMap((message) => {
    if (message.kind !== "extended" || message.id !== THEIR_PEX) return [];
    const decoded = decodePex(message.payload);
    if (!decoded.ok) throw new Error(decoded.error.code);
    const { added, dropped } = decoded.value;
    return [{
      added: added.map(({ address }) => addressText(address)),
      dropped: dropped.map(addressText),
    }];
  });
}

const contact = (ip: string, port = 6881): PexContact => ({ address: { ip, port }, flags: 0 });
const pex = (...added: PexContact[]): Message => ({
  kind: "extended",
  id: OUR_PEX,
  payload: encodePex({ added, dropped: [] }),
});
const dialled = (kit: Kit) =>
  kit.effects.flatMap((effect) => effect.kind === "dial" ? [addressText(effect.address)] : []);

Deno.test("peers learn of each other within seconds, and of disconnects a minute later", () => {
  const kit = new Kit({ have: ".." });
  const [a, b] = [1, 2].map((i) => {
    const peer = kit.handshake({
      extended: true,
      incoming: true,
      ip: `8.8.8.${i}`,
      port: 40_000 + i,
    });
    kit.say(peer, handshake(7_000 + i));
    return peer;
  });
  kit.wait(5_000);
  assertEquals(exchangesTo(kit, a!), [{ added: ["8.8.8.2:7002"], dropped: [] }]);
  assertEquals(exchangesTo(kit, b!), [{ added: ["8.8.8.1:7001"], dropped: [] }]);
  kit.feed({ kind: "disconnected", peer: b!, why: "left" });
  kit.wait(PEX_INTERVAL_MS + 2_000);
  assertEquals(exchangesTo(kit, a!)[1], { added: [], dropped: ["8.8.8.2:7002"] });
});

Deno.test("a peer with an unknown listening port is not passed on", () => {
  const kit = new Kit({ have: ".." });
  const a = kit.handshake({ extended: true, ip: "8.8.8.1" });
  kit.say(a, handshake());
  kit.handshake({ extended: true, incoming: true, ip: "8.8.8.2", port: 40_000 });
  kit.wait(5_000);
  assertEquals(exchangesTo(kit, a), []);
});

Deno.test("addresses from peer exchange are dialled and keep that source", () => {
  const kit = new Kit({ have: ".." });
  const a = kit.handshake({ extended: true, ip: "8.8.8.1" });
  kit.say(a, handshake());
  kit.say(a, pex(contact("9.9.9.9"), contact("10.0.0.1")));
  assertEquals(dialled(kit), ["9.9.9.9:6881"]);
  assertEquals(kit.torrent.swarm.addresses.entries.get("9.9.9.9:6881")?.source, "pex");
});

Deno.test("a flood of peer exchange messages closes the connection and adds nothing", () => {
  const kit = new Kit({ have: ".." });
  const a = kit.handshake({ extended: true, ip: "8.8.8.1" });
  kit.say(a, handshake());
  for (let i = 0; i < 2 * PEX_EARLY_MAX; i++) kit.say(a, pex(contact(`9.9.9.${i + 1}`)));
  assertEquals(kit.closed(a), "protocol-violation");
  assertEquals(dialled(kit), ["9.9.9.1:6881"]);
});

Deno.test("a private torrent offers no extension and neither sends nor accepts exchanges", () => {
  const kit = new Kit({ have: "..", isPrivate: true, infoBytes: new Uint8Array(100) });
  const [a, b] = [1, 2].map((i) => {
    const peer = kit.handshake({
      extended: true,
      incoming: true,
      ip: `8.8.8.${i}`,
      port: 40_000 + i,
    });
    kit.say(peer, handshake(7_000 + i, 100));
    kit.say(peer, pex(contact("9.9.9.9")));
    return peer;
  });
  kit.say(a!, metadata({ kind: "request", piece: 0 }));
  assertEquals(dialled(kit), []);
  kit.wait(3 * PEX_INTERVAL_MS);
  assertEquals([exchangesTo(kit, a!), exchangesTo(kit, b!)], [[], []]);
  assertEquals(dialled(kit).includes("9.9.9.9:6881"), false);
  assertEquals(metadataTo(kit, a!), [{ kind: "reject", piece: 0 }]);
});

function metadata(message: Exclude<MetadataMessage, { kind: "unknown" }>): Message {
  return { kind: "extended", id: OUR_METADATA, payload: encodeMetadataMessage(message) };
}

function metadataTo(kit: Kit, peer: number): MetadataMessage[] {
  return kit.sent(peer).flatMap((message) => {
    if (message.kind !== "extended" || message.id !== THEIR_METADATA) return [];
    const decoded = decodeMetadataMessage(message.payload);
    if (!decoded.ok) throw new Error(decoded.error.code);
    return [decoded.value];
  });
}

Deno.test("known metadata is offered with its size and served piece by piece", () => {
  const infoBytes = Uint8Array.from({ length: 20_000 }, (_, i) => i & 0xff);
  const kit = new Kit({ have: "##", infoBytes });
  const peer = kit.handshake({ extended: true });
  kit.say(peer, handshake());
  for (const piece of [1, 2]) kit.say(peer, metadata({ kind: "request", piece }));
  assertEquals(metadataTo(kit, peer), [
    { kind: "data", piece: 1, totalSize: 20_000, payload: infoBytes.subarray(16_384) },
    { kind: "reject", piece: 2 },
  ]);
});

Deno.test("missing metadata is fetched from peers that offer it, checked, and then served", () => {
  const infoBytes = Uint8Array.from({ length: 20_000 }, (_, i) => i & 0xff);
  const infoHash = infoHashFromBytes(sha1(infoBytes));
  const kit = new Kit({ have: "..", infoHash });
  const [liar, honest] = [1, 2].map((i) => {
    const peer = kit.handshake({ extended: true, ip: `8.8.8.${i}`, id: i });
    kit.say(peer, handshake(undefined, infoBytes.length));
    return peer;
  });
  const lie = infoBytes.map((byte) => byte ^ 1);
  for (let turn = 0; turn < 20 && !kit.reports("metadata").length; turn++) {
    for (const [peer, bytes] of [[liar!, lie], [honest!, infoBytes]] as const) {
      const asked = metadataTo(kit, peer).filter(({ kind }) => kind === "request");
      kit.forget();
      for (const message of asked) {
        if (message.kind !== "request") continue;
        const payload = bytes.subarray(16_384 * message.piece, 16_384 * (message.piece + 1));
        const { piece } = message;
        for (
          const effect of kit.say(
            peer,
            metadata({ kind: "data", piece, totalSize: bytes.length, payload }),
          )
        ) {
          if (effect.kind !== "check-metadata") continue;
          const matches = isInfoOf({ v1: infoHash, v2: undefined }, effect.bytes, DIGESTS);
          kit.feed({ kind: "metadata-checked", job: effect.job, matches });
        }
      }
    }
    kit.wait(2_000);
  }
  assertEquals(kit.reports("metadata")[0]?.bytes, infoBytes);
  assert(kit.torrent.swarm.connections.has(honest!));
  assertEquals(kit.torrent.swarm.connections.has(liar!), false);
  kit.forget();
  kit.say(honest!, metadata({ kind: "request", piece: 1 }));
  assertEquals(metadataTo(kit, honest!)[0]?.kind, "data");
});
