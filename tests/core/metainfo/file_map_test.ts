import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { rangesOf } from "../../../core/metainfo/file_map.ts";
import type { TorrentFile } from "../../../core/metainfo/types.ts";

/** Lengths of files in order; a negative one is padding. */
function layOut(lengths: number[]): TorrentFile[] {
  let offset = 0;
  return lengths.map((signed, index) => {
    const length = Math.abs(signed);
    const file = { path: [`${index}`], length, offset, pad: signed < 0, executable: false };
    offset += length;
    return file;
  });
}

Deno.test("a range over several files is split at file boundaries", () => {
  const files = layOut([10, 0, 5, -3, 7]);
  assertEquals(rangesOf(files, 8, 12), [
    { file: 0, fileOffset: 8, length: 2, pad: false },
    { file: 2, fileOffset: 0, length: 5, pad: false },
    { file: 3, fileOffset: 0, length: 3, pad: true },
    { file: 4, fileOffset: 0, length: 2, pad: false },
  ]);
  assertEquals(rangesOf(files, 10, 1), [{ file: 2, fileOffset: 0, length: 1, pad: false }]);
  assertEquals(rangesOf(files, 20, 99), [{ file: 4, fileOffset: 2, length: 5, pad: false }]);
  assertEquals(rangesOf(files, 25, 1), []);
  assertEquals(rangesOf(files, 0, 0), []);
  assertEquals(rangesOf([], 0, 1), []);
});

Deno.test("the ranges contain the same bytes as walking byte by byte", () => {
  const lengths = fc.array(fc.integer({ min: -6, max: 6 }), { maxLength: 12 });
  fc.assert(fc.property(lengths, fc.nat(60), fc.nat(60), (lengths, offset, length) => {
    const files = layOut(lengths);
    const bytes = files.flatMap((file, index) =>
      Array.from({ length: file.length }, (_, at) => `${index}:${at}:${file.pad}`)
    );
    const named = rangesOf(files, offset, length).flatMap((range) =>
      Array.from(
        { length: range.length },
        (_, at) => `${range.file}:${range.fileOffset + at}:${range.pad}`,
      )
    );
    assertEquals(named, bytes.slice(offset, offset + length));
  }));
});

Deno.test("gaps between files that start at piece boundaries are omitted", () => {
  const file = { pad: false, executable: false };
  const files = [
    { path: ["a"], length: 5, offset: 0, ...file },
    { path: ["b"], length: 20, offset: 16, ...file },
  ];
  assertEquals(rangesOf(files, 0, 5), [{ file: 0, fileOffset: 0, length: 5, pad: false }]);
  assertEquals(rangesOf(files, 0, 18), [
    { file: 0, fileOffset: 0, length: 5, pad: false },
    { file: 1, fileOffset: 0, length: 2, pad: false },
  ]);
  assertEquals(rangesOf(files, 5, 11), []);
  assertEquals(rangesOf(files, 32, 4), [{ file: 1, fileOffset: 16, length: 4, pad: false }]);
});
