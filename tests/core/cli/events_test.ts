import { assertEquals } from "@std/assert";
import { textWidth } from "../../../core/cli/text.ts";
import { type ListedResult, listHeading, listText } from "../../../core/cli/catalog_results.ts";
import {
  eventText,
  isRoutineEvent,
  type OutputEvent,
  progressEvent,
} from "../../../core/cli/events.ts";
import { isRoutine } from "../../../core/cli/left_out.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import { resultText, type TorrentResult } from "../../../core/cli/results.ts";
import { isSelecting, NO_SELECTION, readSelector } from "../../../core/cli/selection_options.ts";

const TORRENT = { infoHash: "0123456789abcdef0123456789abcdef01234567", name: "film" };

Deno.test("every event has a sentence", () => {
  const url = "http://t/announce";
  const tracker = {
    event: "tracker",
    ...TORRENT,
    url,
    peers: undefined,
    seeders: undefined,
    leechers: undefined,
    error: undefined,
  } as const;
  const share = { event: "share", ...TORRENT, owedBytes: 1_000_000, sharedBytes: 250_000 } as const;
  const cases: [OutputEvent, string][] = [
    [
      { event: "listening", host: undefined, port: 6881, url: undefined },
      "Listening for peers on port 6881",
    ],
    [
      { event: "listening", host: "::1", port: 8000, url },
      "Tracker is ready: announce to http://t/announce",
    ],
    [
      { event: "resumed", ...TORRENT, piecesKept: 3, pieces: 1200 },
      "film: resumed with 3 of 1,200 pieces",
    ],
    [
      { event: "checked", ...TORRENT, piecesGood: 1, pieces: 1 },
      "film: checked, 1 of 1 piece good",
    ],
    [
      { ...tracker, peers: 5, seeders: 1, leechers: 4 },
      "film: tracker http://t/announce answered with 5 peers (1 seeder, 4 leechers in the swarm)",
    ],
    [
      { event: "registered", ...TORRENT, url: "http://t/torrents", isNew: true, error: undefined },
      "film: added to the catalog http://t/torrents",
    ],
    [
      { event: "registered", ...TORRENT, url: "http://t/torrents", isNew: false, error: undefined },
      "film: already in the catalog http://t/torrents",
    ],
    [
      { event: "registered", ...TORRENT, url: "http://t/torrents", isNew: undefined, error: "No" },
      "film: the catalog http://t/torrents rejected it: No",
    ],
    [tracker, "film: tracker http://t/announce answered with 0 peers"],
    [{ ...tracker, error: "no answer" }, "film: tracker http://t/announce failed: no answer"],
    [
      { ...share, state: "owing" },
      "film: owes the swarm 1.0 MB before its last piece, shared 250.0 kB (25.0 %)",
    ],
    [{ ...share, state: "paid" }, "film: shared 250.0 kB of the 1.0 MB owed; the debt is paid"],
    [
      { ...share, state: "waived" },
      "film: shared 250.0 kB of the 1.0 MB owed; no peer can be served in time, so the last piece is " +
      "requested now and the rest is shared by seeding",
    ],
    [
      { event: "piece-failed", ...TORRENT, piece: 7, peers: ["1.2.3.4:5", "6.7.8.9:1"] },
      "film: piece 7 failed the hash check (from 1.2.3.4:5, 6.7.8.9:1); requesting it again",
    ],
    [
      { event: "piece-failed", ...TORRENT, piece: 7, peers: [] },
      "film: piece 7 failed the hash check; requesting it again",
    ],
    [
      { event: "peer-banned", ...TORRENT, peer: "1.2.3.4:5", reason: "it sent a damaged piece" },
      "film: banned 1.2.3.4:5: it sent a damaged piece",
    ],
    [{ event: "reachable", peer: "1.2.3.4:5" }, "Peers can reach us: 1.2.3.4:5 did"],
    [
      {
        event: "port-mapped",
        isMapped: true,
        method: "pcp",
        externalIp: "1.2.3.4",
        externalPort: 6881,
      },
      "The router lets peers reach us at 1.2.3.4, port 6881 (pcp)",
    ],
    [
      {
        event: "port-mapped",
        isMapped: false,
        method: undefined,
        externalIp: undefined,
        externalPort: undefined,
      },
      "The router lets no peer reach us any more",
    ],
    [
      { event: "metadata", ...TORRENT, bytes: 20_000, seconds: 2 },
      "film: received 20.0 kB of metadata in 2 s",
    ],
    [
      {
        event: "web-seed-failed",
        ...TORRENT,
        url: "http://w.example/",
        isDropped: true,
        reason: "it answered 404",
      },
      "film: web seed http://w.example/ was dropped: it answered 404",
    ],
    [
      { event: "super-seeding-done", ...TORRENT, why: "seeds" },
      "film: super-seeding is over, since other peers have everything; seeding as usual",
    ],
    [
      { event: "super-seeding-done", ...TORRENT, why: "stalled" },
      "film: super-seeding is over, since peers do not pass pieces on; seeding as usual",
    ],
    [
      { event: "complete", ...TORRENT, bytes: 1_000_000, seconds: 61 },
      "film: complete, 1.0 MB in 1 min 1 s",
    ],
    [
      { event: "stopped", ...TORRENT, uploaded: 1000, downloaded: 2000 },
      "film: stopped, uploaded 1.0 kB, downloaded 2.0 kB",
    ],
    [{ event: "error", code: "disk-full", message: "D\x1b is full" }, "Error: D? is full"],
  ];
  for (const [event, text] of cases) assertEquals(eventText(event), text);
});

