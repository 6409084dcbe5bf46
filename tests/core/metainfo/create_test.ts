import { assertEquals, assertThrows } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { byteText } from "../../../core/bencode/node.ts";
import {
  buildMetainfo,
  choosePieceLength,
  compareFilePaths,
  type TorrentPlan,
} from "../../../core/metainfo/create.ts";
import { magnetLink } from "../../../core/metainfo/magnet.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  infoHashBytes,
  infoHashFromBytes,
  infoHashFromHex,
} from "../../../core/metainfo/info_hash.ts";

const SINGLE: TorrentPlan = {
  name: "a.txt",
  files: [{ path: ["a.txt"], length: 5 }],
  isFolder: false,
  pieceLength: 16384,
  pieceHashes: new Uint8Array(20).fill(0x78),
  announceTiers: [],
  isPrivate: false,
};
const INFO = "d6:lengthi5e4:name5:a.txt12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxxe";

Deno.test("the smallest torrent contains only the info dictionary", () => {
  assertEquals(byteText(buildMetainfo(SINGLE)), `d4:info${INFO}e`);
});

Deno.test("each setting has its key", () => {
  const bytes = buildMetainfo({
    ...SINGLE,
    name: "f",
    isFolder: true,
    files: [{ path: ["d", "a"], length: 2, executable: true }, { path: ["b"], length: 3 }],
    webSeeds: ["http://w/"],
    source: "S",
    announceTiers: [["http://a/"], ["udp://b:1", "http://c/"]],
    isPrivate: true,
    comment: "hi",
    createdBy: "tt",
    creationDate: 7,
  });
  assertEquals(
    byteText(bytes),
    "d8:announce9:http://a/13:announce-listll9:http://a/el9:udp://b:19:http://c/ee" +
      "7:comment2:hi10:created by2:tt13:creation datei7e" +
      "4:infod5:filesld4:attr1:x6:lengthi2e4:pathl1:d1:aeed6:lengthi3e4:pathl1:beee" +
      "4:name1:f12:piece lengthi16384e6:pieces20:xxxxxxxxxxxxxxxxxxxx7:privatei1e6:source1:Se" +
      "8:url-listl9:http://w/ee",
  );
});

Deno.test("a single tracker needs no announce-list", () => {
  const bytes = buildMetainfo({ ...SINGLE, announceTiers: [["http://a/"]] });
  assertEquals(byteText(bytes), `d8:announce9:http://a/4:info${INFO}e`);
});

Deno.test("a torrent without a folder has exactly one file", () => {
  assertThrows(() => buildMetainfo({ ...SINGLE, files: [] }));
});

Deno.test("the piece length grows with the content, from 16 KiB to 16 MiB", () => {
  const KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB;
  const cases: [number, number][] = [
    [0, 16 * KIB],
    [1, 16 * KIB],
    [2000 * 16 * KIB, 16 * KIB],
    [2000 * 16 * KIB + 1, 32 * KIB],
    [GIB, MIB],
    [100 * GIB, 16 * MIB],
    [10_000 * GIB, 16 * MIB],
  ];
  for (const [size, pieceLength] of cases) assertEquals(choosePieceLength(size), pieceLength);
});

Deno.test("files are ordered by path component, as bytes", () => {
  const paths = [["b"], ["a", "z"], ["a-b"], ["a"], ["a", "\u{1F600}"], ["a", "\uFF21"], ["B"]];
  assertEquals(paths.sort(compareFilePaths), [
    ["B"],
    ["a"],
    ["a", "z"],
    ["a", "\uFF21"],
    ["a", "\u{1F600}"],
    ["a-b"],
    ["b"],
  ]);
});

Deno.test("files are ordered by their UTF-8 bytes", () => {
  // On both sides of each length in UTF-8, and of the surrogates, where UTF-16 has another order.
  const unit = fc.constantFrom(..."\0az\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}");
  const name = fc.string({ unit, maxLength: 6 });
  const hex = (text: string) => toHex(new TextEncoder().encode(text));
  fc.assert(fc.property(name, name, (a, b) => {
    const order = Math.sign(compareFilePaths([a], [b]));
    assertEquals(order, hex(a) < hex(b) ? -1 : hex(a) > hex(b) ? 1 : 0);
  }));
});

Deno.test("an info hash is parsed from hexadecimal in either case, and from bytes", () => {
  const hex = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
  assertEquals(infoHashFromHex(hex.toUpperCase()), hex);
  assertEquals(infoHashFromBytes(infoHashBytes(hex)), hex);
  for (const text of ["", hex.slice(1), hex + "0", hex.replace("0", "g")]) {
    assertEquals(infoHashFromHex(text), undefined);
  }
  assertThrows(() => infoHashFromBytes(new Uint8Array(19)));
});

Deno.test("a magnet link contains hash, name and trackers, escaped", () => {
  const infoHash = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
  assertEquals(
    magnetLink({
      identity: { v1: infoHash, v2: undefined },
      name: "a b&c",
      announceTiers: [["http://t/a?k=1"], ["udp://u:1"]],
    }),
    `magnet:?xt=urn:btih:${infoHash}&dn=a%20b%26c&tr=http%3A%2F%2Ft%2Fa%3Fk%3D1&tr=udp%3A%2F%2Fu%3A1`,
  );
});
