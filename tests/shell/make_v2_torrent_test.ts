import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { toHex } from "../../core/bytes/hex.ts";
import { formatOf } from "../../core/metainfo/identity.ts";
import type { TorrentFormat } from "../../core/metainfo/identity.ts";
import { PIECES_MAX } from "../../core/metainfo/parse.ts";
import { ContentError } from "../../shell/content_error.ts";
import { makeTorrent } from "../../shell/make_torrent.ts";
import { checkContent } from "../../shell/check_content.ts";
import { openStorage } from "../../shell/disk/storage.ts";
import { countBits, hasBit } from "../../core/bytes/bitfield.ts";
import { vectorContent } from "../core/metainfo/merkle_vectors.ts";

const PIECE = 65_536;
const SIZES = {
  block: 16_384,
  "d/over": 65_537,
  "d/piece": 65_536,
  empty: 0,
  more: 16_385,
  one: 1,
};

async function withContent(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tt_v2_" });
  try {
    await Deno.mkdir(join(folder, "f", "d"), { recursive: true });
    for (const [name, size] of Object.entries(SIZES)) {
      await Deno.writeFile(join(folder, "f", name), vectorContent(size));
    }
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function check(folder: string, format: TorrentFormat): Promise<[number, number[]]> {
  const { metainfo } = await makeTorrent(join(folder, "f"), { format, pieceLength: PIECE });
  await Deno.writeFile(join(folder, "f", "d", "over"), new Uint8Array([1]), { append: false });
  await Deno.writeFile(join(folder, "f", "more"), vectorContent(16_385).fill(7, 16_384));
  const storage = openStorage(folder, metainfo, { readOnly: true });
  try {
    const pieces = Array.from({ length: metainfo.geometry.pieceCount }, (_, piece) => piece);
    const { signal } = new AbortController();
    const good = await checkContent(metainfo, storage, pieces, () => {}, signal);
    return [countBits(good), pieces.filter((piece) => !hasBit(good, piece))];
  } finally {
    await storage.close();
  }
}

Deno.test("a v2 torrent has the info hash that other programs compute", () =>
  withContent(async (folder) => {
    const { metainfo } = await makeTorrent(join(folder, "f"), { format: "v2", pieceLength: PIECE });
    assertEquals(formatOf(metainfo.identity), "v2");
    assertEquals<string | undefined>(
      metainfo.identity.v2,
      "4677edbe5c1c60472d49b3e99a1dfba8b041eabb77cc1d99da18d4d7ae1829ed",
    );
    assertEquals(metainfo.geometry.pieceCount, 6);
  }));

Deno.test("a hybrid has padding between its files, and both hashes", () =>
  withContent(async (folder) => {
    const { metainfo } = await makeTorrent(join(folder, "f"), {
      format: "hybrid",
      pieceLength: PIECE,
    });
    assertEquals(formatOf(metainfo.identity), "hybrid");
    const { files, geometry } = metainfo;
    assertEquals(files.map(({ path, length, pad }) => [path.slice(1).join("/"), length, pad]), [
      ["block", 16_384, false],
      [".pad/49152", 49_152, true],
      ["d/over", 65_537, false],
      [".pad/65535", 65_535, true],
      ["d/piece", 65_536, false],
      ["empty", 0, false],
      ["more", 16_385, false],
      [".pad/49151", 49_151, true],
      ["one", 1, false],
    ]);
    assertEquals([geometry.pieceCount, geometry.totalSize], [6, 5 * PIECE + 1]);
    const v2 = await makeTorrent(join(folder, "f"), { format: "v2", pieceLength: PIECE });
    assertEquals(
      metainfo.trees!.files.map((file) => toHex(file.root)),
      v2.metainfo.trees!.files.map((file) => toHex(file.root)),
    );
  }));

Deno.test("a single file is the same in both halves, without padding", () =>
  withContent(async (folder) => {
    const { metainfo } = await makeTorrent(join(folder, "f", "d", "over"), { format: "hybrid" });
    assertEquals([formatOf(metainfo.identity), metainfo.isFolder], ["hybrid", false]);
    assertEquals(metainfo.files.length, 1);
  }));

for (const format of ["v2", "hybrid"] as const) {
  Deno.test(`a check of a ${format} torrent finds the bad pieces`, () =>
    withContent(async (folder) => assertEquals(await check(folder, format), [3, [1, 2, 4]])));
}

Deno.test("a torrent with too many pieces for other clients is refused before it is hashed", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tt_huge_" });
  try {
    const file = await Deno.open(join(folder, "a"), { create: true, write: true });
    await file.truncate((PIECES_MAX + 1) * 16_384);
    file.close();
    const options = { format: "v2", pieceLength: 16_384 } as const;
    const error = await assertRejects(() => makeTorrent(join(folder, "a"), options), ContentError);
    assertEquals((error as ContentError).code, "bad-piece-length");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
