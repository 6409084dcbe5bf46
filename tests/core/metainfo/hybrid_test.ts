import { assert, assertEquals } from "@std/assert";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { parseMetainfo } from "../../../core/metainfo/parse.ts";
import { DIGESTS } from "../../../shell/hash/sha256.ts";

type Dict = Record<string, Bencodable | undefined>;

const ROOT = new Uint8Array(32);
const leaf = (length: number, more: Dict = {}): Dict => ({
  "": { length, ...(length > 0 && { "pieces root": ROOT }), ...more },
});

const HEAD: Dict = { length: 20_000, path: ["a"] };
const PADDING: Dict = { attr: "p", length: 12_768, path: [".pad", "12768"] };
const TAIL: Dict[] = [
  { length: 0, path: ["d", "b"] },
  { length: 100, path: ["d", "c"] },
  { attr: "l", path: ["d", "l"], "symlink path": ["a"] },
];

/** One file of 20,000 bytes, padding, an empty file, one of 100 bytes in a folder, and a link. */
const FOLDER: Dict = {
  "file tree": { a: leaf(20_000), d: { b: leaf(0), c: leaf(100), l: leaf(0, { attr: "l" }) } },
  files: [HEAD, PADDING, ...TAIL],
  "meta version": 2,
  name: "f",
  "piece length": 16_384,
  pieces: new Uint8Array(60),
};
const SINGLE: Dict = {
  "file tree": { a: leaf(20_000) },
  length: 20_000,
  "meta version": 2,
  name: "a",
  "piece length": 16_384,
  pieces: new Uint8Array(40),
};

function codeOf(info: Dict): string {
  const result = parseMetainfo(encodeBencode({ info }), DIGESTS);
  if (result.ok) return "accepted";
  assert(describeMetainfoError(result.error).includes("v2"));
  return result.error.code;
}

Deno.test("a hybrid torrent whose descriptions agree is read as v1", () => {
  assertEquals(codeOf(FOLDER), "accepted");
  assertEquals(codeOf(SINGLE), "accepted");
});

Deno.test("a hybrid torrent whose descriptions differ is refused", () => {
  const tree = (files: Dict) => ({ ...FOLDER, "file tree": files });
  const cases: Dict[] = [
    { ...SINGLE, "file tree": { b: leaf(20_000) } },
    { ...SINGLE, "file tree": { a: leaf(20_001) } },
    tree({ a: leaf(20_000) }),
    tree({ a: leaf(20_000), d: { b: leaf(0), c: leaf(100), e: leaf(0) } }),
    tree({ a: leaf(20_000), d: { b: leaf(0), c: { c: leaf(100) } } }),
    { ...FOLDER, files: [HEAD, { ...PADDING, attr: undefined }, ...TAIL] },
    { ...SINGLE, "piece length": 12_000 },
    { ...SINGLE, "piece length": 8_192, pieces: new Uint8Array(60) },
  ];
  for (const info of cases) assertEquals(codeOf(info), "hybrid-mismatch");
});

Deno.test("a file that does not start at a piece is refused", () => {
  const files = [{ length: 20_000, path: ["a"] }, { length: 12_768, path: ["b"] }];
  const info = { ...FOLDER, files, "file tree": { a: leaf(20_000), b: leaf(12_768) } };
  assertEquals(codeOf({ ...info, pieces: new Uint8Array(40) }), "hybrid-mismatch");
});

Deno.test("a malformed file tree is refused", () => {
  const trees: (Bencodable | undefined)[] = [
    undefined,
    "tree",
    leaf(20_000),
    { a: 5 },
    { a: { length: 20_000, "pieces root": ROOT } },
    { a: { "": { length: 20_000 } } },
    { a: { "": { length: 20_000, "pieces root": new Uint8Array(31) } } },
    { a: { "": { length: -1 } } },
    { a: { "": {} } },
    { a: { "": 5 } },
    { a: { ...leaf(20_000), b: leaf(1) } },
    { a: leaf(20_000, { attr: "p" }) },
    { d: { a: { "": [] } } },
  ];
  for (const tree of trees) {
    assertEquals(codeOf({ ...SINGLE, "file tree": tree }), "file-tree-invalid");
  }
});

Deno.test("an unknown version is refused", () => {
  assertEquals(codeOf({ ...SINGLE, "meta version": 3 }), "meta-version-unknown");
  assertEquals(codeOf({ ...SINGLE, "meta version": undefined }), "meta-version-unknown");
});
