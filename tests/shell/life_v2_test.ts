/**
 * A v2 torrent whose metadata came without layers, and files that another torrent of the folder
 * has.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { countBits, createFullBitfield } from "../../core/bytes/bitfield.ts";
import { BLOCK_SIZE } from "../../core/metainfo/geometry.ts";
import { withPieceLayers } from "../../core/metainfo/piece_layers.ts";
import { encodeResume } from "../../core/transfer/resume.ts";
import { checkContent } from "../../shell/check_content.ts";
import { loadTorrentBytes, saveState, saveTorrent } from "../../shell/disk/state_file.ts";
import type { FileSystem } from "../../shell/disk/file_system.ts";
import { realFileSystem } from "../../shell/disk/real_file_system.ts";
import { openStorage } from "../../shell/disk/storage.ts";
import { PieceBuffers } from "../../shell/hash/piece_buffers.ts";
import { PieceMemory } from "../../shell/hash/piece_memory.ts";
import {
  keepTorrent,
  noteLayers,
  recallLayers,
  saveDownload,
} from "../../shell/life/keep_layers.ts";
import { reuseKnownFiles } from "../../shell/life/reuse_files.ts";
import { makeTorrent } from "../../shell/make_torrent.ts";
import { readMetainfo } from "../../shell/read_metainfo.ts";
import type { LoadedTorrent } from "../../shell/load_torrent.ts";
import { vectorContent } from "../core/metainfo/merkle_vectors.ts";

const PIECE = 32_768;
const never = new AbortController().signal;

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tt_v2_life_" });
  try {
    await run(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The torrent with metadata from peers. */
function withoutLayers({ bytes, metainfo }: LoadedTorrent): LoadedTorrent {
  const trees = { ...metainfo.trees!, layers: metainfo.trees!.layers.map(() => undefined) };
  const bare = withPieceLayers(bytes, trees);
  const strict = readMetainfo(bare);
  assertEquals(!strict.ok && strict.error.code, "layer-missing");
  const read = readMetainfo(bare, undefined, true);
  if (!read.ok) throw new Error(read.error.code);
  return { bytes: bare, metainfo: read.value };
}

Deno.test("a torrent with its layers restored has its original bytes", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(join(folder, "a"), vectorContent(5 * PIECE + 3));
    const made = await makeTorrent(join(folder, "a"), {
      format: "v2",
      pieceLength: PIECE,
      announceTiers: [["http://t/"]],
    });
    const bare = withoutLayers(made);
    assertEquals(bare.metainfo.infoHash, made.metainfo.infoHash);
    assertEquals(withPieceLayers(bare.bytes, made.metainfo.trees!), made.bytes);
  }));

for (const format of ["v2", "hybrid"] as const) {
  Deno.test(`existing content provides the layers that the metadata lacks: ${format}`, () =>
    withFolder(async (folder) => {
      await Deno.mkdir(join(folder, "f"));
      await Deno.writeFile(join(folder, "f", "a"), vectorContent(5 * PIECE + 3));
      await Deno.writeFile(join(folder, "f", "b"), vectorContent(4 * PIECE));
      const made = await makeTorrent(join(folder, "f"), { format, pieceLength: PIECE });
      const { metainfo } = withoutLayers(made);
      // One wrong byte: in v2, nothing proves the other pieces of that file.
      await Deno.writeFile(join(folder, "f", "b"), vectorContent(4 * PIECE).fill(1, 7, 8));
      const storage = openStorage(folder, metainfo, { readOnly: true });
      const pieces = Array.from({ length: metainfo.geometry.pieceCount }, (_, piece) => piece);
      const good = await checkContent(metainfo, storage, pieces, () => {}, never);
      await storage.close();
      assertEquals(countBits(good), format === "v2" ? 6 : 9);
      assertEquals(metainfo.trees!.layers, [made.metainfo.trees!.layers[0], undefined]);
    }));
}

