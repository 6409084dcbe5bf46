import { assertEquals, assertThrows } from "@std/assert";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { applyRecord, renamePath } from "../../../shell/daemon/overrides.ts";
import { Failure } from "../../../shell/failure.ts";
import type { LoadedTorrent } from "../../../shell/load_torrent.ts";

function metainfoOf(name: string, paths: readonly string[]): Metainfo {
  const files = paths.map((path) => ({ path: path.split("/"), pad: path.endsWith(".pad") }));
  return { name, files, announceTiers: [["http://a/"]] } as unknown as Metainfo;
}

const pathsOf = (metainfo: Metainfo | undefined) =>
  metainfo?.files.map(({ path }) => path.join("/"));

Deno.test("files and folders take a new name, and the torrent that of its folder or only file", () => {
  const set = metainfoOf("set", ["set/a", "set/sub/b", "set/sub/c", "set/subway"]);
  assertEquals(pathsOf(renamePath(set, "set/sub", "new")), [
    ...["set/a", "set/new/b", "set/new/c", "set/subway"],
  ]);
  assertEquals(pathsOf(renamePath(set, "set/sub/b", "d")), [
    ...["set/a", "set/sub/d", "set/sub/c", "set/subway"],
  ]);
  assertEquals(renamePath(set, "set/sub", "new")?.name, "set");
  const renamed = renamePath(set, "set", "other");
  assertEquals([renamed?.name, pathsOf(renamed)?.[0]], ["other", "other/a"]);
  assertEquals(renamePath(set, "set/none", "x"), undefined);
  assertEquals(renamePath(metainfoOf("f", ["f"]), "f", "g")?.name, "g");
});

Deno.test("a name that is none here, or that is taken, is refused", () => {
  const set = metainfoOf("set", ["set/a", "set/b", "set/x.pad", "set/y.pad"]);
  const refuses = (path: string, name: string, code: string) =>
    assertEquals(assertThrows(() => renamePath(set, path, name), Failure).code, code);
  refuses("set/a", "", "bad-name");
  refuses("set/a", "b/c", "bad-name");
  refuses("set/a", "..", "bad-name");
  refuses("set/a", "b", "name-taken");
  // Padding is not on the disk: its names may be equal.
  assertEquals(pathsOf(renamePath(set, "set/x.pad", "y.pad")), [
    ...["set/a", "set/b", "set/y.pad", "set/y.pad"],
  ]);
});

Deno.test("a record's trackers and names replace those of the torrent, one after the other", () => {
  const loaded = { metainfo: metainfoOf("set", ["set/a"]) } as LoadedTorrent;
  assertEquals(applyRecord(loaded, { trackers: undefined, renames: [] }) === loaded, true);
  const other = applyRecord(loaded, {
    trackers: [["http://b/"]],
    renames: [{ path: "set", name: "new" }, { path: "gone", name: "x" }, {
      path: "new/a",
      name: "b",
    }],
  });
  assertEquals(other.metainfo.announceTiers, [["http://b/"]]);
  assertEquals(pathsOf(other.metainfo), ["new/b"]);
  assertEquals(pathsOf(loaded.metainfo), ["set/a"]);
});