Deno.test("progress is an event without a sentence, and omits unknown values", () => {
  const event = progressEvent({
    ...TORRENT,
    state: "downloading",
    bytesDone: 1,
    bytesTotal: 2,
    downRate: 3.7,
    upRate: 0.2,
    peers: 5,
    seeders: 1,
    etaSeconds: 1,
    waitingFor: undefined,
    uploaded: 0,
    ratio: 0,
  });
  assertEquals(eventText(event), undefined);
  assertEquals(JSON.parse(JSON.stringify(event)), {
    event: "progress",
    ...TORRENT,
    state: "downloading",
    bytesDone: 1,
    bytesTotal: 2,
    downRate: 4,
    upRate: 0,
    peers: 5,
  });
});

const SHOWN: TorrentResult = {
  event: "torrent",
  ...TORRENT,
  infoHashV2: undefined,
  format: "v1",
  bytes: 1_234_567,
  pieceLength: 262_144,
  pieces: 5,
  magnet: "magnet:?xt=urn:btih:0123",
  files: [{ path: "film/a.mkv", length: 1_234_000 }, { path: "film/b.srt", length: 567 }],
  trackers: [["http://t/announce"], ["udp://u:1"]],
  private: true,
  comment: "hello\nworld",
  createdBy: "tt",
};

Deno.test("show prints the metadata of a torrent", () => {
  assertEquals(
    resultText(SHOWN),
    `\
Name:         film
Info hash:    0123456789abcdef0123456789abcdef01234567
Size:         1.2 MB (1,234,567 bytes)
Pieces:       5 pieces of 256 KiB
Private:      yes
Comment:      hello?world
Created by:   tt
Magnet:       magnet:?xt=urn:btih:0123

2 files:
     1.2 MB  film/a.mkv
      567 B  film/b.srt

Trackers:
  tier 1  http://t/announce
  tier 2  udp://u:1`,
  );
  const bare = { ...SHOWN, private: false, comment: undefined, createdBy: undefined, trackers: [] };
  assertEquals(resultText(bare).endsWith("\n\nNo trackers"), true);
});

