/**
 * Peers that send wrong data, flood, stall or violate the protocol: honest peers are served all
 * the same.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { assertContent, scratch } from "../support/cli_kit.ts";
import { within } from "../support/until.ts";
import {
  bytesOf,
  handshake,
  listenRaw,
  makeLoaded,
  message,
  PIECE,
  RawPeer,
  type RunningTorrent,
  startDownload,
  startSeeding,
} from "./driver_kit.ts";

const PIECES = 61;
const { loaded, bytes } = makeLoaded(PIECES);
const { infoHash } = loaded.metainfo;
const HELLO = handshake(infoHash);
const HAVE_ALL = message(MESSAGE_ID.haveAll);
const UNCHOKE = message(MESSAGE_ID.unchoke);
const OTHER_HASH = "00".repeat(20) as InfoHash;

type Scratch = Awaited<ReturnType<typeof scratch>>;

async function seedHere(dir: Scratch): Promise<RunningTorrent> {
  await Deno.mkdir(dir.at("S"), { recursive: true });
  await Deno.writeFile(dir.at("S", "f.bin"), bytes);
  return await startSeeding(loaded, dir.at("S"));
}

let downloads = 0;

/** A normal download completes from those ports. */
async function assertServed(dir: Scratch, ...ports: number[]): Promise<RunningTorrent> {
  const target = dir.at(`D${++downloads}`);
  await using download = startDownload(loaded, target, ports);
  await download.done;
  await assertContent(`${target}/f.bin`, bytes);
  return download;
}

const spare = new Uint8Array(Math.ceil(PIECES / 8)).fill(0xff);

/** What a peer sends to a seeder, which must disconnect. */
const INTOLERABLE: readonly (readonly [string, Uint8Array])[] = [
  ["asks for another torrent", handshake(OTHER_HASH)],
  ["speaks HTTP", bytesOf("GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n")],
  ["sends noise", bytes.subarray(0, 200)],
  ["sends messages before its handshake", bytesOf(UNCHOKE, HELLO)],
  ["sends noise behind its handshake", bytesOf(HELLO, bytes.subarray(0, 1000))],
  ["announces a frame of 4 GiB", bytesOf(HELLO, 0xffffffff)],
  ["announces a frame a little too long", bytesOf(HELLO, 9 + 128 * 1024 + 1)],
  ["sends a bitfield that is too short", bytesOf(HELLO, message(MESSAGE_ID.bitfield, "x"))],
  [
    "sends a bitfield that is too long",
    bytesOf(HELLO, message(MESSAGE_ID.bitfield, spare, "\0")),
  ],
  ["sends a bitfield with spare bits", bytesOf(HELLO, message(MESSAGE_ID.bitfield, spare))],
  ["has a piece beyond the end", bytesOf(HELLO, message(MESSAGE_ID.have, PIECES))],
  ["sends a have without a piece", bytesOf(HELLO, message(MESSAGE_ID.have))],
  ["requests a piece beyond the end", bytesOf(HELLO, request(PIECES, 0, PIECE))],
  ["requests beyond a piece's end", bytesOf(HELLO, request(0, PIECE - 1, 2))],
  ["requests far beyond a piece's end", bytesOf(HELLO, request(0, 0xffffffff, PIECE))],
  ["requests more than 128 KiB", bytesOf(HELLO, request(0, 0, 128 * 1024 + 1))],
  ["requests nothing", bytesOf(HELLO, request(0, 0, 0))],
  ["sends a request cut short", bytesOf(HELLO, message(MESSAGE_ID.request, 0, 0))],
  ["sends a block without a header", bytesOf(HELLO, message(MESSAGE_ID.piece, 0))],
  ["sends a block beyond the end", bytesOf(HELLO, message(MESSAGE_ID.piece, PIECES, 0, "x"))],
];

function request(piece: number, begin: number, length: number): Uint8Array {
  return message(MESSAGE_ID.request, piece, begin, length);
}

