/** Traces from a user's view: `--trace` records real runs, `tt replay` runs them again. */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
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
import { until } from "../support/until.ts";

const SIZE = 3_000_001;

Deno.test("a traced seeder gives metadata to a magnet link's download, and its run replays", async () => {
  await using dir = await scratch();
  const bytes = makeBytes(SIZE);
  await Deno.writeFile(dir.at("film.bin"), bytes);
  await using seed = await startSeed(["film.bin", "--trace", "seed.trace"], { cwd: dir.path });
  const { port } = await seed.event("listening");
  const shown = await runTt(["show", "film.bin.torrent", "--json"], { cwd: dir.path });
  const { magnet } = shown.said[0]!;
  const peer = `127.0.0.1:${port}`;
  await using get = await startGet([magnet as string, "--peer", peer, "--no-seed", "--dir", "D"], {
    cwd: dir.path,
  });
  assertEquals((await get.end()).code, 0);
  await assertContent(dir.at("D", "film.bin"), bytes);
  await seed.stop();
  const text = await Deno.readTextFile(dir.at("seed.trace"));
  assertNotMatch(text, /film|66696c6d/, "no name in metadata");
  const replay = await runTt(["replay", dir.at("seed.trace"), "--json"]);
  assertEquals([replay.code, replay.said[0]!.verdict], [0, "same"], replay.stderr);
  const named = text.split("\n").filter((line) =>
    line.includes('"extended"') && line.includes('"id":2')
  );
  assert(named.length > 0, "metadata was asked for");
});

/** A finished download and its seeder, each with a trace. */
async function recordTransfer(dir: Awaited<ReturnType<typeof scratch>>) {
  await using tracker = await startTracker();
  const bytes = makeBytes(SIZE);
  await Deno.writeFile(dir.at("film.bin"), bytes);
  const url = `${tracker.url}?passkey=SECRETPASSKEY`;
  await using seed = await startSeed(
    ["film.bin", "--tracker", url, "--trace", "seed.trace", "--allow-local"],
    { cwd: dir.path },
  );
  await seed.event("tracker");
  await using get = await startGet(
    ["film.bin.torrent", "--no-seed", "--dir", "D", "--trace", "get.trace", "--allow-local"],
    { cwd: dir.path },
  );
  assertEquals((await get.end()).code, 0);
  await assertContent(dir.at("D", "film.bin"), bytes);
  const { port } = await seed.event("listening");
  await seed.stop();
  return { url, seedPort: port as number };
}

Deno.test("a download and its seeder are recorded, and replay with the same decisions", async () => {
  await using dir = await scratch();
  const { seedPort } = await recordTransfer(dir);
  for (const name of ["get.trace", "seed.trace"]) {
    const path = dir.at(name);
    const text = await Deno.readTextFile(path);
    assertNotMatch(text, /SECRET|passkey|film|http:\/\/127/, "no passkey, no name, no tracker");
    assertNotMatch(text, new RegExp(`"port":${seedPort}\\b`), "no port");
    assertNotMatch(text, /2d5444/, "no peer id of ours");
    const replay = await runTt(["replay", path, "--json"]);
    assertEquals(replay.code, 0, replay.stderr);
    const [{ event, verdict, truncated, unchecked, piecesHave, pieces }] = replay.said as [
      typeof replay.said[0],
    ];
    assertEquals({ event, verdict, truncated, unchecked }, {
      event: "replayed",
      verdict: "same",
      truncated: false,
      unchecked: 0,
    });
    assertEquals(piecesHave, pieces);
  }
  const people = await runTt(["replay", dir.at("get.trace")]);
  assertMatch(people.stdout, /Verdict: the same decisions\n/);
});

