import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { bytesOfByteText, byteText } from "../../../core/bencode/node.ts";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { FILES_MAX } from "../../../core/metainfo/file_list.ts";
import {
  type MetainfoError,
  parseMetainfo,
  PIECE_LENGTH_MAX,
} from "../../../core/metainfo/parse.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { DIGESTS } from "../../../shell/hash/sha256.ts";

type Dict = Record<string, Bencodable | undefined>;

/** 40,000 bytes in pieces of 16 KiB: three pieces. */
const SINGLE: Dict = {
  length: 40_000,
  name: "a.bin",
  "piece length": 16_384,
  pieces: new Uint8Array(60),
};

function folderOf(...files: Dict[]): Dict {
  return { ...SINGLE, length: undefined, name: "f", files };
}

const HALF = { length: 20_000, path: ["half"] };

function parse(info: Dict, outer: Dict = {}) {
  return parseMetainfo(encodeBencode({ info, ...outer }), DIGESTS);
}

function accepted(info: Dict, outer: Dict = {}): Metainfo {
  const result = parse(info, outer);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

function refused(info: Dict, outer: Dict = {}): MetainfoError {
  const result = parse(info, outer);
  if (result.ok) throw new Error("It should be refused");
  assert(/^[A-Z][^\n]+[;][^\n]+[^.]$/.test(describeMetainfoError(result.error)));
  return result.error;
}

Deno.test("file, pieces and hash of a single-file torrent are parsed", () => {
  const metainfo = accepted(SINGLE);
  assertEquals(metainfo.name, "a.bin");
  assertEquals(metainfo.geometry, { totalSize: 40_000, pieceLength: 16_384, pieceCount: 3 });
  assertEquals(metainfo.files, [
    { path: ["a.bin"], length: 40_000, offset: 0, pad: false, executable: false },
  ]);
  assertEquals([metainfo.isFolder, metainfo.isPrivate], [false, false]);
  assertEquals(metainfo.infoBytes, encodeBencode(SINGLE));
  assertEquals(metainfo.infoHash, "573cc61d1c077292ee5f253918f99c4c89724988");
});

Deno.test("the files of a folder follow each other under the torrent's name", () => {
  const metainfo = accepted(folderOf(
    { ...HALF, attr: "x" },
    { length: 0, path: ["empty"] },
    { length: 12_768, path: [".pad", "12768"], attr: "p" },
    { length: 7_232, path: ["d", "rest"], attr: "h" },
  ));
  assertEquals(metainfo.isFolder, true);
  assertEquals(metainfo.files, [
    { path: ["f", "half"], length: 20_000, offset: 0, pad: false, executable: true },
    { path: ["f", "empty"], length: 0, offset: 20_000, pad: false, executable: false },
    { path: ["f", ".pad", "12768"], length: 12_768, offset: 20_000, pad: true, executable: false },
    { path: ["f", "d", "rest"], length: 7_232, offset: 32_768, pad: false, executable: false },
  ]);
});

Deno.test("symbolic links are omitted and take no bytes", () => {
  const link = { attr: "l", path: ["link"], "symlink path": ["..", "..", "etc", "passwd"] };
  const metainfo = accepted(folderOf(HALF, { ...link, length: 425 }, link, HALF));
  assertEquals(metainfo.files.map((file) => file.path), [["f", "half"], ["f", "half (2)"]]);
  assertEquals(metainfo.geometry.totalSize, 40_000);
});

Deno.test("utf-8 keys take precedence where they are valid", () => {
  const bad = Uint8Array.of(0xff);
  const named = accepted({ ...SINGLE, "name.utf-8": "\u00e9" });
  assertEquals([named.name, named.files[0]!.path], ["\u00e9", ["\u00e9"]]);
  assertEquals(accepted({ ...SINGLE, name: bad, "name.utf-8": bad }).name, "_");
  const pathOf = (file: Dict) => accepted(folderOf({ ...HALF, ...file }, HALF)).files[0]!.path[1];
  assertEquals(pathOf({ path: [bad], "path.utf-8": ["\u00e9"] }), "\u00e9");
  assertEquals(pathOf({ path: ["a"], "path.utf-8": [bad] }), "a");
  assertEquals(pathOf({ path: ["a"], "path.utf-8": [] }), "a");
  assertEquals(pathOf({ path: ["a"], "path.utf-8": "b" }), "a");
});

Deno.test("paths are checked by the requested rules", () => {
  const bytes = encodeBencode({ info: { ...SINGLE, name: "con?" } });
  const nameUnder = (pathRules?: "posix" | "portable") => {
    const result = parseMetainfo(bytes, DIGESTS, { pathRules });
    return result.ok && result.value.files[0]!.path[0];
  };
  assertEquals([nameUnder(), nameUnder("posix"), nameUnder("portable")], ["con?", "con?", "con_"]);
});

Deno.test("any private value but 0 makes a torrent private, since a leak cannot be undone", () => {
  for (const value of [1, 2, -1]) {
    assertEquals(accepted({ ...SINGLE, private: value }, {}).isPrivate, true, String(value));
  }
  for (const value of [0, "1", "yes", []]) {
    assertEquals(accepted({ ...SINGLE, private: value }, {}).isPrivate, false, String(value));
  }
});

Deno.test("optional fields are parsed, and ignored if their type is wrong", () => {
  const told = accepted({ ...SINGLE, private: 1 }, {
    comment: "hi",
    "created by": "x",
    "creation date": 1_452_468_725_091,
  });
  assertEquals(
    [told.isPrivate, told.comment, told.createdBy, told.creationDate],
    [true, "hi", "x", 1_452_468_725_091],
  );
  const wrong = accepted({ ...SINGLE, private: "1" }, {
    announce: 1,
    "announce-list": "x",
    comment: 1,
    "creation date": "now",
    "url-list": 5,
  });
  assertEquals(
    [wrong.isPrivate, wrong.comment, wrong.creationDate, wrong.announceTiers, wrong.webSeeds],
    [false, undefined, undefined, [], []],
  );
});

Deno.test("tracker tiers are parsed without duplicates and unusable URLs", () => {
  const tiersOf = (outer: Dict) => accepted(SINGLE, outer).announceTiers;
  assertEquals(tiersOf({ announce: "\t udp://a.example:1/announce " }), [[
    "udp://a.example:1/announce",
  ]]);
  assertEquals(
    tiersOf({
      announce: "http://unused/",
      "announce-list": [
        ["http://a/", "HTTPS://b/?key=1", "http://a/", 7, " "],
        ["ftp://c/", "wss://d/", "http://", "http://x y/", "http://x\n/", "http://a/"],
        "http://not-in-a-tier/",
        [`http://long/${"x".repeat(3000)}`],
        ["udp://[2001:db8::1]:6969"],
      ],
    }),
    [["http://a/", "HTTPS://b/?key=1"], ["udp://[2001:db8::1]:6969"]],
  );
  assertEquals(tiersOf({ announce: "http://a/", "announce-list": [[]] }), [["http://a/"]]);
  const many = Array.from({ length: 500 }, (_, i) => [`http://t${i}/`]);
  assertEquals(tiersOf({ "announce-list": many }).length, 100);
});

Deno.test("web seeds are HTTP URLs, a single one or a list", () => {
  const seedsOf = (urlList: Bencodable) => accepted(SINGLE, { "url-list": urlList }).webSeeds;
  assertEquals(seedsOf("http://a/f"), ["http://a/f"]);
  assertEquals(seedsOf(["", "https://b/", "udp://c:1", ["http://d/"], -20]), ["https://b/"]);
  assertEquals(seedsOf(""), []);
});

Deno.test("any piece length up to the limit is accepted for v1", () => {
  for (const pieceLength of [1000, 16_385, 39_999, 40_000, PIECE_LENGTH_MAX]) {
    const pieces = new Uint8Array(20 * Math.ceil(40_000 / pieceLength));
    const metainfo = accepted({ ...SINGLE, "piece length": pieceLength, pieces });
    assertEquals(metainfo.geometry.pieceLength, pieceLength);
  }
});

Deno.test("an inconsistent torrent is refused with a reason", () => {
  const cases: [string, Dict][] = [
    ["name-missing", { ...SINGLE, name: undefined }],
    ["name-missing", { ...SINGLE, name: 5 }],
    ["pieces-missing", { ...SINGLE, pieces: undefined }],
    ["pieces-missing", { ...SINGLE, pieces: 60 }],
    ["pieces-size", { ...SINGLE, pieces: new Uint8Array(59) }],
    ["piece-count", { ...SINGLE, pieces: new Uint8Array(40) }],
    ["piece-count", { ...SINGLE, pieces: new Uint8Array(80) }],
    ["piece-count", { ...SINGLE, length: 2 ** 50 }],
    ["piece-length-invalid", { ...SINGLE, "piece length": undefined }],
    ["piece-length-invalid", { ...SINGLE, "piece length": "16384" }],
    ["piece-length-invalid", { ...SINGLE, "piece length": 0 }],
    ["piece-length-invalid", { ...SINGLE, "piece length": -16_384 }],
    ["piece-length-invalid", { ...SINGLE, "piece length": PIECE_LENGTH_MAX + 1 }],
    ["length-invalid", { ...SINGLE, length: -1 }],
    ["length-invalid", { ...SINGLE, length: "40000" }],
    ["files-invalid", { ...SINGLE, length: undefined }],
    ["files-invalid", { ...SINGLE, files: [HALF, HALF] }],
    ["files-invalid", { ...SINGLE, length: undefined, files: "none" }],
    ["length-invalid", folderOf(HALF, { path: ["b"] })],
    ["length-invalid", folderOf(HALF, { length: -45, path: ["b"] })],
    ["path-invalid", folderOf(HALF, { length: 20_000 })],
    ["path-invalid", folderOf(HALF, { length: 20_000, path: [] })],
    ["path-invalid", folderOf(HALF, { length: 20_000, path: "b" })],
    ["path-invalid", folderOf(HALF, { length: 20_000, path: ["b", 7] })],
    ["path-invalid", folderOf(HALF, { length: 20_000, path: ["b", ["c"]] })],
    ["path-invalid", { ...SINGLE, length: undefined, files: [7] }],
    ["path-too-long", folderOf(HALF, { length: 20_000, path: Array(65).fill("d") })],
    ["path-too-long", folderOf(HALF, { length: 20_000, path: Array(20).fill("d".repeat(250)) })],
    ["content-too-large", folderOf(...Array(2).fill({ length: 2 ** 53 - 1, path: ["x"] }))],
    ["no-content", { ...SINGLE, length: 0, pieces: new Uint8Array() }],
    ["no-content", { ...folderOf(), pieces: new Uint8Array() }],
    ["no-content", { ...folderOf({ length: 0, path: ["a"] }), pieces: new Uint8Array() }],
    ["too-many-files", folderOf(...Array(FILES_MAX + 1).fill({ length: 0, path: ["a"] }))],
  ];
  for (const [code, info] of cases) assertEquals(refused(info).code, code);
});

Deno.test("input that is not a torrent is refused with a reason", () => {
  const cases: [string, Uint8Array][] = [
    ["bad-bencode", new Uint8Array()],
    ["bad-bencode", new TextEncoder().encode("<html>")],
    ["bad-bencode", encodeBencode({ info: SINGLE }).subarray(0, 100)],
    ["bad-bencode", Uint8Array.of(...encodeBencode({ info: SINGLE }), 10, 10)],
    ["not-a-dictionary", encodeBencode([1])],
    ["info-missing", encodeBencode({})],
    ["info-missing", encodeBencode({ info: "files" })],
  ];
  for (const [code, bytes] of cases) {
    const result = parseMetainfo(bytes, DIGESTS);
    assertEquals(!result.ok && result.error.code, code);
    if (!result.ok) assert(describeMetainfoError(result.error).includes("torrent"));
  }
});

Deno.test("the error message contains the numbers", () => {
  assertEquals(
    describeMetainfoError({ code: "piece-count", found: 1, wanted: 3 }),
    "The torrent has 1 piece hashes, but its content has 3 pieces; " +
      "download it again, or ask its creator for a correct one",
  );
  assertEquals(
    describeMetainfoError({ code: "bad-bencode", cause: { code: "unexpected-end", offset: 12 } }),
    "This is not a valid torrent file: it stops in the middle (at byte 12); " +
      "download it again, or ask its creator for a correct one",
  );
});

Deno.test("a mutated torrent is parsed or refused, without an exception", () => {
  const original = encodeBencode({
    announce: "http://a/",
    info: folderOf(HALF, { ...HALF, path: ["d", "e"], attr: "x" }),
    "url-list": ["http://b/"],
  });
  const mutation = fc.tuple(fc.nat(original.length - 1), fc.nat(255));
  fc.assert(fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
    const bytes = original.slice();
    for (const [at, value] of mutations) bytes[at] = value;
    const result = parseMetainfo(bytes, DIGESTS);
    assertEquals(result.ok || describeMetainfoError(result.error).length > 0, true);
  }));
});

