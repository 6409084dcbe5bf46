/** `tt get --choose` in a real terminal. */
import { makeBytes, runTt, scratch } from "../support/cli_kit.ts";
import { program, Terminal } from "./clients/tmux.ts";
import { ttCommand } from "../support/tt_command.ts";
import { interopTest } from "../support/requirements.ts";
import { assertEquals } from "@std/assert";

await interopTest({
  name: "tt get --choose lists the files, and its question stays while an answer is typed",
  needs: [program("tmux")],
  async fn() {
    await using dir = await scratch();
    await Deno.mkdir(dir.at("set"));
    for (const name of ["a", "b", "c"]) await Deno.writeFile(dir.at("set", name), makeBytes(1000));
    const made = await runTt(["create", dir.at("set"), "--out", dir.at("set.torrent")]);
    assertEquals(made.code, 0, made.stderr);
    const argv = await ttCommand([
      ...["get", dir.at("set.torrent"), "--choose", "--dir", dir.path, "--no-seed"],
      ...["--host", "127.0.0.1", "--port", "0"],
    ]);
    const command = `${argv.map((word) => `'${word}'`).join(" ")}; echo left; sleep 60`;
    await using terminal = await Terminal.open(command, 100, 60);
    await terminal.shows(/^3 .*set\/c$/m);
    // Often enough for the bars to be redrawn in between.
    for (let wrong = 4; wrong < 20; wrong++) {
      await terminal.shows(/^Files to download, .*:$/m);
      await terminal.line(String(wrong));
      await terminal.shows(new RegExp(`^Files to download, .*: ${wrong}$`, "m"));
      await terminal.shows(new RegExp(`there is no file ${wrong}, only 1 to 3`));
    }
    await terminal.shows(/^Files to download, .*:$/m);
    await terminal.line("1,3");
    await terminal.shows(/^left/m);
  },
});
