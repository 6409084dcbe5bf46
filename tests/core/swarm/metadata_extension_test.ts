/** Metadata as an extension: who is asked when, and what a trace may keep. */
import { assert, assertEquals } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { concludeFetch, metadataExtension } from "../../../core/swarm/metadata_extension.ts";
import { pexExtension } from "../../../core/swarm/pex_extension.ts";
import { encodeExtendedHandshake } from "../../../core/wire/extended.ts";
import type { Message } from "../../../core/wire/message.ts";
import { decodeMetadataMessage, encodeMetadataMessage } from "../../../core/wire/ut_metadata.ts";
import { decodePex, encodePex, PEX_FLAG } from "../../../core/wire/ut_pex.ts";
import { Kit, type Picture, writable } from "../torrent/kit.ts";

/** The numbers that the peer chose. */
const THEIR_PEX = 11, THEIR_METADATA = 12;
const OUR_PEX = 1, OUR_METADATA = 2;
const SIZE = 2 * 16_384;

function named(
  names: readonly string[],
  changes: { uploadOnly?: boolean; port?: number } = {},
): Message {
  const numbers = new Map([["ut_pex", THEIR_PEX], ["ut_metadata", THEIR_METADATA]]);
  const payload = encodeExtendedHandshake({
    extensions: new Map([...numbers].filter(([name]) => names.includes(name))),
    version: undefined,
    port: undefined,
    reqq: undefined,
    yourIp: undefined,
    uploadOnly: undefined,
    metadataSize: SIZE,
    ...changes,
  });
  return { kind: "extended", id: 0, payload };
}

const metadata = (message: Parameters<typeof encodeMetadataMessage>[0]): Message => ({
  kind: "extended",
  id: OUR_METADATA,
  payload: encodeMetadataMessage(message),
});

function magnet(picture: Partial<Picture> = {}): Kit {
  return new Kit({ have: "", isMagnet: true, ...picture });
}

/** Pieces of the metadata that the peer was asked for since the last `forget`. */
function asked(kit: Kit, peer: number): number[] {
  return kit.sent(peer).flatMap((message) => {
    if (message.kind !== "extended" || message.id !== THEIR_METADATA) return [];
    const decoded = decodeMetadataMessage(message.payload);
    return decoded.ok && decoded.value.kind === "request" ? [decoded.value.piece] : [];
  });
}

function join(kit: Kit, ...names: string[]): number {
  const peer = kit.handshake({ extended: true });
  kit.say(peer, named(names));
  return peer;
}

Deno.test("a peer is asked at once, after each answer, and for what another leaves behind", () => {
  const kit = magnet();
  const first = join(kit, "ut_metadata");
  assertEquals(asked(kit, first), [0, 1]);
  const second = join(kit, "ut_metadata");
  assertEquals(asked(kit, second), []);
  kit.forget();
  kit.disconnect(first);
  assertEquals(asked(kit, second), [0, 1]);
  kit.forget();
  kit.say(second, metadata({ kind: "reject", piece: 0 }));
  assertEquals(kit.isConnected(second), true);
  const third = join(kit, "ut_metadata");
  assertEquals(asked(kit, third).includes(0), true);
});

Deno.test("nobody is asked in a private torrent, or where the metadata is here", () => {
  const isPrivate = magnet({ isPrivate: true });
  assertEquals(asked(isPrivate, join(isPrivate, "ut_metadata")), []);
  isPrivate.wait(30_000);
  assertEquals(
    isPrivate.all("send").some(({ message }) =>
      message.kind === "extended" && message.id === THEIR_METADATA
    ),
    false,
  );
  const known = new Kit({ have: "..", infoBytes: new Uint8Array(SIZE) });
  assertEquals(asked(known, join(known, "ut_metadata")), []);
});

Deno.test("metadata that fails its check is fetched again, right one is served", () => {
  for (const matches of [false, true]) {
    const kit = magnet();
    const peer = join(kit, "ut_metadata");
    for (const piece of [0, 1]) {
      const payload = new Uint8Array(16_384).fill(piece);
      kit.say(peer, metadata({ kind: "data", piece, totalSize: SIZE, payload }));
    }
    const [check] = kit.all("check-metadata");
    assertEquals(check!.bytes.length, SIZE);
    kit.forget();
    kit.feed({ kind: "metadata-checked", job: check!.job, matches });
    assertEquals(kit.closed(peer), matches ? undefined : "banned");
    const again = kit.handshake({ ip: "10.0.0.1", id: 77 });
    assertEquals(kit.isConnected(again), matches, "its host is banned");
    const other = kit.handshake({ extended: true });
    kit.say(other, named(["ut_metadata"]));
    assertEquals(asked(kit, other), matches ? [] : [0, 1]);
    assertEquals(concludeFetch(kit.torrent.swarm, new Uint8Array(), true), []);
  }
});