for (const [what, said] of INTOLERABLE) {
  Deno.test(`a seeder disconnects a peer that ${what}, and serves the next one`, async () => {
    await using dir = await scratch();
    await using seeding = await seedHere(dir);
    await using hostile = await RawPeer.dial(seeding.port);
    await hostile.write(said);
    await hostile.closed;
    await assertServed(dir, seeding.port);
  });

  Deno.test(`a download disconnects a peer that ${what}, and finishes with another`, async () => {
    await using dir = await scratch();
    await using seeding = await seedHere(dir);
    await using hostile = listenRaw(said);
    await assertServed(dir, hostile.port, seeding.port);
    await (await hostile.met).closed;
  });
}

Deno.test("silent peers do not keep others out", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  await using _silent = await dialMany(seeding.port, 300, "deaf");
  const answered = Promise.withResolvers<void>();
  await using last = await RawPeer.dial(seeding.port, () => answered.resolve());
  await assertServed(dir, seeding.port);
  // Nobody's time for a handshake is over yet, so the other one did not wait for that.
  await last.write(HELLO);
  await within(answered.promise, "an answer to the last of them");
});

Deno.test("peers with a handshake byte by byte do not keep others out", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  await using slow = await dialMany(seeding.port, 50);
  for (let at = 0; at < HELLO.length - 1; at++) {
    for (const peer of slow.peers) await peer.write(HELLO.subarray(at, at + 1));
  }
  await assertServed(dir, seeding.port);
  await Promise.all(slow.peers.map((peer) => peer.write(HELLO.subarray(-1))));
  for (const peer of slow.peers) assert(await peer.write(message(MESSAGE_ID.interested)));
});

Deno.test("messages received byte by byte are parsed", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  const block = Promise.withResolvers<Uint8Array>();
  await using slow = await RawPeer.dial(seeding.port, (id, body, peer) => {
    if (id === MESSAGE_ID.unchoke) sendSlowly(peer, request(7, 0, PIECE));
    if (id === MESSAGE_ID.piece) block.resolve(body);
  });
  await sendSlowly(
    slow,
    bytesOf(HELLO, message(MESSAGE_ID.haveNone), message(MESSAGE_ID.interested)),
  );
  assertEquals(await block.promise, bytesOf(7, 0, bytes.subarray(7 * PIECE, 8 * PIECE)));
});

async function sendSlowly(peer: RawPeer, said: Uint8Array): Promise<void> {
  for (const byte of said) await peer.write(Uint8Array.of(byte));
}

Deno.test("requests of a peer that does not read are not read without limit", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  await using deaf = await RawPeer.dial(seeding.port, "deaf");
  await deaf.write(HELLO, message(MESSAGE_ID.haveNone), message(MESSAGE_ID.interested));
  const batch = bytesOf(...Array.from({ length: 5_000 }, (_, i) => request(i % PIECES, 0, PIECE)));
  const batchesMax = 1_000;
  let sent = 0;
  const flood = async () => {
    while (sent < batchesMax && await deaf.write(batch)) sent++;
  };
  const flooding = flood();
  // Another peer is served until the flood stops.
  for (let before = -1; before !== sent;) {
    before = sent;
    await assertServed(dir, seeding.port);
  }
  assert(sent < batchesMax, "the seeder read every request");
  await deaf[Symbol.asyncDispose]();
  await flooding;
  await assertServed(dir, seeding.port);
});

Deno.test("a peer that requests while choked and does not read is disconnected", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  await using deaf = await RawPeer.dial(seeding.port, "deaf");
  // Too many pieces for a newcomer: no requests are allowed while choked, so each gets a reject.
  const half = new Uint8Array(Math.ceil(PIECES / 8)).fill(0xff, 0, 4);
  await deaf.write(HELLO, message(MESSAGE_ID.bitfield, half));
  const batch = bytesOf(...Array.from({ length: 50_000 }, (_, i) => request(i % PIECES, 0, PIECE)));
  const batchesMax = 200;
  let sent = 0;
  while (sent < batchesMax && await deaf.write(batch)) sent++;
  assert(sent < batchesMax, "the seeder kept every answer");
  await assertServed(dir, seeding.port);
});

