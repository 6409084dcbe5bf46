/** A user's first steps: share, download, stop, resume. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { basename, dirname, join } from "node:path";
import {
  assertContent,
  assertNoTrace,
  assertOneSentence,
  listenSilently,
  LOCAL,
  makeBytes,
  makeFile,
  runTt,
  type Said,
  scratch,
  startGet,
  startSeed,
  startTracker,
  Tt,
} from "../support/cli_kit.ts";
import { until } from "../support/until.ts";

/** Enough pieces that a download can be interrupted many times. */
const PIECES = 128;
const PIECE = 16 * 1024;
const SIZE = PIECES * PIECE;
const SMALL_PIECES = ["--piece-length", "16K"];

Deno.test("a tracker, a seeder and a download give identical bytes", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const bytes = makeBytes(3_000_001);
  await Deno.writeFile(dir.at("a film.bin"), bytes);
  await using seed = await startSeed(["a film.bin", "--tracker", tracker.url], { cwd: dir.path });
  await seed.event("tracker");
  const get = await runTt([
    ...["get", "a film.bin.torrent", "--no-seed", "--dir", "D", "--json"],
    ...["--host", "127.0.0.1", "--port", "0"],
  ], { cwd: dir.path });
  assertEquals(get.code, 0, get.stderr);
  assertEquals(get.stderr, "");
  assertEquals(get.said.filter(({ event }) => event === "complete").length, 1);
  await assertContent(dir.at("D", "a film.bin"), bytes);
  assertEquals((await tracker.stats()).completed, 1);
  assertEquals((await seed.stop()).code, 130);
  assertEquals((await tracker.stats()).peers, 0);
  assertEquals((await tracker.stop("SIGINT")).code, 130);
});

Deno.test("a folder with nested, empty and unaligned files is transferred unchanged", async () => {
  await using dir = await scratch();
  const files: Record<string, Uint8Array> = {
    "a.bin": makeBytes(40_000, 2),
    "deep/er/one byte": makeBytes(1, 3),
    "deep/empty": new Uint8Array(),
    "deep/straddles.bin": makeBytes(300_001, 4),
    "naïve – 東京/é.bin": makeBytes(17, 5),
    "z empty at the end": new Uint8Array(),
  };
  for (const [path, bytes] of Object.entries(files)) {
    const target = dir.at("S", "folder", path);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.writeFile(target, bytes);
  }
  await using seed = await startSeed([dir.at("S", "folder"), "--out", dir.at("f.torrent")]);
  await using get = await startGet([
    ...[dir.at("f.torrent"), "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
  ]);
  assertEquals((await get.end()).code, 0);
  for (const [path, bytes] of Object.entries(files)) {
    await assertContent(join(dir.at("D", "folder"), path), bytes);
  }
});

Deno.test("a download killed at any moment keeps every finished piece", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.path, "killed.bin", SIZE, SMALL_PIECES);
  const target = dir.at("D", "killed.bin");
  const base = [torrent, "--dir", dir.at("D"), "--no-seed", "--resume"];
  let kept = 0;
  {
    await using seed = await startSeed([torrent, "--dir", dirname(path)]);
    for (const more of [1, 25, 40]) {
      await using get = await startGet([...base, "--peer", seed.peer, "--down-limit", "1M"]);
      assertEquals((await get.event("resumed")).piecesKept, kept);
      await untilPieces(target, bytes, kept + more);
      await get.stop("SIGKILL");
      kept = await countRight(target, bytes);
    }
  }
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using last = await startGet([...base, "--peer", seed.peer]);
  const { code, said, stderr } = await last.end();
  assertEquals(code, 0, stderr);
  const { piecesKept, pieces } = said.find(({ event }) => event === "resumed")!;
  assertEquals({ piecesKept, pieces }, { piecesKept: kept, pieces: PIECES });
  await assertContent(target, bytes);
  // Pieces that were present are not sent again.
  await seed.stop();
  assertEquals((await seed.event("stopped")).uploaded, SIZE - kept * PIECE);
});

