/** Downloads of v2 torrents from peers made by hand: bad blocks, missing layers, wrong and absurd hashes. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { leavesOf } from "../../core/metainfo/merkle.ts";
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import { answerHashes, asksForLeaves, upperLayers } from "../../core/hash_exchange/proofs.ts";
import { piecesOfRange } from "../../core/hash_exchange/ranges.ts";
import { createByteWriter, writtenBytes } from "../../core/bytes/byte_writer.ts";
import { appendMessage, decodeMessage } from "../../core/wire/codec.ts";
import { encodeHandshake } from "../../core/wire/handshake.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { MESSAGE_ID } from "../../core/wire/message_id.ts";
import { MERKLE, sha256 } from "../../shell/hash/sha256.ts";
import { type LoadedTorrent, parseTorrent } from "../../shell/load_torrent.ts";
import { makeTorrent } from "../../shell/make_torrent.ts";
import { makeBytes } from "../support/cli_kit.ts";
import { bytesOf, listenRaw, message, RawPeer, startDownload, startSeeding } from "./driver_kit.ts";

const MIB = 1024 * 1024;

async function withTorrent(
  size: number,
  pieceLength: number,
  run: (loaded: LoadedTorrent, bytes: Uint8Array, dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "tt_v2_driver_" });
  try {
    const source = join(dir, "source");
    await Deno.mkdir(source);
    await Deno.mkdir(join(dir, "target"));
    const bytes = makeBytes(size);
    await Deno.writeFile(join(source, "f.bin"), bytes);
    await run(await makeTorrent(join(source, "f.bin"), { format: "v2", pieceLength }), bytes, dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function framesOf(...messages: readonly WireMessage[]): Uint8Array {
  const writer = createByteWriter();
  for (const message of messages) appendMessage(writer, message);
  return writtenBytes(writer);
}

interface Habits {
  /** Sends another block than this one of piece 0. */
  readonly badBlock?: number;
  /** What it makes of an answer to a hash request; undefined sends nothing. */
  readonly answer?: (right: WireMessage) => WireMessage | undefined;
  /** Told of each block that it is asked for. */
  readonly onRequest?: (piece: number, begin: number) => void;
  /** Has nothing at first. */
  readonly isLate?: boolean;
}

/** A seed that speaks v2. */
function listenSeed({ metainfo }: LoadedTorrent, bytes: Uint8Array, name: string, habits: Habits) {
  const { infoHash, trees, geometry } = metainfo;
  const { pieceLength } = geometry;
  const peerId = bytesOf(`-XX0000-${name}`.padEnd(20, "x"));
  const greeting = bytesOf(
    encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false, v2: true }),
    habits.isLate
      ? framesOf({ kind: "have-none" })
      : framesOf({ kind: "have-all" }, { kind: "unchoke" }),
  );
  const onMessage = (id: number, body: Uint8Array, peer: RawPeer) => {
    const frame = bytesOf(0, Uint8Array.of(id), body);
    const view = { id, bodyStart: 5, frameEnd: frame.length, needed: frame.length };
    const decoded = decodeMessage(frame, view);
    if (!decoded.ok) throw new Error(decoded.error.code);
    const asked = decoded.value;
    if (asked.kind === "request") {
      const { piece, begin, length } = asked;
      habits.onRequest?.(piece, begin);
      const at = piece * pieceLength + begin;
      const block = bytes.slice(at, at + length);
      if (piece === 0 && begin === (habits.badBlock ?? -1) * BLOCK_SIZE) block[5]! ^= 1;
      peer.write(message(MESSAGE_ID.piece, piece, begin, block));
    } else if (asked.kind === "hash-request") {
      const { root: _, ...numbers } = asked.range;
      const range = { tree: 0, ...numbers };
      const [piece] = piecesOfRange(trees!, range);
      const content = bytes.subarray(piece * pieceLength, (piece + 1) * pieceLength);
      const leaves = asksForLeaves(trees!, range) ? leavesOf(sha256, content) : undefined;
      const upper = upperLayers(trees!, MERKLE, 0);
      const hashes = answerHashes(trees!, MERKLE, range, { upper, leaves })!;
      const right: WireMessage = { kind: "hashes", range: asked.range, hashes };
      const answer = habits.answer === undefined ? right : habits.answer(right);
      if (answer !== undefined) peer.write(framesOf(answer));
    }
  };
  return listenRaw(greeting, onMessage);
}

/** The torrent as metadata from peers gives it. */
function withoutLayers({ bytes, metainfo }: LoadedTorrent): LoadedTorrent {
  const trees = { ...metainfo.trees!, layers: metainfo.trees!.layers.map(() => undefined) };
  return parseTorrent(withPieceLayers(bytes, trees), "a test", true);
}