Deno.test("pieces of a hybrid provide its layers, even if peers support v1 only", () =>
  withFolder(async (folder) => {
    const content = vectorContent(3 * PIECE + 5);
    await Deno.writeFile(join(folder, "a"), content);
    const made = await makeTorrent(join(folder, "a"), { format: "hybrid", pieceLength: PIECE });
    const { metainfo } = withoutLayers(made);
    const buffers = new PieceBuffers(metainfo, new PieceMemory());
    const put = (piece: number, bytes: Uint8Array) => {
      for (let at = 0; at < bytes.length; at += BLOCK_SIZE) {
        buffers.put(piece, at, bytes.subarray(at, at + BLOCK_SIZE));
      }
      return buffers.check(piece);
    };
    assertEquals(await put(1, new Uint8Array(PIECE)), false);
    buffers.drop(1);
    for (const piece of [3, 0, 2, 1]) {
      assertEquals(metainfo.trees!.layers, [undefined]);
      const bytes = content.subarray(piece * PIECE, (piece + 1) * PIECE);
      assertEquals(await put(piece, bytes), true);
    }
    assertEquals(metainfo.trees!.layers, made.metainfo.trees!.layers);
    buffers.close();
  }));

Deno.test("the saved .torrent contains fetched layers, also after a later check", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(join(folder, "a"), vectorContent(3 * PIECE + 5));
    const made = await makeTorrent(join(folder, "a"), { format: "v2", pieceLength: PIECE });
    const told: Uint8Array[] = [];
    const bare = {
      ...withoutLayers(made),
      onLayers: (bytes: Uint8Array) => Promise.resolve(void told.push(bytes)),
    };
    const { infoHash } = bare.metainfo;
    noteLayers(bare);
    await keepTorrent(folder, bare);
    assertEquals(await loadTorrentBytes(folder, infoHash), bare.bytes);
    assertEquals(told, []);
    bare.metainfo.trees!.layers[0] = made.metainfo.trees!.layers[0];
    const state = {
      ...{ infoHash, pieces: new Uint8Array(1), uploaded: 0, downloaded: 0, waived: false },
      ...{ files: [], torrent: undefined },
    };
    await saveDownload(folder, bare, state);
    assertEquals(await loadTorrentBytes(folder, infoHash), made.bytes);
    assertEquals(told, [made.bytes]);
    noteLayers(bare);
    await keepTorrent(folder, bare);
    assertEquals(await loadTorrentBytes(folder, infoHash), made.bytes);
  }));

Deno.test("metadata without layers take those that an earlier run kept, and do not replace them", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(join(folder, "a"), vectorContent(3 * PIECE + 5));
    const made = await makeTorrent(join(folder, "a"), { format: "v2", pieceLength: PIECE });
    const { infoHash, trees } = made.metainfo;
    await saveTorrent(folder, infoHash, made.bytes);
    const again = withoutLayers(made);
    noteLayers(again);
    await recallLayers(folder, again);
    assertEquals(again.metainfo.trees!.layers, trees!.layers);
    await keepTorrent(folder, again);
    assertEquals(await loadTorrentBytes(folder, infoHash), made.bytes);

    // Wrong layers are ignored, and a missing file is harmless.
    const wrong = made.bytes.slice();
    wrong[wrong.length - 5]! ^= 1;
    await saveTorrent(folder, infoHash, wrong);
    const third = withoutLayers(made);
    await recallLayers(folder, third);
    assertEquals(third.metainfo.trees!.layers, [undefined]);
    await recallLayers(join(folder, "elsewhere"), third);
    assertEquals(third.metainfo.trees!.layers, [undefined]);
  }));