/** Pieces of the file that are valid. */
async function countRight(path: string, wanted: Uint8Array): Promise<number> {
  const found = await Deno.readFile(path).catch(() => new Uint8Array());
  let right = 0;
  for (let at = 0; at < wanted.length; at += PIECE) {
    const piece = wanted.subarray(at, at + PIECE);
    if (piece.every((byte, index) => byte === found[at + index])) right++;
  }
  return right;
}

/** Resolves when this many pieces are on disk. */
async function untilPieces(path: string, wanted: Uint8Array, count: number): Promise<void> {
  await until(
    async () => await countRight(path, wanted) >= count,
    `${count} pieces of ${path} are on disk`,
  );
}

Deno.test("get --resume without a source resumes everything unfinished", async () => {
  await using dir = await scratch();
  const made = await Promise.all(
    ["first", "second one"].map((name) => makeFile(dir.at("S"), name, SIZE, SMALL_PIECES)),
  );
  const torrents = made.map(({ torrent }) => torrent);
  await using seed = await startSeed([...torrents, "--dir", dir.at("S")]);
  for (const { torrent } of made) await seed.event("checked", ofTorrent(torrent));
  const base = ["--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
  {
    await using get = await startGet([...torrents, ...base, "--down-limit", "1M"]);
    await Promise.all(
      made.map(({ path, bytes }) => untilPieces(dir.at("D", basename(path)), bytes, 5)),
    );
    assertEquals((await get.stop("SIGINT")).code, 130);
  }
  await using get = await startGet(["--resume", ...base]);
  const { code, said, stderr } = await get.end();
  assertEquals(code, 0, stderr);
  const resumed = said.filter(({ event }) => event === "resumed");
  assertEquals(resumed.map(({ name }) => name).sort(), ["first", "second one"]);
  for (const { piecesKept } of resumed) assert(piecesKept >= 5, `kept ${piecesKept}`);
  for (const { path, bytes } of made) await assertContent(dir.at("D", basename(path)), bytes);

  const again = await runTt(["get", "--resume", "--dir", dir.at("D")]);
  assertMatch(assertOneSentence(again, 3), /There are no unfinished downloads in /);
});

Deno.test("without --resume the content is hashed and its good pieces are kept", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "kept.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await Deno.mkdir(dir.at("D"));
  const damaged = bytes.slice();
  damaged[3 * PIECE + 7]! ^= 1;
  await Deno.writeFile(dir.at("D", "kept.bin"), damaged.subarray(0, 100 * PIECE + 1));
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
  ]);
  const { code, said } = await get.end();
  assertEquals(code, 0);
  const resumed = said.find(({ event }) => event === "resumed")!;
  assertEquals([resumed.piecesKept, resumed.pieces], [99, PIECES]);
  await seed.stop();
  assertEquals((await seed.event("stopped")).uploaded, SIZE - 99 * PIECE);
  await assertContent(dir.at("D", "kept.bin"), bytes);
});

