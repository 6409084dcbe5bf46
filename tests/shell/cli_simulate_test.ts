/** `tt simulate` from a user's view. */
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { Tt } from "../support/cli_kit.ts";
import { openScratch } from "../support/content.ts";

const SMALL = ["simulate", "--peers", "6", "--size", "2M", "--seed", "7"];

async function run(args: readonly string[]) {
  await using tt = await Tt.start(args);
  return await tt.ended;
}

Deno.test("simulate plots the swarm, prints its figures, and is reproducible", async () => {
  const [first, second] = await Promise.all([run([...SMALL, "--json"]), run([...SMALL, "--json"])]);
  assertEquals(first.code, 0);
  const [one, two] = [first.said.at(-1)!, second.said.at(-1)!];
  assertEquals(one.event, "simulated");
  assertEquals([one.completed, one.downloaders], [6, 6]);
  assertEquals(one.trace, two.trace);
  assert(one.boundRatio >= 1 && one.honest.worst >= one.boundSeconds);
  const text = await run(SMALL);
  assert(text.stdout.includes(`trace ${one.trace}`), text.stdout);
  assert(text.stdout.includes("100 %") && text.stdout.includes("uplink"));
});

Deno.test("simulate writes the SVG plot, or prints one sentence why not", async () => {
  await using scratch = await openScratch();
  const path = join(scratch.path, "swarm.svg");
  assertEquals((await run([...SMALL, "--plot", path])).code, 0);
  assert((await Deno.readTextFile(path)).startsWith("<svg "));
  const missing = await run([...SMALL, "--plot", join(scratch.path, "no", "swarm.svg")]);
  assertEquals(missing.code, 5);
  assertEquals(missing.stderr.match(/^Error: /gm)?.length, 1, missing.stderr);
});

Deno.test("invalid swarm options are refused with one sentence", async () => {
  for (
    const wrong of [["--peers", "0"], ["--size", "1"], ["--free-riders", "101"], ["--up", "off"]]
  ) {
    const { code, stderr } = await run(["simulate", ...wrong]);
    assertEquals(code, 2);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
  }
});
