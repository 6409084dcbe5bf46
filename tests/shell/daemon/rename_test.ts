/** Paths of renamed files on the disk. */
import { assertEquals } from "@std/assert";
import type { TorrentEntry } from "../../../shell/daemon/entry.ts";
import { renamedPaths } from "../../../shell/daemon/torrent_parts.ts";

function entry(paths: string[], placed: string[] = paths): TorrentEntry {
  const filesOf = (list: string[]) => ({ files: list.map((path) => ({ path: path.split("/") })) });
  const handle = { loaded: { metainfo: filesOf(placed) } };
  return { metainfo: filesOf(paths), handle } as unknown as TorrentEntry;
}

Deno.test("files and folders are renamed where they are", () => {
  const plain = entry(["set/a", "set/sub/b"]);
  assertEquals(renamedPaths(plain, "/dl", "set/sub", "new"), {
    from: "/dl/set/sub",
    to: "/dl/set/new",
  });
  assertEquals(renamedPaths(plain, "/dl", "set/a", "what?").to, "/dl/set/what?");
});

Deno.test("names on the disk count where the folder cannot hold those of the torrent", () => {
  const odd = entry(["what?/a", "what?/b:c"], ["what_/a", "what_/b_c"]);
  assertEquals(renamedPaths(odd, "/dl", "what?/b:c", "d?"), {
    from: "/dl/what_/b_c",
    to: "/dl/what_/d_",
  });
  assertEquals(renamedPaths(odd, "/dl", "what?", "new"), { from: "/dl/what_", to: "/dl/new" });
});
