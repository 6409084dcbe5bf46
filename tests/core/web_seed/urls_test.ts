import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { fileUrl, requestsOf, type WebSeedTorrent } from "../../../core/web_seed/urls.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const HASH = "9cd9698af5557525" + "1a919186ae066c57ea211723" as InfoHash;

function torrentOf(files: [string, number, boolean?][], isFolder = true): WebSeedTorrent {
  let offset = 0;
  return {
    infoHash: HASH,
    isFolder,
    pieceLength: 16,
    files: files.map(([path, length, pad = false]) => {
      const file = { path: path.split("/"), length, offset, pad, executable: false };
      offset += length;
      return file;
    }),
  };
}

Deno.test("paths of a folder's files are appended, with or without a slash", () => {
  const torrent = torrentOf([["michael/Readme.txt", 949], ["michael/a b/ü#?.txt", 1]]);
  assertEquals(
    fileUrl("http://mirror.example/pub/", torrent, 0),
    "http://mirror.example/pub/michael/Readme.txt",
  );
  assertEquals(
    fileUrl("http://mirror.example/pub?key=1", torrent, 1),
    "http://mirror.example/pub/michael/a%20b/%C3%BC%23%3F.txt?key=1",
  );
});

Deno.test("the base URL is a single file's address, unless it is a folder", () => {
  const torrent = torrentOf([["file.exe", 5]], false);
  assertEquals(fileUrl("http://a.example/x.exe", torrent, 0), "http://a.example/x.exe");
  assertEquals(fileUrl("http://a.example/d/", torrent, 0), "http://a.example/d/file.exe");
});

Deno.test("a run across files becomes one request per file, none for padding", () => {
  const torrent = torrentOf([["t/a", 10], ["t/.pad", 6, true], ["t/b", 20], ["t/empty", 0], [
    "t/c",
    4,
  ]]);
  assertEquals(requestsOf("http://a.example/", "files", torrent, 5, 35), [
    { kind: "get", url: "http://a.example/t/a", from: 5, length: 5, fileSize: 10 },
    { kind: "zeros", length: 6 },
    { kind: "get", url: "http://a.example/t/b", from: 0, length: 20, fileSize: 20 },
    { kind: "get", url: "http://a.example/t/c", from: 0, length: 4, fileSize: 4 },
  ]);
});

Deno.test("a BEP 17 script is requested piece by piece, with the hash", () => {
  const torrent = torrentOf([["t", 100]], false);
  const hash = "%9c%d9%69%8a%f5%55%75%25%1a%91%91%86%ae%06%6c%57%ea%21%17%23";
  assertEquals(
    requestsOf("http://a.example/seed.php", "script", torrent, 8, 30),
    [
      [8, 0, "8-15"],
      [16, 1, "0-15"],
      [6, 2, "0-5"],
    ].map(([length, piece, ranges]) => ({
      kind: "get",
      url: `http://a.example/seed.php?info_hash=${hash}&piece=${piece}&ranges=${ranges}`,
      from: 0,
      length,
      fileSize: undefined,
    })),
  );
});

Deno.test("the requests for any run cover it exactly and in order", () => {
  const lengths = fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 8 })
    .filter((all) => all.some((length) => length > 0));
  fc.assert(
    fc.property(lengths, fc.nat(), fc.nat(), (all, from, to) => {
      const torrent = torrentOf(all.map((length, i) => [`t/${i}`, length, i % 3 === 1]));
      const total = all.reduce((a, b) => a + b, 0);
      const offset = from % total;
      const length = 1 + to % (total - offset);
      for (const kind of ["files", "script"] as const) {
        const requests = requestsOf("http://a.example/", kind, torrent, offset, length);
        assertEquals(requests.reduce((sum, request) => sum + request.length, 0), length);
        for (const request of requests) {
          if (request.kind === "zeros" || request.fileSize === undefined) continue;
          assert(request.from + request.length <= request.fileSize);
        }
      }
    }),
    fuzzParameters,
  );
});

Deno.test("a query of the base is kept, and a fragment is never sent", () => {
  const folder = torrentOf([["t/a", 10]]);
  assertEquals(fileUrl("http://a.example/d/#top", folder, 0), "http://a.example/d/t/a");
  const single = torrentOf([["t", 10]], false);
  const [request] = requestsOf("http://a.example/s.php?x=1", "script", single, 0, 4);
  const url = new URL(request!.kind === "get" ? request!.url : "");
  assertEquals([...url.searchParams.keys()], ["x", "info_hash", "piece", "ranges"]);
});
