import { assert, assertEquals } from "@std/assert";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import {
  fitsPathLimits,
  parseFileEntries,
  PATH_BYTES_MAX,
  PATH_COMPONENTS_MAX,
  placeFiles,
} from "../../../core/metainfo/file_list.ts";

/** Whether a torrent with a file of this path is accepted. */
function isRead(path: readonly string[]): boolean {
  const root = decodeBencode(encodeBencode({ files: [{ length: 1, path }] }));
  if (!root.ok || root.value.kind !== "dict") throw new Error("not a dictionary");
  const entries = parseFileEntries(root.value, "name");
  if (!entries.ok) assertEquals(entries.error.code, "path-too-long");
  return entries.ok;
}

Deno.test("limits are the same for creating and for parsing a torrent", () => {
  const deep = Array.from({ length: PATH_COMPONENTS_MAX }, () => "d");
  // Each component counts with its separator, in bytes of UTF-8.
  const long = Array.from({ length: 16 }, () => "\u00e9".repeat(127) + "x");
  const bytes = 16 * 256;
  assertEquals(bytes, PATH_BYTES_MAX);
  const cases: [readonly string[], boolean][] = [
    [["a"], true],
    [deep, true],
    [[...deep, "d"], false],
    [long, true],
    [[...long.slice(1), long[0] + "y"], false],
    [[...long.slice(1), "y", "z".repeat(253)], true],
    [[...long.slice(1), "y", "z".repeat(254)], false],
  ];
  for (const [path, expected] of cases) {
    assertEquals(fitsPathLimits(path), expected, path.join("/"));
    assertEquals(isRead(path), expected, path.join("/"));
  }
  assert(fitsPathLimits([]));
});

function entriesOf(info: Record<string, unknown>) {
  const root = decodeBencode(encodeBencode(info as never));
  if (!root.ok || root.value.kind !== "dict") throw new Error("not a dictionary");
  return parseFileEntries(root.value, "name");
}

Deno.test("attributes say what a file is, and only padding needs no path", () => {
  const read = (...files: Record<string, unknown>[]) => {
    const entries = entriesOf({ files });
    return entries.ok
      ? entries.value.map((
        { components, length, pad, symlink, executable },
      ) => [components.slice(1).join("/"), length, pad, symlink, executable])
      : entries.error.code;
  };
  const path = ["a"];
  assertEquals(read({ length: 1, path }), [["a", 1, false, false, false]]);
  assertEquals(read({ length: 1, path, attr: "x" }), [["a", 1, false, false, true]]);
  assertEquals(read({ length: 1, path, attr: "h" }), [["a", 1, false, false, false]]);
  assertEquals(read({ length: 7, attr: "p" }), [[".pad/7", 7, true, false, false]]);
  assertEquals(read({ length: 7, attr: "p", path }), [["a", 7, true, false, false]]);
  assertEquals(read({ length: 7, attr: "x" }), "path-invalid");
  assertEquals(read({ length: 7, path, attr: "l" }), [["a", 0, false, true, false]]);
  assertEquals(read({ path, attr: "l" }), [["a", 0, false, true, false]]);
  assertEquals([read({ path }), read({ length: -1, path })], ["length-invalid", "length-invalid"]);
  assertEquals(read({ length: 0, path }), [["a", 0, false, false, false]]);
  assertEquals(entriesOf({ length: -1 }), {
    ok: false,
    error: { code: "length-invalid", file: 0 },
  });
});

Deno.test("files are placed one behind the other, links nowhere, aligned where that is asked", () => {
  const entry = (name: string, length: number, changes = {}) => ({
    ...{ components: ["t", name], length, pad: false, symlink: false, executable: false },
    ...changes,
  });
  const entries = [
    entry("a", 5),
    entry("b", 0),
    entry("c", 0, { symlink: true }),
    entry("a", 6, { executable: true }),
    entry("a", 2, { pad: true }),
  ];
  const placed = (alignment?: number) => {
    const files = placeFiles(entries, "posix", alignment);
    if (!files.ok) throw new Error(files.error.code);
    return files.value.map(({ path, offset }) => `${path.join("/")} ${offset}`);
  };
  assertEquals(placed(), ["t/a 0", "t/b 5", "t/a (2) 5", "t/a 11"]);
  assertEquals(placed(4), ["t/a 0", "t/b 5", "t/a (2) 8", "t/a 16"]);
  const most = Number.MAX_SAFE_INTEGER;
  assertEquals(placeFiles([entry("a", most)], "posix").ok, true);
  assertEquals(placeFiles([entry("a", most), entry("b", 2)], "posix").ok, false);
});
