/**
 * Files and addresses given by the user that are not available: one sentence that says what to do.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { assertOneSentence, forEachAtOnce, makeFile, runTt, scratch } from "../support/cli_kit.ts";

Deno.test("an unreadable or unwritable file is named, with the option to check", async () => {
  await using dir = await scratch();
  const nowhere = dir.at("none", "x");
  const { path } = await makeFile(dir.at("S"), "f.bin", 20_000);
  const tracker = ["tracker", "--port", "0", "--store", "memory"];
  const simulation = ["simulate", "--peers", "2", "--size", "64K", "--quiet"];
  const cases: readonly (readonly [string[], number, RegExp])[] = [
    [["replay", nowhere], 3, /Cannot read .*x: it does not exist; check the path/],
    [
      ["show", dir.at("S"), "--config", nowhere],
      2,
      /config file .*: it does not exist; check --con/,
    ],
    [
      ["create", path, "--out", nowhere],
      5,
      /its folder does not exist; name another file with --out/,
    ],
    [[...simulation, "--plot", nowhere], 5, /plot .*: its folder does not exist; .* --plot/],
    [
      [...tracker, "--access-log", nowhere],
      5,
      /log .*: its folder does not exist; .* --access-log/,
    ],
    [[...tracker, "--deny", nowhere], 5, /it does not exist; check --deny/],
  ];
  await forEachAtOnce(cases, async ([args, code, pattern]) => {
    assertMatch(assertOneSentence(await runTt(args), code), pattern);
  });
});

Deno.test("an address of another machine and a port in use have different errors", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "f.bin", 20_000);
  const elsewhere = ["--host", "192.0.2.1"];
  for (const args of [["tracker", "--store", "memory"], ["seed", torrent]]) {
    const ended = await runTt([...args, ...elsewhere]);
    assertMatch(assertOneSentence(ended, 4), /192\.0\.2\.1: .* no such address; choose .* --host/);
  }
});

Deno.test("for content that does not match, the error says how to repair it", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "f.bin", 20_000);
  await Deno.writeFile(path, new Uint8Array(20_000));
  const ended = await runTt(["verify", torrent, "--json"]);
  assertEquals(ended.code, 6);
  assertMatch(ended.said.at(-1)!.message, /does not match; tt get .* mends it/);
});
