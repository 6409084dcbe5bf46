/** Torrents of other projects, where that collection is at hand beside this repository. */
import { assert, assertEquals } from "@std/assert";
import { describeMetainfoError } from "../../../core/metainfo/describe_error.ts";
import { parseMetainfo } from "../../../core/metainfo/parse.ts";
import { magnetLink } from "../../../core/metainfo/magnet.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import { DIGESTS } from "../../../shell/hash/sha256.ts";

const VECTORS = new URL("../../../../shared/vectors/", import.meta.url);

interface Expectation {
  file: string;
  expect: "accept" | "reject" | "either";
  tags: string[];
  infoHashV1: string | null;
  infoHashV2: string | null;
  name: string | null;
  libtorrentName?: string;
  totalLength: number | null;
  totalLengthWithPadding: number | null;
  pieceLength: number | null;
  pieces: number | null;
  fileCount: number | null;
  files: { path: string; length: number; pad?: boolean; executable?: boolean; symlink?: unknown }[];
  magnet?: string;
}

/** Those whose readings differ from other clients on purpose, and why we refuse them. */
const REFUSED_BY_POLICY: Record<string, string> = {
  "pad_file.torrent": "bad-bencode",
  "v2_bad_file_alignment.torrent": "piece-count",
  "v2_invalid_root_hash.torrent": "layer-invalid",
};

function loadExpectations(folder: string): Expectation[] {
  try {
    return JSON.parse(Deno.readTextFileSync(new URL(`${folder}/expectations.json`, VECTORS)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

for (const folder of ["torrents", "fixtures"]) {
  const expectations = loadExpectations(folder);
  Deno.test({
    name: `published ${folder} are accepted or refused as expected`,
    ignore: expectations.length === 0,
    fn: async (test) => {
      for (const expectation of expectations) {
        await test.step(expectation.file, () => checkTorrent(folder, expectation));
      }
    },
  });
}

function checkTorrent(folder: string, expectation: Expectation): void {
  const bytes = Deno.readFileSync(new URL(`${folder}/${expectation.file}`, VECTORS));
  const result = parseMetainfo(bytes, DIGESTS);
  if (!result.ok) {
    assert(describeMetainfoError(result.error).length > 0);
    assert(expectation.expect !== "accept", JSON.stringify(result.error));
    if (expectation.expect === "either") {
      assertEquals(result.error.code, REFUSED_BY_POLICY[expectation.file]);
    }
    return;
  }
  assert(expectation.expect !== "reject", "should be refused");
  checkFacts(result.value, expectation);
  if (expectation.expect === "accept") checkFiles(result.value, expectation);
  for (const { path } of result.value.files) checkStaysInside(path);
}

function checkFacts(metainfo: Metainfo, expectation: Expectation): void {
  const content = metainfo.files.filter((file) => !file.pad);
  const facts: [unknown, unknown][] = [
    [metainfo.identity.v1 ?? null, expectation.infoHashV1],
    [metainfo.identity.v2 ?? null, expectation.infoHashV2],
    [metainfo.infoHash, expectation.infoHashV1 ?? expectation.infoHashV2!.slice(0, 40)],
    [metainfo.geometry.pieceLength, expectation.pieceLength],
    [metainfo.geometry.pieceCount, expectation.pieces],
    [metainfo.geometry.totalSize, expectation.totalLengthWithPadding],
    [content.reduce((total, file) => total + file.length, 0), expectation.totalLength],
    [metainfo.name, expectation.libtorrentName === undefined ? expectation.name : null],
  ];
  for (const [found, stated] of facts) if (stated !== null) assertEquals(found, stated);
  const magnet = magnetLink(metainfo);
  if (expectation.magnet) assert(magnet.startsWith(expectation.magnet), magnet);
}

function checkFiles(metainfo: Metainfo, expectation: Expectation): void {
  assertEquals(metainfo.files.length, expectation.fileCount);
  const found = metainfo.files.slice(0, expectation.files.length).map((file) => ({
    path: file.path.join("/"),
    length: file.length,
    ...(file.pad && { pad: true }),
    ...(file.executable && { executable: true }),
  }));
  assertEquals(found, expectation.files);
}

function checkStaysInside(path: readonly string[]): void {
  for (const component of path) {
    assert(!["", ".", ".."].includes(component) && !/[/\\\0]/.test(component), path.join("/"));
  }
}
