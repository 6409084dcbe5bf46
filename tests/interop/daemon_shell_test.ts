/** `tt shell` in a real terminal: completion, history, Ctrl-C, and the end. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { makeFile } from "../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../support/daemon_kit.ts";
import { program, Terminal } from "./clients/tmux.ts";
import { ttCommand } from "../support/tt_command.ts";
import { interopTest } from "../support/requirements.ts";

await interopTest({
  name: "tt shell completes, keeps history, deletes a line and exits, with and without a daemon",
  needs: [program("tmux")],
  async fn() {
    await using dir = await daemonFolder();
    const { torrent } = await makeFile(dir.at("src"), "film.bin", 100_000);
    const own = ["--host", "127.0.0.1", "--port", "0", "--dir", dir.at("src")];
    const argv = await ttCommand(["shell", "--state", dir.state, ...own]);
    const command = `${argv.map((word) => `'${word}'`).join(" ")}; echo left; sleep 60`;
    {
      await using terminal = await Terminal.open(command, 100, 30);
      await terminal.shows(/torrents run for as long as this prompt is open/);
      await terminal.line(`download ${torrent} --dir ${dir.at("src")}`);
      await terminal.shows(/Added film.bin to the daemon/);
      await terminal.type("n", "u", "m", "Tab");
      await terminal.shows(/^tt> number_of_piece $|^tt> number_of_piece$/m);
      await terminal.type("f", "i", "Tab");
      await terminal.shows(/^tt> number_of_piece film\.bin/m);
      await terminal.type("Enter");
      await terminal.shows(/^film.bin: \d+ of 7 pieces/m);
      await terminal.type("x", "y", "C-c");
      await terminal.line("clear");
      await terminal.type("Up", "Up");
      await terminal.shows(/^tt> number_of_piece film.bin/m);
      await terminal.type("C-c");
      await terminal.line("nonsense");
      await terminal.shows(/"nonsense" is not a word of this prompt/);
      await terminal.line("end");
      await terminal.shows(/^left/m);
    }
    const history = await Deno.readTextFile(`${dir.state}/history`);
    assertStringIncludes(history, "number_of_piece film.bin \nclear\n");
    assertEquals((await Deno.stat(`${dir.state}/history`)).mode! & 0o777, 0o600);

    await using daemon = await DaemonKit.start(dir.state);
    await using terminal = await Terminal.open(command, 100, 30);
    await terminal.shows(/Connected to the running daemon/);
    await terminal.line("list");
    await terminal.shows(/^1 torrent, 0 active/m);
    await terminal.line("pause film");
    await terminal.shows(/^Paused film.bin/m);
    await terminal.type("C-d");
    await terminal.shows(/^left/m);
    const [{ status }] = await daemon.torrents("status");
    assertEquals(status, 0);
  },
});
