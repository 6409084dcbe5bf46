/** The 10 % share rule from a user's view: paid, waived with a reason, or waited for. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dirname } from "node:path";
import {
  assertContent,
  makeFile,
  runTt,
  type Said,
  scratch,
  startGet,
  startSeed,
  startTracker,
  type Tt,
} from "../support/cli_kit.ts";

const PIECE = 16 * 1024;
const PIECES = 128;
const SIZE = PIECES * PIECE;
const OWED = Math.ceil(SIZE / 10);
const SMALL_PIECES = ["--piece-length", "16K"];

Deno.test("three downloads from one slow seeder each share 10 % before they finish", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "fair.bin", SIZE, [
    ...SMALL_PIECES,
    ...["--tracker", tracker.url],
  ]);
  await using seed = await startSeed([
    ...[torrent, "--dir", dirname(path), "--up-limit", "700K"],
  ]);
  await seed.event("tracker");
  await using gets = await startGets(3, (index) => [torrent, "--dir", dir.at(`D${index}`)]);
  const states: string[] = [];
  for (const get of gets.all) {
    await get.event("complete");
    const names = get.said.map(({ event }) => event);
    const settled = get.said.findIndex(isSettled);
    assert(settled >= 0 && settled < names.indexOf("complete"), names.join());
    const { state, sharedBytes, owedBytes } = get.said[settled]!;
    assertEquals(owedBytes, OWED);
    assertEquals(state === "paid", sharedBytes >= owedBytes);
    states.push(state);
  }
  assert(states.filter((state) => state === "paid").length >= 2, states.join());
  for (const index of [0, 1, 2]) await assertContent(dir.at(`D${index}`, "fair.bin"), bytes);
});

Deno.test("without other peers the rule is waived at once, with a notice", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "lone.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer],
    ...["--no-seed", "--share-rule", "10"],
  ]);
  const { code, said, stderr } = await get.end();
  assertEquals(code, 0, stderr);
  const shares = said.filter(({ event }) => event === "share");
  // Never "owing": it did not wait.
  assertEquals(shares.map(({ state }) => state), ["waived"]);
  assertEquals([shares[0]!.owedBytes, shares[0]!.sharedBytes], [OWED, 0]);
  await assertContent(dir.at("D", "lone.bin"), bytes);
});

Deno.test("the waiver is also printed as text", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "words.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  const { code, stdout, stderr } = await runTt([
    ...["get", torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
    ...["--host", "127.0.0.1", "--port", "0"],
  ]);
  assertEquals([code, stdout], [0, ""], stderr);
  assertMatch(stderr, /no peer can be served in time/);
});

Deno.test("a strict download waits, shows why, serves new peers, and then finishes", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "strict.bin", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using strict = await startGet([
    ...[torrent, "--dir", dir.at("strict"), "--peer", seed.peer, "--share-rule", "strict"],
  ]);
  const waiting = await strict.event("progress", ({ state }) => state === "waiting");
  assertEquals(waiting.bytesDone, SIZE - PIECE);
  assertMatch(
    String(waiting.waitingFor),
    /^1 piece left: .* to share, looking for peers to serve$/,
  );
  assertEquals((await strict.event("share")).state, "owing");

  await using second = await startGet([
    ...[torrent, "--dir", dir.at("second"), "--no-seed"],
    ...["--peer", `127.0.0.1:${(await strict.event("listening")).port}`],
  ]);
  const { sharedBytes } = await strict.event("share", ({ state }) => state === "paid");
  assert(sharedBytes >= OWED);
  await strict.event("complete");
  assertEquals((await second.end()).code, 0);
  for (const name of ["strict", "second"]) await assertContent(dir.at(name, "strict.bin"), bytes);
});

Deno.test("uploads of an earlier run count", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "before.bin", SIZE, SMALL_PIECES);
  const strict = [torrent, "--dir", dir.at("D"), "--share-rule", "strict", "--resume"];
  {
    await using seed = await startSeed([torrent, "--dir", dirname(path)]);
    await using first = await startGet([...strict, "--peer", seed.peer]);
    await first.event("progress", ({ state }) => state === "waiting");
    // Without the seeder the share can be paid, but the last piece is not available.
    await seed.stop("SIGKILL");
    await using second = await startGet([
      ...[torrent, "--dir", dir.at("second")],
      ...["--peer", `127.0.0.1:${(await first.event("listening")).port}`],
    ]);
    await second.event("progress", ({ bytesDone }) => bytesDone === SIZE - PIECE);
    await first.event("share", ({ state }) => state === "paid");
    assertEquals((await first.stop("SIGINT")).code, 130);
  }
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using again = await startGet([...strict, "--peer", seed.peer, "--no-seed"]);
  const { code, said, stderr } = await again.end();
  assertEquals(code, 0, stderr);
  assertEquals(said.filter(({ event }) => event === "share").map(({ state }) => state), ["paid"]);
  await assertContent(dir.at("D", "before.bin"), bytes);
});

function isSettled({ event, state }: Said): boolean {
  return event === "share" && state !== "owing";
}

/** Downloads with the rule, in parallel; killed when disposed. */
async function startGets(count: number, argsFor: (index: number) => readonly string[]) {
  const all: Tt[] = [];
  for (let index = 0; index < count; index++) {
    all.push(await startGet([...argsFor(index), "--share-rule", "10"]));
  }
  return {
    all,
    async [Symbol.asyncDispose]() {
      for (const get of all) await get[Symbol.asyncDispose]();
    },
  };
}