Deno.test("create and verify print one sentence", () => {
  const { infoHash } = SHOWN;
  const created = { ...SHOWN, path: "film.torrent" };
  assertEquals(
    resultText({ ...created, event: "created" }),
    "Created film.torrent: 1.2 MB in 5 pieces of 256 KiB, info hash " + infoHash,
  );
  const infoHashV2 = "ab".repeat(32);
  assertEquals(
    resultText({ ...created, event: "created", format: "hybrid", infoHashV2 }),
    `Created film.torrent: 1.2 MB in 5 pieces of 256 KiB, info hashes ${infoHash} and ${infoHashV2}`,
  );
  const verified = { event: "verified", ...TORRENT, pieces: 9, badRanges: [] } as const;
  assertEquals(
    resultText({ ...verified, piecesGood: 9, badFiles: [] }),
    "film: all good, 9 pieces checked",
  );
  assertEquals(
    resultText({ ...verified, piecesGood: 7, badFiles: ["a", "b"] }),
    "film: 2 of 9 pieces bad or missing, in a, b",
  );
  const badRanges = [{ path: "a", offset: 16_384, length: 100 }];
  assertEquals(
    resultText({ ...verified, piecesGood: 8, badFiles: ["a"], badRanges }),
    "film: 1 of 9 pieces bad or missing, in a\n  a: bytes 16384 to 16483",
  );
  assertEquals(
    resultText({ ...verified, piecesGood: 0, badFiles: ["a", "b", "c", "d", "e", "f"] }),
    "film: 9 of 9 pieces bad or missing, in a, b, c, d, e and 1 more file",
  );
});

Deno.test("catalog results are aligned, and a swarm is described in words", () => {
  const listed: ListedResult = {
    event: "listed",
    ...TORRENT,
    infoHash: infoHashFromHex(TORRENT.infoHash)!,
    bytes: 1_500_000,
    pieceLength: 16_384,
    pieces: 92,
    files: 2,
    trackers: [],
    private: false,
    seeders: 12,
    leechers: 3,
    completed: 4567,
    addedAt: "2026-01-02T03:04:05Z",
  };
  assertEquals(
    resultText(listed),
    `   1.5 MB      12       3    4567  ${TORRENT.infoHash}  film`,
  );
  assertEquals(listHeading(Infinity).indexOf("NAME"), resultText(listed).indexOf("film"));
  // On a terminal each line fits the width, and always contains the name.
  for (const columns of [120, 99, 98, 80, 50, 40]) {
    const line = listText({ ...listed, name: `film ${"x".repeat(90)}` }, columns, "…");
    assertEquals(textWidth(line), columns);
    assertEquals(line.includes(TORRENT.infoHash), columns >= 99);
    assertEquals(listHeading(columns).indexOf("NAME"), line.indexOf("film"));
  }
  assertEquals(listText({ ...listed, name: "a\x1b[2Jb" }, 80, "…").includes("\x1b"), false);
  assertEquals(
    resultText({ event: "swarm", ...TORRENT, seeders: 1, leechers: 2, completed: 0 }),
    "film: 1 seeder, 2 leechers, 0 downloads finished",
  );
  const peer = { event: "peer", infoHash: TORRENT.infoHash, port: 6881 } as const;
  assertEquals(
    resultText({ ...peer, ip: "192.0.2.1", isSeeder: true }),
    "  seeder   192.0.2.1:6881",
  );
  assertEquals(resultText({ ...peer, ip: "::1", isSeeder: false }), "  leecher  [::1]:6881");
  assertEquals(
    resultText({ event: "fetched", path: "film.torrent", ...TORRENT, bytes: 10 }),
    `Saved film.torrent: 10 B, info hash ${TORRENT.infoHash}`,
  );
  // A name chosen by a remote peer sends no control sequences to the terminal.
  assertEquals(resultText({ ...listed, name: "a\u001b[2Jb" }).includes("\u001b"), false);
});

Deno.test("what happens rarely has a sentence, too", () => {
  const cases: [OutputEvent, string | undefined][] = [
    [{ event: "serving", url: "http://h/" }, "Serving RPC and the web page at http://h/"],
    [
      {
        event: "port-mapped",
        isMapped: true,
        method: "upnp",
        externalIp: undefined,
        externalPort: 9,
      },
      "The router lets peers reach us at its address, port 9 (upnp)",
    ],
    [
      { event: "resumed", ...TORRENT, piecesKept: 1, pieces: 2, blocksKept: 0 },
      "film: resumed with 1 of 2 pieces",
    ],
    [
      { event: "resumed", ...TORRENT, piecesKept: 1, pieces: 2, blocksKept: 1 },
      "film: resumed with 1 of 2 pieces and 1 block of others",
    ],
    [
      { event: "changed", ...TORRENT, path: "a" },
      "film: a changed on disk; it is being rechecked and is not shared meanwhile",
    ],
    [
      { event: "web-seed-failed", ...TORRENT, url: "u", isDropped: false, reason: "it is busy" },
      "film: web seed u will be retried later: it is busy",
    ],
    [
      { event: "reused", ...TORRENT, files: ["a", "b"], bytes: 1_000 },
      "film: copied 1.0 kB from other torrents in the folder that have the same content, to be " +
      "checked: a, b",
    ],
    [
      { event: "missing-files", ...TORRENT, files: ["a", "b", "c", "d", "e"], bytes: 1 },
      "film: missing files: a, b, c, d, e; 1 B will be fetched again",
    ],
    [
      { event: "missing-files", ...TORRENT, files: ["a", "b", "c", "d", "e", "f"], bytes: 1 },
      "film: missing files: a, b, c, d, e and 1 more file; 1 B will be fetched again",
    ],
    [{ event: "moved", ...TORRENT, dir: "/d" }, "film: moved to /d"],
    [{ event: "left-out", path: "a", reason: "not-a-file" }, "Skipped a: it is not a regular file"],
  ];
  for (const [event, text] of cases) assertEquals(eventText(event), text);
});

