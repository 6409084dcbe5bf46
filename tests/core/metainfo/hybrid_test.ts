import { assert, assertEquals } from "@std/assert";
import { byteText } from "../../../core/bencode/node.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { fileTreeHeight, leavesOf, merkleRoot } from "../../../core/metainfo/merkle.ts";
import { parseMetainfo } from "../../../core/metainfo/parse.ts";
import { DIGESTS, MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { vectorContent } from "./merkle_vectors.ts";

type Dict = Record<string, Bencodable | undefined>;

function rootOf(length: number): Uint8Array {
  return merkleRoot(MERKLE, leavesOf(sha256, vectorContent(length)), 0, fileTreeHeight(length));
}

const leaf = (length: number, more: Dict = {}): Dict => ({
  "": { length, ...(length > 0 && { "pieces root": rootOf(length) }), ...more },
});

/** The only file larger than a piece. */
const LAYERS = new Map([[byteText(rootOf(20_000)), leavesOf(sha256, vectorContent(20_000))]]);

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
  const bytes = encodeBencode({ info, "piece layers": LAYERS });
  const result = parseMetainfo(bytes, DIGESTS);
  if (result.ok) return "accepted";
  assert(describeMetainfoError(result.error).includes("v2"));
  return result.error.code;
}

Deno.test("a hybrid torrent with consistent v1 and v2 parts is accepted", () => {
  assertEquals(codeOf(FOLDER), "accepted");
  assertEquals(codeOf(SINGLE), "accepted");
});

Deno.test("a hybrid torrent with inconsistent parts is refused", () => {
  const tree = (files: Dict) => ({ ...FOLDER, "file tree": files });
  const cases: Dict[] = [
    { ...SINGLE, "file tree": { b: leaf(20_000) } },
    { ...SINGLE, "file tree": { a: leaf(20_001) } },
    tree({ a: leaf(20_000) }),
    tree({ a: leaf(20_000), d: { b: leaf(0), c: leaf(100), e: leaf(0) } }),
    tree({ a: leaf(20_000), d: { b: leaf(0), c: { c: leaf(100) } } }),
    { ...FOLDER, files: [HEAD, { ...PADDING, attr: undefined }, ...TAIL] },
    // A whole piece of padding shifts everything after it.
    {
      ...FOLDER,
      files: [HEAD, { ...PADDING, length: 12_768 + 16_384 }, ...TAIL],
      pieces: new Uint8Array(80),
    },
    { ...FOLDER, files: [HEAD, PADDING, ...TAIL, PADDING, PADDING], pieces: new Uint8Array(80) },
  ];
  for (const info of cases) assertEquals(codeOf(info), "hybrid-mismatch");
  for (const pieceLength of [12_000, 8_192, 24_576]) {
    assertEquals(codeOf({ ...SINGLE, "piece length": pieceLength }), "piece-length-v2");
  }
});

Deno.test("a file that does not start at a piece boundary is refused", () => {
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
    { a: { length: 20_000, "pieces root": rootOf(20_000) } },
    { a: { "": { length: 20_000 } } },
    { "": { a: leaf(20_000) } },
    { a: { "": { length: 20_000, "pieces root": new Uint8Array(33) } } },
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
