/** Recorded runs against real clients replay with identical effects. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { runTt } from "../support/cli_kit.ts";
import { others } from "./clients/all.ts";
import { ttWith } from "./clients/tt.ts";
import { nestedFolder, openScratch } from "../support/content.ts";
import { concurrentSteps, interopTest } from "../support/requirements.ts";
import { transfer } from "./transfer.ts";

for (const other of others) {
  await interopTest({
    name: `a run of tt with ${other.name} replays with identical effects, in both roles`,
    needs: [other],
    fn: (test) =>
      concurrentSteps(test, [
        { name: "download", fn: () => record((tt) => transfer(other, tt, nestedFolder)) },
        { name: "seed", fn: () => record((tt) => transfer(tt, other, nestedFolder)) },
      ]),
  });
}

async function record(run: (tt: ReturnType<typeof ttWith>) => Promise<void>): Promise<void> {
  await using scratch = await openScratch();
  const trace = join(scratch.path, "run.trace");
  await run(ttWith({ shareRule: "off", trace }));
  const { code, stderr, said } = await runTt(["replay", trace, "--json"]);
  assertEquals(code, 0, stderr);
  const { verdict, truncated, piecesHave, pieces } = said[0]!;
  assertEquals({ verdict, truncated }, { verdict: "same", truncated: false });
  assertEquals(piecesHave, pieces);
}