Deno.test("a tracker's counts are told as far as it gave them", () => {
  const answer = (seeders: number | undefined, leechers: number | undefined) =>
    eventText({
      event: "tracker",
      ...TORRENT,
      url: "u",
      peers: 1,
      seeders,
      leechers,
      error: undefined,
    })!
      .split("with ")[1];
  assertEquals(answer(1, undefined), "1 peer (1 seeder in the swarm)");
  assertEquals(answer(undefined, 2), "1 peer (2 leechers in the swarm)");
  assertEquals(answer(undefined, undefined), "1 peer");
});

Deno.test("answers of trackers and catalogs are routine unless they failed", () => {
  const tracker = { event: "tracker", ...TORRENT, url: "u", error: undefined } as const;
  const counts = { peers: 1, seeders: 1, leechers: 1 };
  const registered = { event: "registered", ...TORRENT, url: "u", isNew: true } as const;
  assertEquals(isRoutineEvent({ ...tracker, ...counts }), true);
  assertEquals(isRoutineEvent({ ...registered, error: undefined }), true);
  assertEquals(isRoutineEvent({ ...tracker, ...counts, error: "no answer" }), false);
  assertEquals(isRoutineEvent({ ...registered, error: "No" }), false);
  assertEquals(isRoutineEvent({ event: "moved", ...TORRENT, dir: "/d" }), false);
});

Deno.test("with --quiet only files of the user are named as skipped", () => {
  const reasons = ["symlink", "broken-symlink", "not-a-file", "unsupported-name"] as const;
  for (const reason of reasons) assertEquals(isRoutine(reason), false, reason);
  for (const reason of ["system-file", "state-folder", "output"] as const) {
    assertEquals(isRoutine(reason), true, reason);
  }
});

Deno.test("verify names ranges, twenty at most, and files that were selected", () => {
  const verified = { event: "verified", ...TORRENT, pieces: 9, badFiles: ["a"] } as const;
  const ranges = (count: number, unit?: "block" | "piece") =>
    Array.from({ length: count }, (_, i) => ({ path: "a", offset: i, length: 1, unit }));
  const lines = (count: number) =>
    resultText({ ...verified, piecesGood: 8, badRanges: ranges(count) }).split("\n");
  assertEquals(lines(20).length, 21);
  assertEquals(lines(22).slice(20), ["  a: bytes 19 to 19", "  and 2 more ranges"]);
  assertEquals(
    resultText({ ...verified, piecesGood: 8, badRanges: ranges(1, "piece") }).split("\n")[1],
    "  a: bytes 0 to 0, or some of them: hashes of blocks are not kept here",
  );
  assertEquals(
    resultText({ ...verified, piecesGood: 8, badRanges: ranges(1, "block") }).split("\n")[1],
    "  a: bytes 0 to 0",
  );
  const five = ["a", "b", "c", "d", "e"];
  assertEquals(
    resultText({ ...verified, piecesGood: 0, badFiles: five, badRanges: [] }),
    "film: 9 of 9 pieces bad or missing, in a, b, c, d, e",
  );
  assertEquals(
    resultText({ ...verified, piecesGood: 9, filesChecked: 1, badRanges: [] }),
    "film: all good, 9 pieces of 1 selected file checked",
  );
});