Deno.test("a damaged state causes a check of the content, and nothing else", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "state.bin", SIZE, SMALL_PIECES);
  const { infoHash } = (await runTt(["show", torrent, "--json"])).said[0]!;
  await Deno.mkdir(dir.at("D", ".tt"), { recursive: true });
  await Deno.writeFile(dir.at("D", ".tt", `${infoHash}.resume`), makeBytes(1000));
  await Deno.writeFile(dir.at("D", "state.bin"), bytes.subarray(0, 64 * PIECE));
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--resume"],
  ]);
  const { code, stderr } = await get.end();
  assertEquals([code, stderr], [0, ""]);
  assertEquals((await get.event("resumed")).piecesKept, 64);
  await assertContent(dir.at("D", "state.bin"), bytes);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} saves the state, sends stopped to the tracker and exits with 130`, async () => {
    await using dir = await scratch();
    await using tracker = await startTracker();
    const { path, torrent, bytes } = await makeFile(dir.at("S"), "stopped.bin", SIZE, [
      ...SMALL_PIECES,
      "--tracker",
      tracker.url,
    ]);
    await using seed = await startSeed([torrent, "--dir", dirname(path)]);
    await seed.event("tracker");
    const base = [torrent, "--dir", dir.at("D"), "--resume", "--no-seed"];
    const target = dir.at("D", "stopped.bin");
    await using get = await startGet([...base, "--down-limit", "1M"]);
    await untilPieces(target, bytes, 10);
    assertEquals((await tracker.stats()).leechers, 1);
    const { code, said, stderr } = await get.stop(signal);
    assertEquals([code, stderr], [130, ""]);
    assertEquals((await tracker.stats()).leechers, 0);
    const kept = await countRight(target, bytes);
    const { downloaded } = said.find(({ event }) => event === "stopped")!;
    assert(downloaded >= kept * PIECE, `downloaded ${downloaded}, kept ${kept} pieces`);
    await using again = await startGet(base);
    const second = await again.end();
    assertEquals(second.code, 0, second.stderr);
    const resumed = second.said.find(({ event }) => event === "resumed")!;
    assertEquals(resumed.piecesKept, kept);
    // Sizes and times agree, so nothing was hashed again.
    assert(!second.said.some(({ event }) => event === "checked"));
    await assertContent(target, bytes);
  });
}

Deno.test("a second Ctrl-C does not wait for a tracker that hangs", async () => {
  await using dir = await scratch();
  await using silent = listenSilently();
  const { torrent } = await makeFile(dir.at("S"), "hurry.bin", SIZE, ["--tracker", silent.url]);
  await using get = await startGet([torrent, "--dir", dir.at("D")]);
  await silent.askedTimes(1);
  get.send("SIGINT");
  await silent.askedTimes(2);
  get.send("SIGINT");
  const { code, said, stderr } = await get.end();
  assertEquals(code, 130);
  assert(!said.some(({ event }) => event === "stopped"), "it waited for the tracker");
  assertNoTrace(stderr);
});

Deno.test("seeding ends at --seed-ratio and after --seed-time, with exit code 0", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "enough.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path), "--seed-ratio", "1"]);
  const get = ["--peer", seed.peer, "--dir", dir.at("D"), "--seed-time", "0.02", torrent];
  await using download = await startGet(get);
  const [first, second] = await Promise.all([seed.end(), download.end()]);
  assertEquals([first.code, second.code], [0, 0], first.stderr + second.stderr);
  assertEquals((await seed.event("stopped")).uploaded, SIZE);
});

Deno.test("--timeout ends a download without any response with exit code 4", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "nobody.bin", SIZE);
  await using get = await startGet([torrent, "--dir", dir.at("D"), "--timeout", "1"]);
  assertMatch(assertOneSentence(await get.end(), 4), /no peer answered within 1 s/);
});

Deno.test("one process serves several torrents on one port", async () => {
  await using dir = await scratch();
  const names = ["one.bin", "two2.bin", "three.bin"];
  const made = await Promise.all(names.map((name) => makeFile(dir.at("S"), name, 200_000)));
  const torrents = made.map(({ torrent }) => torrent);
  await using seed = await startSeed(torrents);
  for (const { torrent } of made) await seed.event("checked", ofTorrent(torrent));
  await using get = await startGet([
    ...torrents,
    ...["--peer", seed.peer, "--no-seed", "--dir", dir.at("D")],
  ]);
  const { code, said, stderr } = await get.end();
  assertEquals(code, 0, stderr);
  assertEquals(said.filter(({ event }) => event === "listening").length, 1);
  for (const { path, bytes } of made) await assertContent(dir.at("D", basename(path)), bytes);
});

Deno.test("a failing torrent is reported at once and does not stop the others", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "fine.bin", SIZE);
  await using get = await startGet([dir.at("missing.torrent"), torrent, "--dir", dir.at("D")]);
  assertEquals((await get.event("error")).code, "missing");
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  const args = ["--dir", dir.at("E"), "--peer", seed.peer, "--no-seed"];
  await using both = await startGet([dir.at("missing.torrent"), torrent, ...args]);
  assertMatch(assertOneSentence(await both.end(), 3), /There is no file/);
  assertEquals(both.said.filter(({ event }) => event === "error").length, 1);
  await assertContent(dir.at("E", "fine.bin"), bytes);
});

Deno.test("a torrent given twice is downloaded once", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "twice.bin", SIZE);
  await using seed = await startSeed([torrent, torrent, "--dir", dirname(path)]);
  await using get = await startGet([
    ...[torrent, torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
  ]);
  const { code, stderr } = await get.end();
  assertEquals([code, stderr], [0, ""]);
  await assertContent(dir.at("D", "twice.bin"), bytes);
});

Deno.test("a .torrent can be an http URL", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "web.bin", SIZE);
  const file = await Deno.readFile(torrent);
  await using web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) =>
      request.url.endsWith("/ok") ? new Response(file) : new Response("<html>", { status: 404 }),
  );
  const { port } = web.addr;
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using get = await startGet([
    ...[`http://127.0.0.1:${port}/ok`, "--peer", seed.peer, "--no-seed", "--dir", dir.at("D")],
  ]);
  assertEquals((await get.end()).code, 0);
  await assertContent(dir.at("D", "web.bin"), bytes);
  const missing = await runTt(["show", `http://127.0.0.1:${port}/missing`]);
  assertMatch(assertOneSentence(missing, 4), /answered 404/);
});