Deno.test("outside info, key order, large numbers and a trailing newline are tolerated", () => {
  const info = byteText(encodeBencode(SINGLE));
  const read = (text: string) => parseMetainfo(bytesOfByteText(text), DIGESTS);
  const accepted = [
    `d4:info${info}8:announce9:http://a/e`,
    `d1:xi99999999999999999999e4:info${info}e`,
    `d13:creation datei99999999999999999999e4:info${info}e`,
    `d4:info${info}e\n`,
    `d4:info${info}e\r\n`,
  ];
  for (const text of accepted) {
    const result = read(text);
    if (!result.ok) throw new Error(`${JSON.stringify(result.error)} in ${text.slice(0, 40)}`);
    assertEquals(result.value.infoHash, "573cc61d1c077292ee5f253918f99c4c89724988");
    assertEquals(result.value.creationDate, undefined);
  }
  const refused: [string, string][] = [
    ["key-duplicate", `d4:info${info}1:b0:4:info${info}e`],
    ["key-duplicate", `d1:x0:1:x0:4:info${info}e`],
    ["keys-unsorted", `d4:infod4:name1:a6:lengthi5eee`],
    ["integer-unsafe", `d4:infod6:lengthi99999999999999999999eee`],
    ["trailing-data", `d4:info${info}e\n\n`],
    ["trailing-data", `d4:info${info}e `],
  ];
  for (const [code, text] of refused) {
    const result = read(text);
    assertEquals(!result.ok && result.error, {
      code: "bad-bencode",
      cause: { ...(!result.ok && "cause" in result.error ? result.error.cause : {}), code },
    }, text.slice(0, 40));
  }
});

Deno.test("padding files need no path", () => {
  const { files } = accepted(
    folderOf(HALF, { attr: "p", length: 12_768 }, { length: 7_232, path: ["b"] }),
  );
  assertEquals(files[1], {
    path: ["f", ".pad", "12768"],
    length: 12_768,
    offset: 20_000,
    pad: true,
    executable: false,
  });
});

Deno.test("100,000 files in folders seven levels deep are parsed", () => {
  const path = ["a", "b", "c", "d", "e", "f", "g"];
  const files = Array.from({ length: FILES_MAX }, (_, i) => {
    return { length: i === 0 ? 40_000 : 0, path: [...path.slice(1), String(i)] };
  });
  assertEquals(accepted(folderOf(...files)).files.length, FILES_MAX);
});

Deno.test("a piece may have a single byte", () => {
  const info = { ...SINGLE, length: 2, "piece length": 1, pieces: new Uint8Array(40) };
  assertEquals(accepted(info).geometry.pieceCount, 2);
  assertEquals(refused({ ...info, "piece length": 0 }).code, "piece-length-invalid");
});
