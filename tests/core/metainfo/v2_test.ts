/** Torrents with only a v2 part: their contents, and every way in which they can be invalid. */
import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { byteText } from "../../../core/bencode/node.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { pieceOffset, pieceSize } from "../../../core/metainfo/geometry.ts";
import {
  fileTreeHeight,
  leavesOf,
  merkleRoot,
  parentLayer,
} from "../../../core/metainfo/merkle.ts";
import { parseMetainfo, type ParseOptions, PIECES_MAX } from "../../../core/metainfo/parse.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { DIGESTS, MERKLE, sha256 } from "../../../shell/hash/sha256.ts";
import { fuzzRuns } from "../../fuzz/runs.ts";
import { vectorContent } from "./merkle_vectors.ts";

type Dict = Record<string, Bencodable | undefined>;

const PIECE = 32_768;
const SIZES = { empty: 0, one: 1, block: 16_384, more: 16_385, piece: PIECE, over: PIECE + 1 };

function rootOf(length: number): Uint8Array {
  return merkleRoot(MERKLE, leavesOf(sha256, vectorContent(length)), 0, fileTreeHeight(length));
}

function file(length: number, more: Dict = {}): Dict {
  return { "": { length, "pieces root": length > 0 ? rootOf(length) : undefined, ...more } };
}

function layerOf(length: number): Uint8Array {
  return parentLayer(MERKLE, leavesOf(sha256, vectorContent(length)), 0);
}

const LAYERS: ReadonlyMap<string, Bencodable> = new Map([
  [byteText(rootOf(PIECE + 1)), layerOf(PIECE + 1)],
]);

/** A folder of files of awkward sizes. */
const FOLDER: Dict = {
  "file tree": Object.fromEntries(Object.entries(SIZES).map(([name, size]) => [name, file(size)])),
  "meta version": 2,
  name: "f",
  "piece length": PIECE,
};

function parse(info: Dict, layers: Bencodable | undefined = LAYERS, options: ParseOptions = {}) {
  return parseMetainfo(encodeBencode({ info, "piece layers": layers }), DIGESTS, options);
}

