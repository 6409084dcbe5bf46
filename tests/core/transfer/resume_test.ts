import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { type Bitfield, createBitfield, hasBit, setBit } from "../../../core/bytes/bitfield.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import type { Metainfo, TorrentFile } from "../../../core/metainfo/types.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  decodeResume,
  encodeResume,
  type FileOnDisk,
  type ResumeState,
  trustResume,
} from "../../../core/transfer/resume.ts";

const HASH = "0123456789abcdef0123456789abcdef01234567" as InfoHash;
const PIECE = 16;

const STATE: ResumeState = {
  infoHash: HASH,
  pieces: new Uint8Array([0b1010_0000]),
  uploaded: 5,
  downloaded: 7,
  waived: true,
  files: [{ length: 40, mtimeMs: -3 }, undefined],
  torrent: new TextEncoder().encode("d4:infodee"),
};

/** Files of these lengths in order, in pieces of 16 bytes; a negative one is padding. */
function torrentOf(lengths: readonly number[]): Pick<Metainfo, "infoHash" | "geometry" | "files"> {
  const files: TorrentFile[] = [];
  let offset = 0;
  for (const [index, signed] of lengths.entries()) {
    const length = Math.abs(signed);
    files.push({ path: [`${index}`], length, offset, pad: signed < 0, executable: false });
    offset += length;
  }
  return { infoHash: HASH, geometry: createGeometry(offset, PIECE), files };
}

function onDisk(length: number, mtimeMs: number, hasData = true): FileOnDisk {
  return { length, mtimeMs, hasData };
}

/** A saved state with the pieces marked "1". */
function claim(pieces: string, files: ResumeState["files"]): ResumeState {
  return { ...STATE, pieces: fieldOf(pieces).bytes, files };
}

function fieldOf(marks: string): Bitfield {
  const field = createBitfield(marks.length);
  for (let i = 0; i < marks.length; i++) if (marks[i] === "1") setBit(field, i);
  return field;
}

function marksOf(field: Bitfield): string {
  let marks = "";
  for (let i = 0; i < field.count; i++) marks += hasBit(field, i) ? "1" : "0";
  return marks;
}

function trustMarks(...args: Parameters<typeof trustResume>): { trusted: string; check: string } {
  const { trusted, toCheck } = trustResume(...args);
  return { trusted: marksOf(trusted), check: marksOf(toCheck) };
}

Deno.test("a resume state round-trips", () => {
  assertEquals(decodeResume(encodeResume(STATE)), { ok: true, value: STATE });
  const lean = { ...STATE, torrent: undefined, waived: false, files: [] };
  assertEquals(decodeResume(encodeResume(lean)), { ok: true, value: lean });
});

Deno.test("any resume state round-trips", () => {
  const count = fc.nat(Number.MAX_SAFE_INTEGER);
  const stamp = fc.option(
    fc.record({ length: count, mtimeMs: fc.maxSafeInteger() }),
    { nil: undefined },
  );
  fc.assert(fc.property(
    fc.record({
      infoHash: fc.constant(HASH),
      pieces: fc.uint8Array(),
      uploaded: count,
      downloaded: count,
      waived: fc.boolean(),
      files: fc.array(stamp),
      torrent: fc.option(fc.uint8Array(), { nil: undefined }),
    }),
    (state) => assertEquals(decodeResume(encodeResume(state)), { ok: true, value: state }),
  ));
});

Deno.test("a damaged resume file is refused or parsed, without an exception", () => {
  const bytes = encodeResume(STATE);
  fc.assert(fc.property(
    fc.nat(bytes.length - 1),
    fc.nat(255),
    fc.nat(bytes.length),
    (at, byte, size) => {
      const damaged = bytes.slice();
      damaged[at] = byte;
      const answer = decodeResume(damaged.subarray(0, size));
      if (size < bytes.length) assert(!answer.ok);
    },
  ));
});

Deno.test("an empty file, as left by a full disk, is refused", () => {
  const answer = decodeResume(new Uint8Array());
  assert(!answer.ok && answer.error.code === "resume-bencode");
});

Deno.test("a state of another version is refused", () => {
  const answer = decodeResume(encodeBencode({ version: 2 }));
  assertEquals(answer, { ok: false, error: { code: "resume-version", version: 2 } });
  const without = decodeResume(encodeBencode({}));
  assertEquals(without, { ok: false, error: { code: "resume-version", version: undefined } });
});

Deno.test("a missing field or one of the wrong type is named", () => {
  const good = {
    downloaded: 0,
    files: [[1, 2], []],
    "info-hash": new Uint8Array(20),
    pieces: "",
    uploaded: 0,
    version: 1,
    waived: 0,
  };
  assert(decodeResume(encodeBencode(good)).ok);
  const bad = [
    ["downloaded", undefined],
    ["downloaded", -1],
    ["uploaded", "1"],
    ["uploaded", -1],
    ["info-hash", new Uint8Array(19)],
    ["pieces", undefined],
    ["pieces", 1],
    ["waived", 2],
    ["torrent", 1],
    ["files", undefined],
    ["files", [1]],
    ["files", [[1]]],
    ["files", [[1, 2, 3]]],
    ["files", [[-1, 2]]],
    ["files", [[1, "2"]]],
  ] as const;
  for (const [key, value] of bad) {
    const answer = decodeResume(encodeBencode({ ...good, [key]: value }));
    if (answer.ok) throw new Error(`${key} ${value} was read`);
    assert(answer.error.code === "resume-field" && answer.error.key === key);
  }
});

Deno.test("claimed pieces are kept while size and mtime match", () => {
  const state = claim("101", [{ length: 48, mtimeMs: 9 }]);
  const torrent = torrentOf([48]);
  assertEquals(trustMarks(state, torrent, [onDisk(48, 9)]), { trusted: "101", check: "000" });
});