Deno.test("Ctrl-C ends the wait for a web server as well", async () => {
  await using dir = await scratch();
  await using silent = listenSilently();
  const source = silent.url.replace("announce", "x.torrent");
  const commands = [["get", source, "--dir", dir.at("D"), ...LOCAL], ["show", source]];
  for (const [index, args] of commands.entries()) {
    await using tt = await Tt.start(args);
    await silent.askedTimes(1 + index);
    const { code, stderr } = await tt.stop("SIGINT");
    assertEquals([code, stderr], [130, ""]);
  }
});

Deno.test("peers connect over IPv6 as well", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "six.bin", SIZE);
  const local = ["--host", "::1"];
  await using seed = await startSeed([torrent, "--dir", dirname(path), ...local]);
  const { port } = await seed.event("listening");
  const peer = ["--peer", `[::1]:${port}`];
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--no-seed", ...local, ...peer],
  ]);
  assertEquals((await get.end()).code, 0);
  await assertContent(dir.at("D", "six.bin"), bytes);
});

Deno.test("a complete download reports so, and contacts no peer", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "there.bin", SIZE);
  const again = await runTt(["get", torrent, "--dir", dirname(path), "--no-seed", ...LOCAL]);
  assertEquals(again.code, 0, again.stderr);
  const events = again.said.map(({ event }) => event).filter((event) => event !== "progress");
  assertEquals(events, ["listening", "checked", "resumed", "complete"]);
  assertEquals(again.said.findLast(({ event }) => event === "progress")?.state, "complete");
});

Deno.test("help and version are results, not errors", async () => {
  const [help, short, get, version, nothing] = await Promise.all([
    runTt(["--help"]),
    runTt(["-h"]),
    runTt(["help", "get"]),
    runTt(["--version"]),
    runTt([]),
  ]);
  for (const { code, stderr } of [help, short, get, version]) {
    assertEquals([code, stderr], [0, ""]);
  }
  assertEquals(short.stdout, help.stdout);
  assertMatch(help.stdout, /tracker[\s\S]*seed[\s\S]*get/);
  assertMatch(get.stdout, /--share-rule/);
  assertMatch(version.stdout, /^tt \d+\.\d+\.\d+\n$/);
  assertEquals(nothing.stdout, help.stdout);
});

/** Whether an event is about the torrent at this path. */
function ofTorrent(torrent: string): (said: Said) => boolean {
  const name = basename(torrent, ".torrent");
  return (said) => said.name === name;
}

Deno.test("Ctrl-C exits with 0 when complete; otherwise it prints how to resume", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "film.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using finished = await startGet([torrent, "--dir", dir.at("D"), "--peer", seed.peer]);
  await finished.event("complete");
  assertEquals((await finished.stop("SIGINT")).code, 0);
  await using slow = await Tt.start([
    ...["get", torrent, "--dir", dir.at("it's here"), "--peer", seed.peer],
    ...["--down-limit", "200K", "--host", "127.0.0.1", "--port", "0"],
  ]);
  await untilPieces(dir.at("it's here", "film.bin"), await Deno.readFile(path), 2);
  const { code, stderr } = await slow.stop("SIGINT");
  assertEquals(code, 130);
  assertMatch(
    stderr,
    /film\.bin is not complete; resume it with: tt get --resume --dir '.*it'\\''s here'/,
  );
});