Deno.test("a copy that fails leaves nothing behind", () =>
  withFolder(async (folder) => {
    const content = vectorContent(2 * PIECE);
    await Deno.writeFile(join(folder, "old"), content);
    const old = await makeTorrent(join(folder, "old"), { format: "v2", pieceLength: PIECE });
    const { infoHash, geometry } = old.metainfo;
    await saveTorrent(folder, infoHash, old.bytes);
    const pieces = createFullBitfield(geometry.pieceCount).bytes;
    const state = { infoHash, pieces, uploaded: 0, downloaded: 0, waived: false, files: [] };
    await saveState(folder, infoHash, encodeResume({ ...state, torrent: undefined }));
    const source = join(folder, "source");
    await Deno.mkdir(source);
    await Deno.writeFile(join(source, "new"), content);
    const { metainfo } = await makeTorrent(join(source, "new"), { format: "v2" });
    const full: FileSystem = {
      ...realFileSystem,
      async copyFile(_, to) {
        await Deno.writeFile(to, content.subarray(0, 5));
        throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      },
    };
    const reused = await reuseKnownFiles(folder, metainfo, never, full);
    assertEquals(reused, { files: [], bytes: 0 });
    assertEquals(await realFileSystem.stats(join(folder, "new")), undefined);
    const now = await reuseKnownFiles(folder, metainfo, never);
    assertEquals(now, { files: ["new"], bytes: content.length });
  }));

Deno.test("a file that another torrent of the folder has finished is copied", () =>
  withFolder(async (folder) => {
    const content = vectorContent(3 * PIECE);
    await Deno.mkdir(join(folder, "old"));
    await Deno.writeFile(join(folder, "old", "known"), content);
    await Deno.writeFile(join(folder, "old", "other"), vectorContent(5));
    const old = await makeTorrent(join(folder, "old"), { format: "v2", pieceLength: PIECE });
    const source = await Deno.makeTempDir();
    await Deno.mkdir(join(source, "new", "d"), { recursive: true });
    await Deno.writeFile(join(source, "new", "d", "same"), content);
    await Deno.writeFile(join(source, "new", "fresh"), vectorContent(PIECE + 9));
    const options = { format: "hybrid", pieceLength: 2 * PIECE } as const;
    const { metainfo } = await makeTorrent(join(source, "new"), options);
    await Deno.remove(source, { recursive: true });

    const { infoHash, geometry } = old.metainfo;
    await saveTorrent(folder, infoHash, old.bytes);
    const state = (pieces: Uint8Array) =>
      encodeResume({
        ...{ infoHash, pieces, uploaded: 0, downloaded: 0, waived: false },
        ...{ files: [], torrent: undefined },
      });
    // Unfinished files are not used.
    await saveState(folder, infoHash, state(Uint8Array.of(0b1011_0000)));
    assertEquals((await reuseKnownFiles(folder, metainfo, never)).files, []);
    await saveState(folder, infoHash, state(createFullBitfield(geometry.pieceCount).bytes));
    assertEquals(await reuseKnownFiles(folder, metainfo, never), {
      files: ["new/d/same"],
      bytes: content.length,
    });
    assertEquals(await Deno.readFile(join(folder, "new", "d", "same")), content);
    // What is present stays unchanged.
    await Deno.writeFile(join(folder, "new", "d", "same"), new Uint8Array(1));
    assertEquals((await reuseKnownFiles(folder, metainfo, never)).files, []);
  }));

Deno.test("a folder is not searched for files of a torrent that has them all", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(join(folder, "a"), vectorContent(2 * PIECE));
    const { metainfo } = await makeTorrent(join(folder, "a"), { format: "v2", pieceLength: PIECE });
    let lists = 0;
    const counting: FileSystem = {
      ...realFileSystem,
      list: (path) => {
        lists++;
        return realFileSystem.list(path);
      },
    };
    await reuseKnownFiles(folder, metainfo, never, counting);
    assertEquals(lists, 0);
    await Deno.remove(join(folder, "a"));
    await reuseKnownFiles(folder, metainfo, never, counting);
    assertEquals(lists, 1);
  }));