Deno.test("a file with a changed mtime is hashed completely, claimed or not", () => {
  const state = claim("100", [{ length: 48, mtimeMs: 9 }]);
  const torrent = torrentOf([48]);
  assertEquals(trustMarks(state, torrent, [onDisk(48, 10)]), { trusted: "000", check: "111" });
});

Deno.test("a file with a changed size is hashed, even with the recorded mtime", () => {
  const state = claim("111", [{ length: 40, mtimeMs: 9 }]);
  const torrent = torrentOf([48]);
  assertEquals(trustMarks(state, torrent, [onDisk(40, 9)]), { trusted: "000", check: "111" });
});

Deno.test("a piece in a changed file is hashed, its neighbours are trusted", () => {
  const stamps = [{ length: 24, mtimeMs: 1 }, { length: 24, mtimeMs: 1 }];
  const torrent = torrentOf([24, 24]);
  const disk = [onDisk(24, 1), onDisk(24, 2)];
  assertEquals(trustMarks(claim("111", stamps), torrent, disk), { trusted: "100", check: "011" });
});

Deno.test("pieces of a missing or never written file are not on disk", () => {
  const stamps = [{ length: 24, mtimeMs: 1 }, { length: 24, mtimeMs: 1 }];
  const torrent = torrentOf([24, 24]);
  const missing = [onDisk(24, 1), undefined];
  const hollow = [onDisk(24, 1), onDisk(24, 2, false)];
  for (const disk of [missing, hollow]) {
    assertEquals(trustMarks(claim("111", stamps), torrent, disk), { trusted: "100", check: "000" });
  }
});

Deno.test("without a state everything on disk is hashed", () => {
  const torrent = torrentOf([24, 24]);
  const disk = [onDisk(24, 1), undefined];
  assertEquals(trustMarks(undefined, torrent, disk), { trusted: "000", check: "100" });
});

Deno.test("a state that does not match the torrent is ignored", () => {
  const torrent = torrentOf([48]);
  const stamps = [{ length: 48, mtimeMs: 9 }];
  const misfits: ResumeState[] = [
    { ...claim("111", stamps), infoHash: "f".repeat(40) as InfoHash },
    claim("111", [...stamps, undefined]),
    claim("111111111", stamps),
    { ...claim("111", stamps), pieces: new Uint8Array([0xff]) },
  ];
  for (const state of misfits) {
    assertEquals(trustMarks(state, torrent, [onDisk(48, 9)]), { trusted: "000", check: "111" });
  }
});

Deno.test("padding and empty files do not prevent trust", () => {
  const torrent = torrentOf([10, -6, 0, 16]);
  const stamps = [{ length: 10, mtimeMs: 1 }, undefined, undefined, { length: 16, mtimeMs: 1 }];
  const disk = [onDisk(10, 1), undefined, undefined, onDisk(16, 1)];
  assertEquals(trustMarks(claim("11", stamps), torrent, disk), { trusted: "11", check: "00" });
});

Deno.test("a piece is trusted exactly if it is claimed and all its files match", () => {
  const file = fc.record({
    length: fc.integer({ min: -20, max: 50 }),
    disk: fc.constantFrom("same", "changed", "missing", "hollow"),
  });
  fc.assert(fc.property(
    fc.array(file, { minLength: 1, maxLength: 6 }),
    fc.infiniteStream(fc.boolean()),
    (plan, claims) => {
      const torrent = torrentOf(plan.map(({ length }) => length));
      const { pieceCount } = torrent.geometry;
      const pieces = Array.from({ length: pieceCount }, () => claims.next().value ? "1" : "0");
      const state = claim(
        pieces.join(""),
        torrent.files.map((f) => f.pad ? undefined : { length: f.length, mtimeMs: 1 }),
      );
      const disk = plan.map(({ disk }, index) => {
        const { length, pad } = torrent.files[index]!;
        if (pad || disk === "missing") return undefined;
        return onDisk(length, disk === "same" ? 1 : 2, disk !== "hollow");
      });
      const fates = pieces.map((claimed, piece) => {
        const from = piece * PIECE;
        const kinds = plan.filter((_, index) => {
          const { offset, length, pad } = torrent.files[index]!;
          return !pad && length > 0 && offset < from + PIECE && offset + length > from;
        }).map(({ disk }) => disk);
        if (kinds.includes("missing") || kinds.includes("hollow")) return "absent";
        if (kinds.includes("changed")) return "check";
        return claimed === "1" ? "trusted" : "absent";
      });
      assertEquals(trustMarks(state, torrent, disk), {
        trusted: fates.map((fate) => fate === "trusted" ? "1" : "0").join(""),
        check: fates.map((fate) => fate === "check" ? "1" : "0").join(""),
      });
    },
  ));
});

Deno.test("hashes of started pieces come back, and lists that disagree are refused", () => {
  const started = [{ piece: 3, blocks: Uint8Array.of(0xa0), hashes: new Uint8Array(64).fill(7) }];
  const state = { ...STATE, started };
  assertEquals(decodeResume(encodeResume(state)), { ok: true, value: state });
  const wrong = [
    [{ ...started[0]!, hashes: new Uint8Array(32) }],
    [{ ...started[0]!, hashes: new Uint8Array(65) }],
    [{ ...started[0]!, blocks: new Uint8Array(1), hashes: new Uint8Array(0) }],
    [{ ...started[0]!, piece: -1 }],
  ];
  for (const started of wrong) {
    const decoded = decodeResume(encodeResume({ ...STATE, started }));
    if (decoded.ok || decoded.error.code !== "resume-field") throw new Error("it was accepted");
    assertEquals(decoded.error.key, "started");
  }
});
