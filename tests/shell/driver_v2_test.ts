/**
 * Downloads of v2 torrents from synthetic peers: bad blocks, missing layers, wrong and absurd
 * hashes.
 */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { buildMetainfo } from "../../core/metainfo/create.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import { decodeMessage } from "../../core/wire/codec.ts";
import { encodeHandshake } from "../../core/wire/handshake.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { type LoadedTorrent, parseTorrent } from "../../shell/load_torrent.ts";
import { makeTorrent } from "../../shell/make_torrent.ts";
import { makeBytes } from "../support/cli_kit.ts";
import { within } from "../support/until.ts";
import { bytesOf, RawPeer, startDownload, startSeeding } from "./driver_kit.ts";
import { framesOf, type Habits, listenSeed } from "./v2_peer.ts";

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

/** The torrent with metadata from peers. */
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
    // Its own leaf hashes prove it.
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

Deno.test("blocks of an unfinished piece are kept by the next run where the disk still has them", () =>
  withTorrent(2 * MIB, MIB, async (loaded, bytes, dir) => {
    const target = join(dir, "target");
    const first: string[] = [];
    {
      const read = Promise.withResolvers<void>();
      await using mute = listenSeed(loaded, bytes, "mute", {
        blocksMax: 40,
        onRequest: (piece, begin) => first.push(`${piece}.${begin / BLOCK_SIZE}`),
        onAllRead: read.resolve,
      });
      await using _download = startDownload(loaded, target, [mute.port]);
      await within(read.promise, "all blocks are read");
    }
    const sent = first.slice(0, 40);
    const changed = sent[3]!;
    const [piece, block] = changed.split(".").map(Number);
    const file = await Deno.open(join(target, "f.bin"), { write: true });
    await file.seek(piece! * MIB + block! * BLOCK_SIZE + 7, Deno.SeekMode.Start);
    await file.write(Uint8Array.of(1, 2, 3));
    file.close();

    const second: string[] = [];
    await using honest = listenSeed(loaded, bytes, "honest", {
      onRequest: (piece, begin) => second.push(`${piece}.${begin / BLOCK_SIZE}`),
    });
    await using download = startDownload(loaded, target, [honest.port], true);
    await download.event("complete");
    assertEquals(await Deno.readFile(join(target, "f.bin")), bytes);
    const { blocksKept, piecesKept } = await download.event("resumed");
    const whole = [0, 1].filter((piece) =>
      sent.filter((block) => block.startsWith(`${piece}.`)).length === MIB / BLOCK_SIZE
    );
    assertEquals(whole, []);
    assertEquals([piecesKept, blocksKept], [0, sent.length - 1]);
    assertEquals(second.filter((block) => sent.includes(block)), [changed]);
    await download.done;
  }));

/**
 * A hybrid of one file whose v1 part has the hashes of `first` and its v2 part those of `second`.
 */
async function contradictory(dir: string, first: Uint8Array, second: Uint8Array) {
  const made = await Promise.all([first, second].map(async (bytes, index) => {
    const folder = join(dir, `${index}`);
    await Deno.mkdir(folder);
    await Deno.writeFile(join(folder, "f.bin"), bytes);
    return await makeTorrent(join(folder, "f.bin"), { format: "hybrid", pieceLength: 64 * 1024 });
  }));
  const { pieceHashes } = made[0]!.metainfo;
  const { trees } = made[1]!.metainfo;
  return parseTorrent(
    buildMetainfo({
      ...{ name: "f.bin", files: [{ path: ["f.bin"], length: first.length }], isFolder: false },
      ...{ pieceLength: 64 * 1024, pieceHashes, trees, announceTiers: [], isPrivate: false },
    }),
    "a test",
  );
}

Deno.test("a hybrid whose parts describe different content ends with one sentence", async (test) => {
  for (const which of ["v1", "v2"]) {
    for (const hasLayers of [true, false]) {
      if (which === "v2" && !hasLayers) continue;
      const name = `content of ${which}, layers ${hasLayers ? "known" : "unknown"}`;
      await test.step(name, async () => {
        const dir = await Deno.makeTempDir({ prefix: "tt_contradictory_" });
        try {
          const contents = [makeBytes(200_000), makeBytes(200_000)];
          contents[1]![70_000]! ^= 1;
          const whole = await contradictory(dir, contents[0]!, contents[1]!);
          const loaded = hasLayers ? whole : withoutLayers(whole);
          const target = join(dir, "target");
          const bytes = which === "v1" ? contents[0]! : contents[1]!;
          await using seed = listenSeed(whole, bytes, "seed", { answer: () => undefined });
          const download = startDownload(loaded, target, [seed.port]);
          // It fails both checks.
          const error = await assertRejects(() => download.done, Error);
          await assertRejects(() => Promise.resolve(download[Symbol.asyncDispose]()));
          assertStringIncludes(error.message, "The v1 and the v2 part of f.bin describe different");
          assertEquals(download.said.some(({ event }) => event === "peer-banned"), false);
        } finally {
          await Deno.remove(dir, { recursive: true });
        }
      });
    }
  }
});

Deno.test("padding that is not zeros, from a peer, is not a contradiction", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tt_padding_" });
  try {
    await Deno.mkdir(join(dir, "f"));
    const [first, second] = [makeBytes(70_000), makeBytes(5)];
    await Deno.writeFile(join(dir, "f", "a"), first);
    await Deno.writeFile(join(dir, "f", "b"), second);
    const loaded = await makeTorrent(join(dir, "f"), { format: "hybrid", pieceLength: 65_536 });
    const bytes = new Uint8Array(131_072 + 5).fill(9);
    bytes.set(first);
    bytes.set(second, 131_072);
    await using seed = listenSeed(loaded, bytes, "seed", {});
    const target = join(dir, "target");
    await using download = startDownload(loaded, target, [seed.port]);
    await download.done;
    assertEquals(await Deno.readFile(join(target, "f", "a")), first);
    assertEquals(await Deno.readFile(join(target, "f", "b")), second);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