Deno.test("a replay stops at an event, prints the state and why a peer is not asked", async () => {
  await using dir = await scratch();
  await recordTransfer(dir);
  const path = dir.at("get.trace");
  const text = await Deno.readTextFile(path);
  const events = text.split("\n").slice(1).filter((line) => /^[[{]/.test(line));
  const at = String(1 + events.findIndex((line) => line.startsWith("[")));
  const { said, code } = await runTt(["replay", path, "--at", at, "--why", "1", "--json"]);
  assertEquals(code, 0);
  assertEquals(said.map(({ event }) => event), ["state", "why", "replayed"]);
  const [state, why, replayed] = said;
  assert(state!.at >= Number(at) && state!.facts.downloaded > 0);
  assertEquals(state!.pieces.length, state!.facts.pieceCount);
  assertEquals(state!.peers[0].peer, 1);
  assertEquals(why!.peer, 1);
  assert(why!.why.kind.length > 0);
  assertEquals([replayed!.verdict, replayed!.stopped], ["same", true]);

  const people = await runTt(["replay", path, "--at", at, "--why", "1"]);
  assertMatch(people.stdout, /Pieces: .*\n +0 {2}[#wc0-9.]+\n/);
  assertMatch(people.stdout, /Next: +\w+ in/);
  assertMatch(
    people.stdout,
    /Peer 1, 127\.0\.0\.1:\d+: \d+ requests? of \d+ are outstanding|Peer 1.*: \d+ piece/,
  );
  const late = await runTt(["replay", path, "--at", "99999999"]);
  assertMatch(assertOneSentence(late, 2), /has \d+; give a smaller number/);
  const nobody = await runTt(["replay", path, "--at", at, "--why", "77"]);
  assertMatch(assertOneSentence(nobody, 2), /Peer 77 is not connected/);
});

Deno.test("a modified trace is detected, with the number of the event", async () => {
  await using dir = await scratch();
  await recordTransfer(dir);
  const lines = (await Deno.readTextFile(dir.at("get.trace"))).split("\n");
  const blocks = lines.flatMap((line, index) => line.startsWith("[") ? [index] : []);
  const victim = blocks[Math.floor(blocks.length / 2)]!;
  const event = lines.slice(1, victim + 1).filter((line) => /^[[{]/.test(line)).length;
  lines.splice(victim, 1);
  await Deno.writeTextFile(dir.at("changed.trace"), lines.join("\n"));
  const replay = await runTt(["replay", dir.at("changed.trace")]);
  const found = Number(/differs at event (\d+)/.exec(assertOneSentence(replay, 6))![1]);
  // A missing effect is detected at the end of its turn, or when its piece would have been
  // complete.
  assert(found >= event - 1, `${found} of ${event}`);
});

Deno.test("the trace of a killed run replays up to its end", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("film.bin"), makeBytes(SIZE));
  await using seed = await startSeed(["film.bin"], { cwd: dir.path });
  await using get = await startGet(
    ["film.bin.torrent", "--dir", "D", "--peer", seed.peer, "--trace", "get.trace"],
    { cwd: dir.path },
  );
  await get.event("complete");
  // Lines are written once a second: wait until some exist.
  const hasLines = async () => (await Deno.stat(dir.at("get.trace"))).size > 0;
  await until(hasLines, "the trace has lines");
  await get.stop("SIGKILL");
  const { code, said, stderr } = await runTt(["replay", dir.at("get.trace"), "--json"]);
  assertEquals(code, 0, stderr);
  assertEquals([said[0]!.verdict, said[0]!.truncated], ["same", true]);
});

Deno.test("invalid, unreadable and unwritable traces give one sentence", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("film.bin"), makeBytes(1000));
  await runTt(["create", "film.bin"], { cwd: dir.path });
  const other = await runTt(["replay", "film.bin.torrent"], { cwd: dir.path });
  assertMatch(assertOneSentence(other, 3), /it is not a trace/);
  assertMatch(
    assertOneSentence(await runTt(["replay", dir.at("none")]), 3),
    /Cannot read .*none/,
  );
  const get = await startGet(["film.bin.torrent", "--trace", "no/folder/x"], { cwd: dir.path });
  await using _ = get;
  assertMatch(
    (await get.end()).stderr,
    /Cannot write the trace no\/folder\/x: its folder does not exist/,
  );
  await Deno.writeTextFile(dir.at("bad.trace"), '{"tt":"trace","version":2}\n');
  const bad = await runTt(["replay", "bad.trace"], { cwd: dir.path });
  assertMatch(assertOneSentence(bad, 3), /line 1 is damaged/);
});
