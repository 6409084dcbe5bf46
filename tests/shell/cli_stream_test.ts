/** `tt stream` as a player meets it: an address at once, bytes as they come, seeks, an end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { assertOneSentence, makeFile, runTt, scratch, startSeed, Tt } from "../support/cli_kit.ts";
import { dirname } from "node:path";

const SIZE = 3_000_000;
const SMALL_PIECES = ["--piece-length", "16K"];

async function startStream(dir: string, args: readonly string[]): Promise<{ tt: Tt; url: string }> {
  const tt = await Tt.start([
    ...["stream", ...args, "--dir", dir, "--json", "--share-rule", "off"],
    ...["--host", "127.0.0.1", "--port", "0"],
  ]);
  const { url } = await tt.event("stream");
  return { tt, url: url as string };
}

Deno.test("a player gets every byte during the download, and first what it seeks to", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "film.mkv", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path), "--up-limit", "600K"]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "--peer", seed.peer]);
  await using _ = tt;
  const tail = await fetch(url, { headers: { range: `bytes=${SIZE - 5_000}-` } });
  assertEquals([tail.status, tail.headers.get("content-type")], [206, "video/x-matroska"]);
  assertEquals(await tail.bytes(), bytes.subarray(SIZE - 5_000));
  const { bytesDone } = tt.said.findLast(({ event }) => event === "progress") ?? { bytesDone: 0 };
  assert(bytesDone < SIZE / 2, `the end came after ${bytesDone} bytes`);
  const whole = await fetch(url);
  assertEquals(await whole.bytes(), bytes);
  const { code, stderr } = await tt.stop("SIGINT");
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("two readers at different positions are both served", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "film.mkv", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path), "--up-limit", "2M"]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "--peer", seed.peer]);
  await using _ = tt;
  const half = SIZE / 2;
  const [first, second] = await Promise.all([
    fetch(url, { headers: { range: `bytes=0-${half - 1}` } }).then((answer) => answer.bytes()),
    fetch(url, { headers: { range: `bytes=${half}-` } }).then((answer) => answer.bytes()),
  ]);
  assertEquals(first, bytes.subarray(0, half));
  assertEquals(second, bytes.subarray(half));
});

Deno.test("a file that is not in the torrent gives one sentence", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "film.mkv", 1_000, []);
  for (const file of ["2", "0", "other.mkv"]) {
    const ended = await runTt(["stream", torrent, file, "--dir", dir.at("D")]);
    assertMatch(assertOneSentence(ended, 3), /has no file/);
  }
});
