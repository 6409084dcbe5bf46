import { assertEquals } from "@std/assert";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { PATH_BYTES_MAX, PATH_COMPONENTS_MAX } from "../../../core/metainfo/file_list.ts";
import { parseFileTree } from "../../../core/metainfo/file_tree.ts";

const FILE = { "": { length: 0 } };

/** The file below folders of these names. */
function below(folders: readonly string[]): Bencodable {
  return folders.reduceRight<Bencodable>((inner, name) => ({ [name]: inner }), FILE);
}

function errorOf(tree: Bencodable): string | undefined {
  const node = decodeBencode(encodeBencode(tree));
  if (!node.ok) throw new Error(node.error.code);
  const parsed = parseFileTree(node.value);
  return parsed.ok ? undefined : parsed.error.code;
}

Deno.test("the names on the way to a file count together, folder by folder", () => {
  const names = Array.from({ length: 8 }, () => "n".repeat(PATH_BYTES_MAX / 8));
  assertEquals(errorOf(below(names)), undefined);
  assertEquals(errorOf(below([...names.slice(1), `${names[0]}n`])), "path-too-long");
  assertEquals(errorOf({ a: below(names.slice(1)), b: FILE }), undefined);
});

Deno.test("a file is so many folders deep at most", () => {
  const deep = (count: number) => errorOf(below(Array<string>(count).fill("d")));
  assertEquals([deep(PATH_COMPONENTS_MAX), deep(PATH_COMPONENTS_MAX + 1)], [
    ...[undefined, "path-too-long"],
  ]);
});