Deno.test("a peer that reconnects 300 times leaves nothing behind", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  for (let round = 0; round < 300; round++) {
    const peer = await RawPeer.dial(seeding.port, "deaf");
    if (round % 3 > 0) await peer.write(HELLO);
    if (round % 3 > 1) await peer.write(HAVE_ALL, message(MESSAGE_ID.interested));
    await peer[Symbol.asyncDispose]();
  }
  await assertServed(dir, seeding.port);
  await using last = await RawPeer.dial(seeding.port);
  await last.write(HELLO, message(MESSAGE_ID.haveNone), request(0, 0, 0));
  await last.closed;
  assertEquals(seeding.peers(), 0);
});

Deno.test("a peer that sends corrupt blocks is banned, and the download finishes with another", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  const isBanned = Promise.withResolvers<void>();
  await using liar = listenRaw(bytesOf(HELLO, HAVE_ALL, UNCHOKE), (id, body, peer) => {
    if (id !== MESSAGE_ID.request) return;
    peer.write(message(MESSAGE_ID.piece, body.subarray(0, 8), new Uint8Array(PIECE)));
  });
  const target = dir.at("D");
  await using download = startDownload(loaded, target, [liar.port]);
  (await liar.met).closed.then(() => isBanned.resolve());
  await isBanned.promise;
  assertMatch((await download.event("peer-banned")).reason, /fails its check/);
  assertEquals((await download.event("piece-failed")).peers, [`127.0.0.1:${liar.port}`]);
  await using honest = startDownload(loaded, dir.at("E"), [liar.port, seeding.port]);
  await honest.done;
  await assertContent(dir.at("E", "f.bin"), bytes);
});

Deno.test("a peer that has everything and sends nothing does not delay completion", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  await using idle = listenRaw(bytesOf(HELLO, HAVE_ALL, UNCHOKE));
  await assertServed(dir, idle.port, seeding.port);
});

Deno.test("unrequested blocks are dropped", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  const unwanted = Array.from(
    { length: PIECES },
    (_, piece) => message(MESSAGE_ID.piece, piece, 0, new Uint8Array(PIECE)),
  );
  const firstBytes = bytesOf(HELLO, message(MESSAGE_ID.haveNone), ...unwanted);
  await using pusher = listenRaw(firstBytes);
  const { said } = await assertServed(dir, pusher.port, seeding.port);
  assert(!said.some(({ event }) => event === "piece-failed" || event === "peer-banned"));
});

Deno.test("floods of small messages close their connections, and others are served meanwhile", async () => {
  await using dir = await scratch();
  await using seeding = await seedHere(dir);
  const floods = [
    bytesOf(...Array(50_000).fill(0)),
    bytesOf(...Array(20_000).fill(message(MESSAGE_ID.have, 0))),
    bytesOf(...Array(20_000).fill(message(MESSAGE_ID.interested))),
    bytesOf(...Array(20_000).fill(message(MESSAGE_ID.cancel, 0, 0, PIECE))),
  ];
  const flooders = await Promise.all(floods.map(() => RawPeer.dial(seeding.port)));
  const flood = async (peer: RawPeer, batch: Uint8Array) => {
    let batches = 0;
    if (!await peer.write(HELLO)) return 0;
    while (batches < 100 && await peer.write(batch)) batches++;
    return batches;
  };
  const flooding = flooders.map((peer, index) => flood(peer, floods[index]!));
  await assertServed(dir, seeding.port);
  for (const batches of await Promise.all(flooding)) assert(batches < 100, `${batches} batches`);
  for (const peer of flooders) {
    await peer.closed;
    await peer[Symbol.asyncDispose]();
  }
});

/** Many connections at once. */
async function dialMany(port: number, count: number, kind?: "deaf") {
  const peers: RawPeer[] = [];
  for (let index = 0; index < count; index++) peers.push(await RawPeer.dial(port, kind));
  return {
    peers,
    async [Symbol.asyncDispose]() {
      for (const peer of peers) await peer[Symbol.asyncDispose]();
    },
  };
}
