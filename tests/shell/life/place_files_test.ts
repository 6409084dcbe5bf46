/** Names of a torrent's files, by what their folder can hold. */
import { assertEquals } from "@std/assert";
import { basename, dirname, join } from "node:path";
import { buildMetainfo } from "../../../core/metainfo/create.ts";
import { type LoadedTorrent, parseTorrent } from "../../../shell/load_torrent.ts";
import { placeForReading, placeForWriting } from "../../../shell/life/place_files.ts";
import { realFileSystem } from "../../../shell/disk/real_file_system.ts";
import { fileSystemWith, inTempDir } from "../disk/support.ts";

const IS_POSIX = Deno.build.os === "linux";

function torrent(): LoadedTorrent {
  const loaded = parseTorrent(
    buildMetainfo({
      name: "set",
      files: [
        { path: ["Read.me"], length: 5 },
        { path: ["read.ME"], length: 5 },
        { path: ["what?"], length: 5 },
      ],
      isFolder: true,
      pieceLength: 16384,
      pieceHashes: new Uint8Array(20),
      announceTiers: [],
      isPrivate: false,
    }),
    "test",
  );
  // What an adapter added stays.
  return { ...loaded, metainfo: { ...loaded.metainfo, announceTiers: [["http://a/"]] } };
}

function pathsOf({ metainfo }: LoadedTorrent): string[] {
  assertEquals(metainfo.announceTiers, [["http://a/"]]);
  return metainfo.files.map(({ path }) => path.join("/"));
}

const NATIVE = ["set/Read.me", "set/read.ME", "set/what?"];
const PORTABLE = ["set/Read.me", "set/read (2).ME", "set/what_"];

Deno.test(
  "two names that share a file in this folder are kept apart",
  { ignore: !IS_POSIX },
  () =>
    inTempDir(async (dir) => {
      assertEquals(pathsOf(await placeForWriting(torrent(), dir)), NATIVE);
      const ignoringCase = fileSystemWith({
        async stats(path) {
          const names = await realFileSystem.list(dirname(path)).catch(() => []);
          const folded = basename(path).toLowerCase();
          const found = names.find((name) => name.toLowerCase() === folded);
          return await realFileSystem.stats(
            found === undefined ? path : join(dirname(path), found),
          );
        },
      });
      assertEquals(pathsOf(await placeForWriting(torrent(), dir, ignoringCase)), PORTABLE);
    }),
);

Deno.test(
  "existing content is read under its existing names",
  { ignore: !IS_POSIX },
  () =>
    inTempDir(async (dir) => {
      assertEquals(pathsOf(await placeForReading(torrent(), dir)), NATIVE);
      await Deno.mkdir(`${dir}/set`);
      await Deno.writeFile(`${dir}/set/what_`, new Uint8Array(5));
      assertEquals(pathsOf(await placeForReading(torrent(), dir)), PORTABLE);
      await Deno.rename(`${dir}/set/what_`, `${dir}/set/what?`);
      assertEquals(pathsOf(await placeForReading(torrent(), dir)), NATIVE);
    }),
);

Deno.test(
  "files that the user renamed keep their names where others are placed portably",
  { ignore: !IS_POSIX },
  () =>
    inTempDir(async (dir) => {
      const asWritten = torrent();
      const files = asWritten.metainfo.files.map((file, index) => ({
        ...file,
        path: ["my set", index === 0 ? "new: name" : file.path[1]!],
      }));
      const renamed = { ...asWritten, metainfo: { ...asWritten.metainfo, files } };
      await Deno.mkdir(`${dir}/my set`);
      await Deno.writeFile(`${dir}/my set/what_`, new Uint8Array(5));
      assertEquals(pathsOf(await placeForReading(renamed, dir)), [
        "my set/new_ name",
        "my set/read (2).ME",
        "my set/what_",
      ]);
    }),
);
