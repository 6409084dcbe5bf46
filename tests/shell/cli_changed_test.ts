/** Content that changes on disk while it is shared. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertContent,
  assertOneSentence,
  makeBytes,
  makeFile,
  type Said,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";

const PIECE = 16 * 1024;
const SMALL_PIECES = ["--piece-length", "16K"];

Deno.test("a file changed in place is not served, reported once, and found wrong", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "file.bin", 64 * PIECE, SMALL_PIECES);
  await using seed = await startSeed([torrent]);
  await Deno.writeFile(path, makeBytes(64 * PIECE, 77));
  await using get = await startGet([torrent, "--dir", dir.at("D"), "--peer", seed.peer]);
  const ended = await seed.end();
  assertMatch(assertOneSentence(ended, 6), /Cannot seed file\.bin: 64 of its pieces are bad/);
  const changes = ended.said.filter(({ event }) => event === "changed");
  assertEquals(changes.map((said) => said.path), [path]);
  const { said } = await get.stop();
  assert(!said.some(({ event }) => event === "piece-failed" || event === "peer-banned"));
});

Deno.test("a file with only a new mtime is rechecked and served again", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "file.bin", 8 * PIECE, SMALL_PIECES);
  await using seed = await startSeed([torrent]);
  await Deno.utime(path, 1, 1);
  const args = [torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"];
  await using get = await startGet(args);
  const changed = seed.said.indexOf(await seed.event("changed"));
  const isLater = (said: Said) => seed.said.indexOf(said) > changed;
  await seed.event("checked", (said) => isLater(said) && said.piecesGood === 8);
  // The rejected peer is dialled again by a new run immediately, by the old one later.
  await get.stop();
  await using again = await startGet([...args, "--resume"]);
  assertEquals((await again.end()).code, 0);
  await assertContent(dir.at("D", "file.bin"), bytes);
});

Deno.test("a truncated file is reported once, and no wrong piece of it is served", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(
    dir.at("S"),
    "file.bin",
    64 * PIECE,
    SMALL_PIECES,
  );
  await using seed = await startSeed([torrent]);
  await Deno.truncate(path, 50 * PIECE + 100);
  const args = [torrent, "--dir", dir.at("D"), "--no-seed", "--resume"];
  await using get = await startGet([...args, "--peer", seed.peer]);
  const ended = await seed.end();
  assertMatch(assertOneSentence(ended, 6), /Cannot seed file\.bin: 14 of its pieces are bad/);
  assertEquals(ended.said.filter(({ event }) => event === "changed").length, 1);
  assert(!(await get.stop()).said.some(({ event }) => event === "piece-failed"));
  await Deno.writeFile(path, bytes);
  await using good = await startSeed([torrent]);
  await using again = await startGet([...args, "--peer", good.peer]);
  assertEquals((await again.end()).code, 0);
  await assertContent(dir.at("D", "file.bin"), bytes);
});
