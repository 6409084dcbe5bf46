/** Files of a torrent that the user selects, and the effects on disk and network. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import {
  assertContent,
  assertOneSentence,
  makeBytes,
  runTt,
  scratch,
  startGet,
  startSeed,
  startTracker,
} from "../support/cli_kit.ts";
import { exists } from "./disk/support.ts";

const PIECE = 16 * 1024;

/** A folder of files, each of `size` bytes, and its `.torrent`. */
async function makeFiles(dir: string, names: readonly string[], size: number): Promise<string> {
  await Deno.mkdir(join(dir, "set"), { recursive: true });
  for (const [at, name] of names.entries()) {
    await Deno.writeFile(join(dir, "set", name), makeBytes(size, at + 1));
  }
  const torrent = join(dir, "set.torrent");
  const args = ["create", join(dir, "set"), "--out", torrent, "--piece-length", "16K"];
  const { code, stderr } = await runTt(args);
  assertEquals(code, 0, stderr);
  return torrent;
}

async function filesIn(dir: string): Promise<string[]> {
  const names = [];
  for await (const { name } of Deno.readDir(join(dir, "set"))) names.push(name);
  return names.sort();
}

Deno.test("one file of 1,000 costs its bytes and its boundary pieces, and nothing else", async () => {
  await using dir = await scratch();
  const names = Array.from({ length: 1000 }, (_, at) => `f${String(at).padStart(3, "0")}`);
  const size = 2 * PIECE + 1000;
  const torrent = await makeFiles(dir.at("S"), names, size);
  const shown = await runTt(["show", torrent, "--files"]);
  assertMatch(shown.stdout.split("\n")[499]!, /^ 500 .* set\/f499$/);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--select", "500"],
  ]);
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  const first = Math.floor(499 * size / PIECE), last = Math.floor((500 * size - 1) / PIECE);
  const bytes = (last - first + 1) * PIECE;
  const stopped = await get.event("stopped");
  assertEquals([stopped.downloaded, (await get.event("complete")).bytes], [bytes, bytes]);
  const progress = ended.said.findLast(({ event }) => event === "progress")!;
  assertEquals([progress.bytesDone, progress.bytesTotal], [bytes, bytes]);
  assertEquals(await filesIn(dir.at("D")), ["f499"]);
  await assertContent(dir.at("D", "set", "f499"), makeBytes(size, 500));
  assert(!await exists(dir.at("D", "set.unfinished")));

  const verified = await runTt(["verify", torrent, "--dir", dir.at("D")]);
  assertEquals(verified.code, 0, verified.stdout);
  assertStringIncludes(verified.stdout, "of 1 selected file checked");
  const other = await runTt(["verify", torrent, "--dir", dir.at("D"), "--select", "f500"]);
  assertEquals(other.code, 6);
  // What was wanted is complete: there is nothing to resume.
  const none = await runTt(["get", "--resume", "--dir", dir.at("D"), "--port", "0"]);
  assertStringIncludes(assertOneSentence(none, 3), "There are no unfinished downloads in");
});

Deno.test("a partial seed is counted as one by the tracker, from its first announce on", async () => {
  await using dir = await scratch();
  const torrent = await makeFiles(dir.at("S"), ["a", "b", "c"], PIECE);
  await using tracker = await startTracker();
  const { infoHash } = JSON.parse((await runTt(["show", torrent, "--json"])).stdout);
  const hash = infoHash.replace(/../g, "%$&");
  const scrape = async () => {
    const url = new URL(`/scrape?info_hash=${hash}`, tracker.url);
    const text = await (await fetch(url)).text();
    return /11:downloadersi(\d+)e10:incompletei(\d+)e/.exec(text)?.slice(1).join(" of ");
  };
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  const files = [torrent, "--dir", dir.at("D"), "--tracker", tracker.url];
  const select = ["--peer", seed.peer, "--select", "1"];
  await using first = await startGet([...files, ...select, "--no-seed"]);
  assertEquals((await first.end()).code, 0);
  await using partial = await startGet([...files, "--resume"]);
  await partial.event("tracker");
  assertEquals(await scrape(), "0 of 1");
  await using other = await startGet([...files.with(2, dir.at("E"))]);
  await other.event("tracker");
  assertEquals(await scrape(), "1 of 2");
});

