/**
 * Well-formed and malformed torrents as found in practice: the cases that other projects keep in
 * their test suites, in bytes of our own. Info hashes and piece counts are libtorrent's.
 */
import { assert, assertEquals } from "@std/assert";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { byteText } from "../../../core/bencode/node.ts";
import { fromHex } from "../../../core/bytes/hex.ts";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { magnetLink } from "../../../core/metainfo/magnet.ts";
import { parseMetainfo } from "../../../core/metainfo/parse.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { DIGESTS, sha256 } from "../../../shell/hash/sha256.ts";

type Dict = Record<string, Bencodable | undefined>;

const HASH = "0123456789abcdefghij";
const PIECE = 16_384;
const SINGLE: Dict = { length: 425, name: "temp", "piece length": PIECE, pieces: HASH };

const folder = (...files: Dict[]): Dict => ({ ...SINGLE, length: undefined, files });
const file = (length: number, ...path: string[]): Dict => ({ length, path });
const link = (length: number, target: string[], ...path: string[]): Dict => ({
  ...file(length, ...path),
  attr: "l",
  "symlink path": target,
});

interface Accepted {
  readonly title: string;
  readonly info: Dict;
  readonly outer?: Dict;
  readonly v1: string;
  readonly size?: number;
  readonly pieces?: number;
  /** The resulting paths, if they matter. */
  readonly paths?: readonly string[];
  readonly facts?: Partial<Metainfo>;
}

const PLAIN_V1 = "a444cf87422ec06da277461dc04decf248644f0f";

const ACCEPTED: readonly Accepted[] = [
  { title: "collections (BEP 38)", info: SINGLE, outer: { collections: ["a", "b"] }, v1: PLAIN_V1 },
  { title: "similar torrents (BEP 38)", info: SINGLE, outer: { similar: [HASH] }, v1: PLAIN_V1 },
  {
    title: "similar torrents inside the info dictionary change its hash",
    info: { ...SINGLE, similar: [HASH] },
    v1: "55369913a27fafb1e7b3236cdbc033151456ec82",
  },
  {
    title: "a creation date",
    info: folder(file(200, "bar"), file(225, "foo")),
    outer: { "creation date": 1_234_567 },
    v1: "d7271d70399b0c1202a80227c78ea913691ebd66",
    facts: { creationDate: 1_234_567 },
  },
  {
    title: "a creation date in milliseconds",
    info: SINGLE,
    outer: { "creation date": 1_452_468_725_091 },
    v1: PLAIN_V1,
    facts: { creationDate: 1_452_468_725_091 },
  },
  {
    title: "unknown keys are hashed as they are",
    info: { ...SINGLE, "file-duration": [634], profiles: [{ width: 1280 }] },
    v1: "91634ae962228b1d1e1064ad7e432c588d036f4a",
  },
  {
    title: "one file in a folder",
    info: folder(file(425, "dir", "only")),
    v1: "c4c4ef6428a3048e6b60a2b48f7143893b63ef50",
    paths: ["temp/dir/only"],
    facts: { isFolder: true },
  },
  {
    title: "5 GB in pieces of 1 MiB",
    info: {
      ...folder(file(5_000_000_000, "big")),
      "piece length": 2 ** 20,
      pieces: HASH.repeat(4_769),
    },
    v1: "55e6de7d9a7251a68a94cbd56f326b91a2f91064",
    size: 5_000_000_000,
    pieces: 4_769,
  },
  {
    title: "a name longer than file systems allow",
    info: { ...SINGLE, name: "x".repeat(300) },
    v1: "a5a5aa6e9f3c3bc394a49336eeaa23a4ba287bac",
    paths: ["x".repeat(255)],
  },
  {
    title: "a name that ends in a space",
    info: { ...folder(file(200, "a"), file(225, "b")), name: "temp " },
    v1: "39e234a4a64e8d8a97be01520b7333f60d04bfcb",
    paths: ["temp /a", "temp /b"],
  },
  {
    title: "the same path twice",
    info: folder(file(200, "bar.txt"), file(225, "bar.txt")),
    v1: "f1f52e50542dac170cde468e7ab23b5a32bfbba0",
    paths: ["temp/bar.txt", "temp/bar (2).txt"],
  },
  {
    title: "an absolute path in one component",
    info: folder(file(200, "/foobar"), file(225, "b")),
    v1: "4ebf119bef20641873a82202f83e8fc2386fb6ca",
  },
  {
    title: "components of dots alone",
    info: folder(file(425, "..", "..", "bar")),
    v1: "346000237d5d5444465981b4de0c0215048a3139",
  },
  {
    title: "separators inside a component",
    info: folder(file(425, "abc/../../def", "/", "bar")),
    v1: "64bd7565e64e3eddb633018af5e089041145dd04",
  },
  {
    title: "a backslash in the name, and a file that is a dot",
    info: { ...folder(file(200, "."), file(225, "b")), name: "\\est2" },
    v1: "8f0f3857b7d3c645d0d9757a3bab2436886cf9da",
  },
  {
    title: "a link with a length takes no bytes",
    info: folder(file(425, "a", "b", "bar"), link(425, ["a", "b", "bar"], "a", "b", "foo")),
    v1: "2ae3372925326e62192193945f314b852d4f2234",
    paths: ["temp/a/b/bar"],
  },
  {
    title: "links through links",
    info: folder(
      file(425, "A", "file"),
      link(0, ["A"], "Current"),
      link(0, ["Current", "file"], "top"),
    ),
    v1: "86af68a8aff94425a9184d9736feb31a04fc467f",
    paths: ["temp/A/file"],
  },
  {
    title: "empty web seeds",
    info: SINGLE,
    outer: { httpseeds: [""], "url-list": [""] },
    v1: PLAIN_V1,
    facts: { webSeeds: [] },
  },
  {
    title: "web seeds in a nested list",
    info: SINGLE,
    outer: { "url-list": [["http://a.example/"]] },
    v1: PLAIN_V1,
    facts: { webSeeds: [] },
  },
  {
    title: "web seeds as a number",
    info: SINGLE,
    outer: { "url-list": 7 },
    v1: PLAIN_V1,
    facts: { webSeeds: [] },
  },
  {
    title: "a web seed",
    info: SINGLE,
    outer: { "url-list": "http://a.example/file" },
    v1: PLAIN_V1,
    facts: { webSeeds: ["http://a.example/file"] },
  },
  {
    title: "blanks before the tracker's URL",
    info: SINGLE,
    outer: { announce: "\t udp://a.example/announce " },
    v1: PLAIN_V1,
    facts: { announceTiers: [["udp://a.example/announce"]] },
  },
];

