/** Downloads of v2 torrents from peers made by hand: bad blocks, missing layers, wrong and absurd hashes. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import { decodeMessage } from "../../core/wire/codec.ts";
import { encodeHandshake } from "../../core/wire/handshake.ts";
import type { WireMessage } from "../../core/wire/message.ts";
import { type LoadedTorrent, parseTorrent } from "../../shell/load_torrent.ts";
import { makeTorrent } from "../../shell/make_torrent.ts";
import { makeBytes } from "../support/cli_kit.ts";
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

Deno.test("blocks of an unfinished piece are kept by the next run where the disk still has them", () =>
  withTorrent(2 * MIB, MIB, async (loaded, bytes, dir) => {
    const target = join(dir, "target");
    const first: string[] = [];
    {
      const half = Promise.withResolvers<void>();
      await using mute = listenSeed(loaded, bytes, "mute", {
        blocksMax: 40,
        onRequest: (piece, begin) => {
          first.push(`${piece}.${begin / BLOCK_SIZE}`);
          if (first.length > 60) half.resolve();
        },
      });
      await using _download = startDownload(loaded, target, [mute.port]);
      await half.promise;
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
