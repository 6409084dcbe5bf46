import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { createAlignedGeometry } from "../../../core/metainfo/geometry.ts";
import { plannedTrees } from "../../../core/metainfo/piece_trees.ts";
import { keepsLeaves, openLeaves, saveLeaves } from "../../../shell/disk/leaves_file.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { makeTorrent } from "../../../shell/make_torrent.ts";
import { scratch } from "../../support/cli_kit.ts";
import { fileSystemWith } from "./support.ts";

const MIB = 1024 * 1024;

Deno.test("leaves of content beyond 32 GiB are not kept, nor those of pieces of one block", () => {
  const keeps = (length: number, pieceLength: number) =>
    keepsLeaves({
      geometry: createAlignedGeometry([length], pieceLength),
      trees: plannedTrees([length], pieceLength),
    });
  assertEquals(keeps(32 * 1024 * MIB, MIB), true);
  assertEquals(keeps(32 * 1024 * MIB + 1, MIB), false);
  assertEquals(keeps(MIB, 16 * 1024), false);
  const geometry = createAlignedGeometry([MIB], 64 * 1024);
  assertEquals(keepsLeaves({ geometry, trees: undefined }), false);
});

Deno.test("leaves that are kept come back, also those added later, and no others", async () => {
  await using dir = await scratch();
  const path = dir.at("f.bin");
  await Deno.writeFile(path, new Uint8Array(5 * 65_536 + 9).map((_, i) => i % 251));
  const { metainfo, leaves } = await makeTorrent(path, { format: "v2", pieceLength: 65_536 });
  assertEquals([...leaves.keys()].sort(), [0, 1, 2, 3, 4, 5]);
  const some = (pieces: number[]) => new Map(pieces.map((piece) => [piece, leaves.get(piece)!]));
  const known = async () => {
    await using kept = await openLeaves(dir.path, metainfo);
    const found: number[] = [];
    for (const piece of leaves.keys()) {
      const own = await kept.of(piece);
      if (own === undefined) continue;
      assertEquals(own, leaves.get(piece));
      found.push(piece);
    }
    return found.sort();
  };
  assertEquals(await known(), []);
  await saveLeaves(dir.path, metainfo, some([5, 1, 2]));
  assertEquals(await known(), [1, 2, 5]);
  await saveLeaves(dir.path, metainfo, some([0]));
  assertEquals(await known(), [0, 1, 2, 5]);
});

Deno.test("leaves are not written through a link, nor where nothing can be written", async () => {
  await using dir = await scratch();
  const path = dir.at("f.bin");
  await Deno.writeFile(path, new Uint8Array(65_537));
  const { metainfo, leaves } = await makeTorrent(path, { format: "v2", pieceLength: 65_536 });
  await Deno.mkdir(dir.at(".tt"));
  await Deno.writeTextFile(dir.at("other"), "mine");
  await Deno.symlink(dir.at("other"), dir.at(".tt", `${metainfo.infoHash}.leaves`));
  await saveLeaves(dir.path, metainfo, leaves);
  assertEquals(await Deno.readTextFile(dir.at("other")), "mine");
  await saveLeaves(join(path, "below a file"), metainfo, leaves);
});

Deno.test("leaves of adjacent pieces are written at once, up to 1 MiB, and others where they belong", async () => {
  await using dir = await scratch();
  const pieceLength = 32 * MIB;
  const size = pieceLength / (16 * 1024) * 32;
  const torrent = {
    infoHash: "ab".repeat(20) as InfoHash,
    geometry: createAlignedGeometry([100 * pieceLength], pieceLength),
    trees: plannedTrees([100 * pieceLength], pieceLength),
  };
  const writes: [number, number][] = [];
  const fs = fileSystemWith({
    write: (writer, source, position) => {
      writes.push([position / size, source.length / size]);
      return writer.write(source, position);
    },
  });
  const leavesOf = (piece: number) => new Uint8Array(size).fill(piece);
  const save = (...pieces: number[]) =>
    saveLeaves(dir.path, torrent, new Map(pieces.map((piece) => [piece, leavesOf(piece)])), fs);
  await save(3, 1, 2, 7, 5);
  assertEquals(writes.splice(0), [[1, 3], [5, 1], [7, 1]]);
  await save(...Array.from({ length: 20 }, (_, i) => 20 + i));
  assertEquals(writes, [[20, 16], [36, 4]]);
  const bytes = await Deno.readFile(dir.at(".tt", `${torrent.infoHash}.leaves`));
  for (const piece of [1, 2, 3, 5, 7, 20, 35, 36, 39]) {
    assertEquals([bytes[piece * size], bytes[(piece + 1) * size - 1]], [piece, piece]);
  }
  assertEquals([bytes[0], bytes[4 * size]], [0, 0]);
});