Deno.test("after one bad block in a piece of 16 MiB, 16 KiB are fetched again", () =>
  withTorrent(16 * MIB, 16 * MIB, async (loaded, bytes, dir) => {
    const again: string[] = [];
    await using liar = listenSeed(loaded, bytes, "liar", { badBlock: 700 });
    await using honest = listenSeed(loaded, bytes, "honest", {
      isLate: true,
      onRequest: (piece, begin) => again.push(`${piece}.${begin / BLOCK_SIZE}`),
    });
    const target = join(dir, "target");
    await using download = startDownload(loaded, target, [liar.port, honest.port]);
    // Its own leaves convict it.
    const banned = await download.event("peer-banned");
    assertEquals(banned.peer, `127.0.0.1:${liar.port}`);
    const all = Uint8Array.of(0x80);
    await (await honest.met).write(framesOf({ kind: "bitfield", bits: all }, { kind: "unchoke" }));
    await download.event("complete");
    assertEquals(again, ["0.700"]);
    assertEquals(await Deno.readFile(join(target, "f.bin")), bytes);
    await download.done;
  }));

Deno.test("missing layers are fetched from peers, despite misbehaving ones", async (test) => {
  const flip = (right: WireMessage): WireMessage => {
    if (right.kind !== "hashes") throw new Error(right.kind);
    const hashes = right.hashes.slice();
    hashes[70]! ^= 1;
    return { ...right, hashes };
  };
  const truncate = (right: WireMessage): WireMessage => {
    if (right.kind !== "hashes") throw new Error(right.kind);
    return { ...right, hashes: right.hashes.subarray(32) };
  };
  const reject = (right: WireMessage): WireMessage => {
    if (right.kind !== "hashes") throw new Error(right.kind);
    return { kind: "hash-reject", range: right.range };
  };
  const cases: Record<string, { answer: Habits["answer"]; banned: boolean }> = {
    "one sends a wrong hash": { answer: flip, banned: true },
    "one sends too few hashes": { answer: truncate, banned: true },
    "one rejects": { answer: reject, banned: false },
  };
  for (const [name, { answer, banned }] of Object.entries(cases)) {
    await test.step(name, () =>
      withTorrent(MIB, 64 * 1024, async (loaded, bytes, dir) => {
        const bare = withoutLayers(loaded);
        const asked = Promise.withResolvers<void>();
        await using odd = listenSeed(loaded, bytes, "odd", {
          answer: (right) => {
            asked.resolve();
            return answer!(right);
          },
        });
        await using honest = listenSeed(loaded, bytes, "honest", { isLate: true });
        const target = join(dir, "target");
        await using download = startDownload(bare, target, [odd.port, honest.port]);
        await asked.promise;
        const all = new Uint8Array(2).fill(255);
        await (await honest.met).write(
          framesOf({ kind: "bitfield", bits: all }, { kind: "unchoke" }),
        );
        await download.event("complete");
        assertEquals(await Deno.readFile(join(target, "f.bin")), bytes);
        assertEquals(download.said.some(({ event }) => event === "peer-banned"), banned);
        await download.done;
        // The next run has them.
        const kept = await Deno.readFile(join(target, ".tt", `${bare.metainfo.infoHash}.torrent`));
        assertEquals(
          parseTorrent(kept, "kept").metainfo.trees!.layers,
          loaded.metainfo.trees!.layers,
        );
      }));
  }
});

Deno.test("absurd hash requests are rejected, and the connection stays open", () =>
  withTorrent(MIB, 64 * 1024, async (loaded, _bytes, dir) => {
    await using seeding = await startSeeding(loaded, join(dir, "source"));
    const { metainfo: { infoHash, trees } } = loaded;
    const peerId = bytesOf("-XX0000-asker".padEnd(20, "x"));
    const got: WireMessage[] = [];
    const answered = Promise.withResolvers<void>();
    const root = trees!.files[0]!.root;
    const good = { root, baseLayer: 2, index: 0, length: 16, proofLayers: 3 };
    const ranges = [
      { ...good, length: 0 },
      { ...good, length: 2 ** 31 },
      { ...good, index: 2 ** 32 - 16 },
      { ...good, proofLayers: 2 ** 32 - 1 },
      { ...good, baseLayer: 77 },
      { ...good, root: new Uint8Array(32) },
      good,
      { ...good, baseLayer: 0, index: 4, length: 4 },
    ];
    await using asker = await RawPeer.dial(seeding.port, (id, body) => {
      const frame = bytesOf(0, Uint8Array.of(id), body);
      const decoded = decodeMessage(frame, {
        ...{ id, bodyStart: 5, frameEnd: frame.length, needed: frame.length },
      });
      if (!decoded.ok || !decoded.value.kind.startsWith("hash")) return;
      got.push(decoded.value);
      if (got.length === ranges.length) answered.resolve();
    });
    await asker.write(
      encodeHandshake({ infoHash, peerId, fast: true, extended: false, dht: false, v2: true }),
      framesOf(...ranges.map((range) => ({ kind: "hash-request", range }) as const)),
    );
    await answered.promise;
    assertEquals(got.map(({ kind }) => kind), [
      ...Array(6).fill("hash-reject"),
      "hashes",
      "hashes",
    ]);
  }));