Deno.test("a selection survives kill -9, and a wider one continues from there", async () => {
  await using dir = await scratch();
  const names = ["a", "b", "c", "d"];
  const size = 20 * PIECE + 777;
  const torrent = await makeFiles(dir.at("S"), names, size);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  const args = [torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--resume"];
  {
    await using get = await startGet([
      ...[...args, "--select", "set/[bd]", "--down-limit", "200K", "--sequential", "--first-last"],
    ]);
    await get.event("progress", ({ bytesDone }) => bytesDone > 5 * PIECE);
    await get.stop("SIGKILL");
  }
  assertEquals(await filesIn(dir.at("D")), ["b", "d"]);
  {
    // Without options the remembered selection applies, also where the torrent is not named.
    const ended = await runTt([
      ...["get", "--resume", "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--json"],
      ...["--host", "127.0.0.1", "--port", "0", "--share-rule", "off", "--down-limit", "100M"],
    ]);
    assertEquals(ended.code, 0, ended.stderr);
  }
  assertEquals(await filesIn(dir.at("D")), ["b", "d"]);
  await assertContent(dir.at("D", "set", "b"), makeBytes(size, 2));
  await assertContent(dir.at("D", "set", "d"), makeBytes(size, 4));
  {
    await using get = await startGet([...args, "--down-limit", "100M", "--select", "2,3"]);
    const { code, stderr, said } = await get.end();
    assertEquals(code, 0, stderr);
    assert(!said.some(({ event }) => event === "checked"), "nothing is hashed again");
    const { downloaded } = said.find(({ event }) => event === "stopped")!;
    assert(downloaded < 4 * size, `${downloaded} bytes of all runs`);
  }
  assertEquals(await filesIn(dir.at("D")), ["b", "c", "d"]);
  await assertContent(dir.at("D", "set", "c"), makeBytes(size, 3));
  {
    await using get = await startGet([...args, "--select", "*", "--exclude", "a"]);
    assertEquals((await get.end()).code, 0);
    // Everything of that was complete already.
    assertEquals(await filesIn(dir.at("D")), ["b", "c", "d"]);
  }
});

Deno.test("a narrower selection cancels requests and keeps what is there", async () => {
  await using dir = await scratch();
  const size = 60 * PIECE + 777;
  const torrent = await makeFiles(dir.at("S"), ["a", "b"], size);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  const args = [torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed", "--resume"];
  {
    await using get = await startGet([...args, "--down-limit", "200K", "--sequential"]);
    await get.event("progress", ({ bytesDone }) => bytesDone > 5 * PIECE);
    assertEquals((await get.stop("SIGTERM")).code, 130);
  }
  await using get = await startGet([...args, "--down-limit", "100M", "--select", "a"]);
  assertEquals((await get.end()).code, 0);
  const { downloaded } = await get.event("stopped");
  // A busy machine may have reported the progress late.
  assert(downloaded < 1.5 * size, `${downloaded} bytes`);
  await assertContent(dir.at("D", "set", "a"), makeBytes(size, 1));
  assertEquals(await filesIn(dir.at("D")), ["a", "b"]);
});

Deno.test("the share rule applies to what is wanted", async () => {
  await using dir = await scratch();
  const torrent = await makeFiles(dir.at("S"), ["a", "b"], 10 * PIECE);
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
    ...["--select", "2", "--share-rule", "10"],
  ]);
  assertEquals((await get.end()).code, 0);
  assertEquals((await get.event("share")).owedBytes, PIECE);
});

Deno.test("an invalid selection gives one sentence and the right exit code", async () => {
  await using dir = await scratch();
  const torrent = await makeFiles(dir.at("S"), ["a", "b"], 1000);
  const get = (...args: string[]) =>
    runTt(["get", torrent, "--dir", dir.at("D"), "--port", "0", "--host", "127.0.0.1", ...args]);
  const cases: [string[], number, RegExp][] = [
    [["--select", "*.iso"], 3, /no file matches \*\.iso; tt show --files lists them/],
    [["--select", "3"], 3, /there is no file 3, only 1 to 2/],
    [["--select", "0-1"], 3, /there is no file 0/],
    [["--exclude", "*"], 3, /no file is left/],
    [["--select", "2-1"], 2, /not a pattern or a list of numbers/],
    [["--select", ""], 2, /not a pattern or a list of numbers/],
    [["--choose", "--select", "1"], 2, /--choose/],
    [["--choose"], 2, /needs a terminal/],
  ];
  for (const [args, code, sentence] of cases) {
    assertMatch(assertOneSentence(await get(...args), code), sentence, args.join(" "));
  }
  assert(!await exists(dir.at("D", "set")));
});
