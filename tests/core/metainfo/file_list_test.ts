import { assert, assertEquals } from "@std/assert";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import {
  fitsPathLimits,
  parseFileEntries,
  PATH_BYTES_MAX,
  PATH_COMPONENTS_MAX,
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
