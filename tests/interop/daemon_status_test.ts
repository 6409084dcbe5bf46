/** `tt status -w` in a real terminal, with its keys. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeFile } from "../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../support/daemon_kit.ts";
import { program, Terminal } from "./clients/tmux.ts";
import { ttCommand } from "../support/tt_command.ts";
import { interopTest } from "../support/requirements.ts";

await interopTest({
  name: "tt status -w updates, sorts, selects, pauses and shows details at 80 and 120 columns",
  needs: [program("tmux")],
  async fn() {
    await using dir = await daemonFolder();
    const names = [
      "apple.bin",
      "a much longer name of a torrent that has to be cut.bin",
      "pear.bin",
    ];
    const torrents: string[] = [];
    for (const [at, name] of names.entries()) {
      torrents.push((await makeFile(dir.at("src"), name, 100_000 * (at + 1))).torrent);
    }
    await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("src")]);
    await daemon.run("add", ...torrents);
    await daemon.until(({ status }) => status === 6);
    const argv = await ttCommand(["status", "-w", "--state", dir.state]);
    const command = argv.map((word) => `'${word}'`).join(" ");
    for (const columns of [80, 120]) {
      await using terminal = await Terminal.open(`${command}; sleep 60`, columns, 24);
      const screen = await terminal.shows(/3 torrents, 0 active/);
      assertMatch(screen, columns === 80 ? /Done +Down +Up +State/ : /Done +Size +Down +Up +Ratio/);
      for (const line of screen.split("\n")) assert(line.length < columns, line);
      await terminal.shows(/activity {3}s order/);
      await terminal.type("s");
      await terminal.shows(/^name {3}s order/m);
      await terminal.type("r");
      const reversed = await terminal.shows(/^name, reversed/m);
      assert(reversed.indexOf("pear.bin") < reversed.indexOf("apple.bin"), reversed);
      await terminal.type("Down", "Enter");
      const details = await terminal.shows(/^Info hash +[0-9a-f]{40}/m);
      assertMatch(details, /^Name +pear.bin/m);
      await terminal.type("p");
      await terminal.shows(/pear\.bin .* paused, complete/);
      await terminal.type("p");
      await terminal.shows(/pear\.bin .* seeding/);
      // Torrents added elsewhere appear.
      if (columns === 80) {
        const { torrent } = await makeFile(dir.at("src"), "plum.bin", 40_000);
        await daemon.run("add", torrent);
        await terminal.shows(/plum\.bin/);
        await daemon.run("remove", "plum");
        await terminal.shows(/3 torrents/);
      }
      await terminal.type("q");
      // The terminal shows its previous contents again.
      await terminal.shows(/^$/);
    }
    assertEquals((await daemon.run("status")).code, 0);
  },
});