Deno.test("files are numbered in a column as wide as the last number", () => {
  const files = [8, 9, 10].map((number) => ({ number, path: `${number}\x1b`, length: 1_000 }));
  const text = (count: number) =>
    resultText({ event: "files", infoHash: "", name: "", files: files.slice(0, count) });
  assertEquals(text(3), " 8     1.0 kB  8?\n 9     1.0 kB  9?\n10     1.0 kB  10?");
  assertEquals(text(1), "8     1.0 kB  8?");
  assertEquals(text(0), "");
});

Deno.test("each format of a torrent shows the hashes that it has", () => {
  const infoHashV2 = "ab".repeat(32);
  const rows = (format: "v1" | "v2" | "hybrid", v2: string | undefined) =>
    resultText({ ...SHOWN, format, infoHashV2: v2 }).split("\n")
      .filter((line) => line.startsWith("Info hash"));
  assertEquals(rows("v1", undefined), [`Info hash:    ${TORRENT.infoHash}`]);
  assertEquals(rows("v2", infoHashV2), [`Info hash v2: ${infoHashV2}`]);
  assertEquals(rows("hybrid", infoHashV2).length, 2);
  assertEquals(
    resultText({ ...SHOWN, event: "created", path: "p", format: "v2", infoHashV2 }),
    `Created p: 1.2 MB in 5 pieces of 256 KiB, v2 info hash ${infoHashV2}`,
  );
});

Deno.test("a name in the catalog has the room that other columns leave, to the column", () => {
  const listed = {
    ...{ event: "listed", ...TORRENT, infoHash: infoHashFromHex(TORRENT.infoHash)! },
    ...{ bytes: 1, pieceLength: 16_384, pieces: 1, files: 1, trackers: [], private: false },
    ...{ seeders: 1, leechers: 2, completed: 3, addedAt: "2026-01-02T03:04:05Z" },
  } as const;
  const shown = (columns: number) => {
    const heading = listHeading(columns).trim().replace("INFO HASH", "HASH").split(/ +/).join(" ");
    assertEquals(textWidth(listText({ ...listed, name: "n".repeat(99) }, columns, "…")), columns);
    return heading;
  };
  // 9, three times 6 and 40 columns, two blanks behind each, and 22 for the name.
  assertEquals(shown(99), "SIZE SEEDS PEERS DONE HASH NAME");
  assertEquals([shown(98), shown(57)], Array(2).fill("SIZE SEEDS PEERS DONE NAME"));
  assertEquals([shown(56), shown(49)], Array(2).fill("SIZE SEEDS PEERS NAME"));
  assertEquals([shown(48), shown(41)], Array(2).fill("SIZE SEEDS NAME"));
  assertEquals([shown(40), shown(20)], Array(2).fill("SIZE NAME"));
  const name = "n".repeat(500);
  assertEquals(listText({ ...listed, name }, Infinity, "…").endsWith(` ${name}`), true);
  assertEquals(listHeading(Infinity).slice(35, 46), "INFO HASH  ");
});

Deno.test("one more, one peer and what is not private are said as well", () => {
  const ranges = Array.from({ length: 21 }, (_, i) => ({ path: "a", offset: i, length: 1 }));
  const verified = {
    event: "verified",
    ...TORRENT,
    pieces: 9,
    piecesGood: 8,
    badFiles: [],
  } as const;
  assertEquals(
    resultText({ ...verified, badRanges: ranges }).split("\n").at(-1),
    "  and 1 more range",
  );
  assertEquals(
    eventText({ event: "piece-failed", ...TORRENT, piece: 7, peers: ["1.2.3.4:5"] }),
    "film: piece 7 failed the hash check (from 1.2.3.4:5); requesting it again",
  );
  assertEquals(resultText({ ...SHOWN, private: false }).includes("\nPrivate:      no\n"), true);
});

Deno.test("a choice of files is any of its four lists", () => {
  assertEquals(isSelecting(NO_SELECTION), false);
  const [selector] = [readSelector("1")];
  if (!selector.ok) throw new Error(selector.error);
  for (const key of Object.keys(NO_SELECTION)) {
    assertEquals(isSelecting({ ...NO_SELECTION, [key]: [selector.value] }), true, key);
  }
});