function accepted(...given: Parameters<typeof parse>): Metainfo {
  const result = parse(...given);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function codeOf(info: Dict, layers: Bencodable | undefined = LAYERS): string {
  const result = parse(info, layers);
  if (result.ok) return "accepted";
  assert(describeMetainfoError(result.error).includes("; "));
  return result.error.code;
}

Deno.test("each file starts at a piece boundary and may end with a short piece", () => {
  const result = accepted(FOLDER);
  const { files, geometry, identity, infoHash, trees, isFolder, pieceHashes } = result;
  assertEquals(files.map(({ path, length, offset }) => [path.join("/"), length, offset / PIECE]), [
    ["f/block", 16_384, 0],
    ["f/empty", 0, 16_384 / PIECE],
    ["f/more", 16_385, 1],
    ["f/one", 1, 2],
    ["f/over", PIECE + 1, 3],
    ["f/piece", PIECE, 5],
  ]);
  assertEquals(geometry.pieceCount, 6);
  assertEquals([0, 1, 2, 3, 4, 5].map((piece) => pieceSize(geometry, piece)), [
    16_384,
    16_385,
    1,
    PIECE,
    1,
    PIECE,
  ]);
  assertEquals(pieceOffset(geometry, 5), 5 * PIECE);
  assertEquals([isFolder, pieceHashes.length, identity.v1], [true, 0, undefined]);
  assertEquals(identity.v2, toHex(sha256(encodeBencode(FOLDER))));
  assertEquals<string>(infoHash, identity.v2!.slice(0, 40));
  assertEquals(trees!.files.map((tree) => [tree.file, tree.firstPiece]), [
    [0, 0],
    [2, 1],
    [3, 2],
    [4, 3],
    [5, 5],
  ]);
  assertEquals(trees!.layers.map((layer) => layer?.length), [
    undefined,
    undefined,
    undefined,
    64,
    undefined,
  ]);
});

Deno.test("a file tree with a single file is a torrent without a folder", () => {
  const result = accepted({ ...FOLDER, "file tree": { "a.bin": file(5, { attr: "x" }) } });
  assertEquals(result.isFolder, false);
  assertEquals(result.files, [
    { path: ["a.bin"], length: 5, offset: 0, pad: false, executable: true },
  ]);
});

Deno.test("files with equal content share a root and a layer", () => {
  const result = accepted({ ...FOLDER, "file tree": { a: file(PIECE + 1), b: file(PIECE + 1) } });
  assertEquals(result.trees!.layers.map((layer) => layer?.length), [64, 64]);
});

Deno.test("symbolic links in a file tree are omitted", () => {
  const tree = { a: file(5), l: { "": { attr: "l", "symlink path": ["a"] } }, z: file(6) };
  const result = accepted({ ...FOLDER, "file tree": tree });
  assertEquals(result.files.map(({ path }) => path[1]), ["a", "z"]);
  assertEquals(result.trees!.files.map((tree) => tree.file), [0, 1]);
});

Deno.test("layers must be present, have the right length and hash to their root", () => {
  const key = byteText(rootOf(PIECE + 1));
  const right = layerOf(PIECE + 1);
  const flipped = right.slice();
  flipped[33]! ^= 4;
  const swapped = new Uint8Array([...right.subarray(32), ...right.subarray(0, 32)]);
  const cases: [string, Bencodable | undefined][] = [
    ["accepted", new Map([...LAYERS, [byteText(new Uint8Array(32)), "of no file"]])],
    ["layer-missing", undefined],
    ["layer-missing", "no dictionary"],
    ["layer-missing", new Map()],
    ["layer-missing", new Map([[key, 64]])],
    ["layer-missing", new Map([[byteText(rootOf(PIECE)), right]])],
    ["layer-invalid", new Map([[key, flipped]])],
    ["layer-invalid", new Map([[key, swapped]])],
    ["layer-invalid", new Map([[key, right.subarray(32)]])],
    ["layer-invalid", new Map([[key, new Uint8Array([...right, ...right])]])],
    ["layer-invalid", new Map([[key, leavesOf(sha256, vectorContent(PIECE + 1))]])],
  ];
  for (const [code, layers] of cases) {
    // Not the default of `parse`, which an undefined argument would select.
    const bytes = encodeBencode({ info: FOLDER, "piece layers": layers });
    const result = parseMetainfo(bytes, DIGESTS);
    assertEquals(result.ok ? "accepted" : result.error.code, code);
  }
});

Deno.test("metadata from peers has no layers, but wrong ones are refused there as well", () => {
  const without = accepted(FOLDER, new Map(), { layersOptional: true });
  assertEquals(without.trees!.layers.every((layer) => layer === undefined), true);
  const wrong = new Map([[byteText(rootOf(PIECE + 1)), new Uint8Array(64)]]);
  const refused = parse(FOLDER, wrong, { layersOptional: true });
  assertEquals(!refused.ok && refused.error.code, "layer-invalid");
});

Deno.test("swapped roots are refused", () => {
  const tree = {
    a: { "": { length: PIECE + 1, "pieces root": rootOf(PIECE) } },
    b: { "": { length: PIECE, "pieces root": rootOf(PIECE + 1) } },
  };
  assertEquals(codeOf({ ...FOLDER, "file tree": tree }), "layer-missing");
});

Deno.test("an invalid v2 part is refused with a reason", () => {
  const huge = { a: { "": { length: 16_384 * (PIECES_MAX + 1), "pieces root": rootOf(1) } } };
  const deep = (levels: number): Dict => levels === 0 ? file(1) : { d: deep(levels - 1) };
  const cases: [string, Dict][] = [
    ["meta-version-unknown", { ...FOLDER, "meta version": 3, "file tree": 5 }],
    ["meta-version-unknown", { ...FOLDER, "meta version": 1 }],
    ["meta-version-unknown", { ...FOLDER, "meta version": "2" }],
    ["name-missing", { ...FOLDER, name: undefined }],
    ["piece-length-v2", { ...FOLDER, "piece length": 8_192 }],
    ["piece-length-v2", { ...FOLDER, "piece length": PIECE + 1 }],
    ["piece-length-invalid", { ...FOLDER, "piece length": 2 ** 29 }],
    ["file-tree-invalid", { ...FOLDER, "file tree": undefined }],
    ["file-tree-invalid", { ...FOLDER, "file tree": { a: file(5, { attr: "p" }) } }],
    ["no-content", { ...FOLDER, "file tree": {} }],
    ["no-content", { ...FOLDER, "file tree": { a: file(0), d: {} } }],
    ["too-many-pieces", { ...FOLDER, "piece length": 16_384, "file tree": huge }],
    ["path-too-long", { ...FOLDER, "file tree": deep(65) }],
    ["path-too-long", { ...FOLDER, "file tree": { ["x".repeat(4097)]: file(1) } }],
  ];
  for (const [code, info] of cases) {
    if (info["file tree"] && code === "path-too-long" && "d" in (info["file tree"] as Dict)) {
      assertEquals(codeOf({ ...FOLDER, "file tree": deep(64) }), "accepted");
    }
    const found = codeOf(info);
    // The decoder rejects a key of that length before the tree is read.
    assertEquals(found === "bad-bencode" ? "path-too-long" : found, code);
  }
});

Deno.test("a mutated v2 torrent is parsed or refused, without an exception", () => {
  const original = encodeBencode({ info: FOLDER, "piece layers": LAYERS });
  const mutation = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      const bytes = original.slice();
      for (const [at, value] of mutations) bytes[at] = value;
      const result = parseMetainfo(bytes, DIGESTS);
      assertEquals(result.ok || describeMetainfoError(result.error).length > 0, true);
    }),
    fuzzRuns(300),
  );
});