for (const { title, info, outer, v1, size = 425, pieces = 1, paths, facts = {} } of ACCEPTED) {
  Deno.test(`accepted: ${title}`, () => {
    const result = parseMetainfo(encodeBencode({ info, ...outer }), DIGESTS);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    const metainfo = result.value;
    assertEquals<string>(metainfo.infoHash, v1);
    assert(magnetLink(metainfo).startsWith(`magnet:?xt=urn:btih:${v1}`));
    assertEquals([metainfo.geometry.totalSize, metainfo.geometry.pieceCount], [size, pieces]);
    const found = metainfo.files.map(({ path }) => path.join("/"));
    if (paths !== undefined) assertEquals(found, paths);
    for (const { path } of metainfo.files) {
      for (const part of path) assert(!/^\.{0,2}$|[/\\\0]/.test(part), path.join(" / "));
    }
    assertEquals({ ...metainfo, ...facts }, metainfo);
  });
}

/** SHA-256 of one zero byte: the root of a file of that byte. */
const ROOT = fromHex("6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d")!;
const ONE: Dict = { "": { length: 1, "pieces root": ROOT } };
const LEAVES = [0, 1].map((fill) => sha256(new Uint8Array(PIECE).fill(fill)));
const LAYER = Uint8Array.of(...LEAVES[0]!, ...LEAVES[1]!);
const TWO_ROOT = sha256(LAYER);
const TWO: Dict = { two: { "": { length: 2 * PIECE, "pieces root": TWO_ROOT } } };

const v2 = (tree: Dict): Dict => ({
  "file tree": tree,
  "meta version": 2,
  name: "v2",
  "piece length": PIECE,
});
const deep = (levels: number): Dict => levels === 0 ? ONE : { d: deep(levels - 1) };
const layersOf = (layer: Uint8Array) => new Map([[byteText(TWO_ROOT), layer]]);

Deno.test("accepted: v2 torrents of one block, and of two pieces with their layer", () => {
  const accepted = (tree: Dict, layers: Bencodable) => {
    const bytes = encodeBencode({ info: v2(tree), "piece layers": layers });
    const result = parseMetainfo(bytes, DIGESTS);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    return result.value;
  };
  const one = accepted({ one: ONE }, {});
  assertEquals(
    one.identity.v2,
    "0b4eedd2eb62c8ba7bc81245868fef3a9123d9b5396ac3a59241080fb18c311e",
  );
  assertEquals(one.geometry.pieceCount, 1);
  const two = accepted(TWO, layersOf(LAYER));
  assertEquals([two.geometry.pieceCount, two.identity.v1], [2, undefined]);
});

const REFUSED: readonly [title: string, code: string, info: Bencodable, layers?: Bencodable][] = [
  ["an info dictionary that is a string", "info-missing", "none"],
  ["no name", "name-missing", { ...SINGLE, name: undefined }],
  ["no files, but a piece", "no-content", folder()],
  ["a negative length", "length-invalid", folder(file(-45, "a"), file(470, "b"))],
  ["pieces as a number", "pieces-missing", { ...SINGLE, pieces: 5 }],
  ["a piece length as text", "piece-length-invalid", { ...SINGLE, "piece length": "16384" }],
  ["a number within a path", "path-invalid", folder({ length: 425, path: ["a", 7] })],
  ["a list within a path", "path-invalid", folder({ length: 425, path: ["a", ["b"]] })],
  ["1.7 TB with one piece hash", "piece-count", { ...SINGLE, length: 1_700_000_000_000 }],
  ["a tree of 900 folders", "bad-bencode", v2(deep(900)), {}],
  ["an empty file name beside a file", "file-tree-invalid", v2({ ...ONE, one: ONE }), {}],
  ["properties directly below a name", "file-tree-invalid", v2({ one: ONE[""] }), {}],
  ["padding in the tree", "file-tree-invalid", v2({ one: { "": { length: 1, attr: "p" } } }), {}],
  ["a file without its root", "file-tree-invalid", v2({ one: { "": { length: 1 } } }), {}],
  [
    "a layer that is too long",
    "layer-invalid",
    v2(TWO),
    layersOf(Uint8Array.of(...LAYER, ...LAYER)),
  ],
  ["a layer of another root", "layer-invalid", v2(TWO), layersOf(LAYER.toReversed())],
  ["no layers at all", "layer-missing", v2(TWO)],
];

for (const [title, code, info, layers] of REFUSED) {
  Deno.test(`refused: ${title}`, () => {
    const result = parseMetainfo(encodeBencode({ info, "piece layers": layers }), DIGESTS);
    if (result.ok) throw new Error("accepted");
    assertEquals<string>(result.error.code, code);
    assert(describeMetainfoError(result.error).length > 0);
  });
}
