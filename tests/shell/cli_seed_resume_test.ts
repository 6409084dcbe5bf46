/** `tt seed --resume`: seeds what earlier runs seeded, without arguments. */
import { assertEquals, assertMatch } from "@std/assert";
import { EXIT } from "../../core/cli/exit_codes.ts";
import {
  assertOneSentence,
  LOCAL,
  makeFile,
  runTt,
  type Said,
  scratch,
  Tt,
} from "../support/cli_kit.ts";
import { until } from "../support/until.ts";

Deno.test("tt seed --resume seeds what is still there, however the earlier run ended", async () => {
  await using dir = await scratch();
  const env = { XDG_STATE_HOME: dir.at("state") };
  const one = await makeFile(dir.at("src"), "one.bin", 50_000);
  const two = await makeFile(dir.at("src"), "second.bin", 60_000);
  {
    await using seed = await Tt.start(["seed", ...LOCAL, one.path, two.torrent], {
      env,
      cwd: dir.path,
    });
    const isSeeding = (name: string) => (said: Said) =>
      said.name === name && said.state === "seeding";
    await seed.event("progress", isSeeding("one.bin"));
    await seed.event("progress", isSeeding("second.bin"));
    // Its memory is saved while it runs.
    await until(() => {
      const names = [...Deno.readDirSync(dir.at("state"))].flatMap(({ name }) =>
        name === "tt" ? [name] : []
      );
      const seeds = names.length === 0 ? [] : [...Deno.readDirSync(dir.at("state", "tt", "seeds"))];
      return seeds.filter(({ name }) => /\.(json|torrent)$/.test(name)).length === 4;
    }, "both seeds are remembered");
    await seed.stop("SIGKILL");
  }
  await Deno.remove(two.path);
  await using again = await Tt.start(["seed", "--resume", ...LOCAL], { env });
  await again.event("progress", (said) => said.name === "one.bin" && said.state === "seeding");
  const { said } = await again.stop();
  assertEquals(said.some(({ name }) => name === "second.bin"), false);

  await Deno.remove(one.path);
  const none = await runTt(["seed", "--resume", ...LOCAL], { env });
  assertMatch(assertOneSentence(none, EXIT.input), /name a PATH/);
});