Deno.test("a malformed message of metadata or of peers ends the connection, an unknown one does not", () => {
  const cases: [number, Uint8Array, boolean][] = [
    [OUR_METADATA, new Uint8Array(), false],
    [OUR_METADATA, encodeBencode({ msg_type: 77 }), true],
    [OUR_PEX, new Uint8Array(), false],
    [OUR_PEX, encodeBencode({}), true],
  ];
  for (const [id, payload, stays] of cases) {
    const kit = magnet();
    const peer = join(kit, "ut_metadata", "ut_pex");
    kit.say(peer, { kind: "extended", id, payload });
    assertEquals(kit.isConnected(peer), stays, `${id} ${payload.length}`);
  }
});

const NAMES = { address: ({ port }: { port: number }) => ({ ip: "10.0.0.1", port }) };

Deno.test("a trace keeps of metadata the sizes and numbers, not the names of files", () => {
  const hide = (payload: Uint8Array) => metadataExtension.anonymize(payload, NAMES);
  assertEquals(hide(new Uint8Array()), new Uint8Array());
  assertEquals(hide(encodeBencode({ msg_type: 77 })), encodeBencode({ msg_type: 255 }));
  const request = encodeMetadataMessage({ kind: "request", piece: 3 });
  assertEquals(hide(request), request);
  const data = { kind: "data", piece: 1, totalSize: 9, payload: Uint8Array.of(1, 2) } as const;
  assertEquals(
    hide(encodeMetadataMessage(data)),
    encodeMetadataMessage({ ...data, payload: new Uint8Array(2) }),
  );
});

Deno.test("a trace keeps of contacts the pseudonyms and flags", () => {
  const hide = (payload: Uint8Array) => pexExtension.anonymize(payload, NAMES);
  assertEquals(hide(new Uint8Array()), new Uint8Array());
  const contact = (ip: string) => ({ address: { ip, port: 7 }, flags: 2 });
  assertEquals(
    hide(encodePex({ added: [contact("192.0.2.1")], dropped: [{ ip: "192.0.2.2", port: 8 }] })),
    encodePex({ added: [contact("10.0.0.1")], dropped: [{ ip: "10.0.0.1", port: 8 }] }),
  );
});

/** What the peer is told of others, each as "ip flags". */
function toldTo(kit: Kit, peer: number): string[] {
  return kit.sent(peer).flatMap((message) => {
    if (message.kind !== "extended" || message.id !== THEIR_PEX) return [];
    const decoded = decodePex(message.payload);
    if (!decoded.ok) throw new Error(decoded.error.code);
    return decoded.value.added.map(({ address, flags }) => `${address.ip} ${flags}`);
  });
}

Deno.test("contacts are told with what is known of them: that they can be reached, and are seeds", () => {
  const kit = new Kit({ have: ".." });
  const asker = join(kit, "ut_pex");
  kit.handshake({ incoming: false, ip: "10.1.0.1" });
  const seed = kit.handshake({ incoming: false, ip: "10.1.0.2", extended: true });
  kit.say(seed, named([], { uploadOnly: true }));
  kit.handshake({ ip: "10.1.0.3" });
  const listening = kit.handshake({ ip: "10.1.0.4", extended: true });
  kit.say(listening, named([], { port: 7_000 }));
  const away = kit.handshake({ ip: "10.1.0.5", extended: true });
  kit.say(away, named([], { port: 7_000, uploadOnly: true }));
  kit.wait(10_000);
  assertEquals(toldTo(kit, asker).sort(), [
    `10.1.0.1 ${PEX_FLAG.reachable}`,
    `10.1.0.2 ${PEX_FLAG.reachable + PEX_FLAG.seed}`,
    "10.1.0.4 0",
    `10.1.0.5 ${PEX_FLAG.seed}`,
  ]);
});

Deno.test("in a private torrent nobody is told of others, nor believed", () => {
  const kit = new Kit({ have: ".." });
  const asker = join(kit, "ut_pex");
  kit.handshake({ incoming: false, ip: "10.1.0.1" });
  writable(kit.torrent.swarm.addresses).isPrivate = true;
  kit.forget();
  kit.wait(120_000);
  assertEquals(toldTo(kit, asker), []);
  const contact = { address: { ip: "10.2.0.1", port: 6881 }, flags: 0 };
  const payload = encodePex({ added: [contact], dropped: [] });
  kit.say(asker, { kind: "extended", id: OUR_PEX, payload });
  kit.say(asker, { kind: "extended", id: OUR_PEX, payload: new Uint8Array() });
  assertEquals(kit.isConnected(asker), true);
  assert(!kit.torrent.swarm.addresses.entries.has("10.2.0.1:6881"));
});

Deno.test("a peer that sends contacts before it names the extension is heard, and told later", () => {
  const kit = new Kit({ have: ".." });
  const peer = kit.handshake({ extended: true });
  const contact = { address: { ip: "10.2.0.1", port: 6881 }, flags: 0 };
  kit.say(peer, {
    kind: "extended",
    id: OUR_PEX,
    payload: encodePex({ added: [contact], dropped: [] }),
  });
  assert(kit.torrent.swarm.addresses.entries.has("10.2.0.1:6881"));
  kit.handshake({ incoming: false, ip: "10.1.0.1" });
  kit.wait(10_000);
  assertEquals(toldTo(kit, peer), []);
  kit.say(peer, named(["ut_pex"]));
  kit.wait(120_000);
  assertEquals(toldTo(kit, peer).length, 1);
});
