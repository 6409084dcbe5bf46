/** The completions in the real shells, and the manual page in groff. */
import { assertEquals, assertMatch } from "@std/assert";
import { runTt, scratch } from "../support/cli_kit.ts";
import { program, Terminal } from "./clients/tmux.ts";
import { interopTest } from "../support/requirements.ts";

async function script(shell: string, path: string): Promise<void> {
  const { code, stdout, stderr } = await runTt(["completions", shell]);
  assertEquals(code, 0, stderr);
  await Deno.writeTextFile(path, stdout);
}

async function run(argv: readonly string[], cwd: string): Promise<string[]> {
  const { stdout, stderr } = await new Deno.Command(argv[0]!, { args: argv.slice(1), cwd })
    .output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new TextDecoder().decode(stdout).trim().split(/\n/);
}

await interopTest({
  name: "bash completes commands, options, their words, folders and files",
  needs: [program("bash")],
  async fn() {
    await using dir = await scratch();
    await script("bash", dir.at("tt.bash"));
    await Deno.mkdir(dir.at("films"));
    await Deno.writeTextFile(dir.at("fig.torrent"), "");
    const complete = async (...words: string[]) => {
      const line = words.map((word) => `'${word}'`).join(" ");
      const code = `source tt.bash; compopt() { :; }; COMP_WORDS=(${line}); ` +
        `COMP_CWORD=${words.length - 1}; _tt; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return (await run(["bash", "--norc", "-c", code], dir.path)).toSorted();
    };
    assertEquals(await complete("tt", "st"), ["status", "stop", "stream"]);
    assertEquals(await complete("tt", "get", "--seed"), ["--seed-ratio", "--seed-time"]);
    assertEquals(await complete("tt", "get", "--dht", ""), ["off", "on"]);
    assertEquals(await complete("tt", "get", "--dir", "f"), ["films"]);
    assertEquals(await complete("tt", "add", "f"), ["fig.torrent", "films"]);
    assertEquals(await complete("tt", "completions", "z"), ["zsh"]);
    assertEquals(await complete("tt", "get", "--port", ""), [""]);
  },
});

await interopTest({
  name: "fish completes commands, options, their words, folders and files",
  needs: [program("fish")],
  async fn() {
    await using dir = await scratch();
    await script("fish", dir.at("tt.fish"));
    await Deno.mkdir(dir.at("films"));
    await Deno.writeTextFile(dir.at("fig.torrent"), "");
    const complete = async (line: string) => {
      const code = `source tt.fish; complete -C '${line}'`;
      const lines = await run(["fish", "--no-config", "-c", code], dir.path);
      return lines.map((found) => found.split("\t")[0]).toSorted();
    };
    assertEquals(await complete("tt st"), ["status", "stop", "stream"]);
    assertEquals(await complete("tt get --seed-"), ["--seed-ratio", "--seed-time"]);
    assertEquals(await complete("tt get --dht "), ["off", "on"]);
    assertEquals(await complete("tt add f"), ["fig.torrent", "films/"]);
    assertEquals(await complete("tt completions z"), ["zsh"]);
  },
});

await interopTest({
  name: "zsh completes commands and options as they are typed",
  needs: [program("zsh"), program("tmux")],
  async fn() {
    await using dir = await scratch();
    await script("zsh", dir.at("_tt"));
    await using terminal = await Terminal.open(`env PS1='> ' zsh -f`, 120, 30);
    const setup = `autoload -Uz compinit; compinit -u -D; source ${
      dir.at("_tt")
    }; clear; echo rea'dy'`;
    await terminal.type(setup, "Enter");
    await terminal.shows(/^ready/m);
    await terminal.type("tt completions z", "Tab");
    await terminal.shows(/^> tt completions zsh/m);
    await terminal.type("C-u", "tt get --seed-r", "Tab");
    await terminal.shows(/^> tt get --seed-ratio/m);
    await terminal.type("C-u", "tt get --dht ", "Tab", "Tab");
    await terminal.shows(/^off +on/m);
    await terminal.type("C-u", "tt st", "Tab", "Tab");
    const screen = await terminal.shows(/status +-- Show the daemon's torrents/);
    assertMatch(screen, /stop +-- Stop the daemon/);
  },
});

await interopTest({
  name: "groff takes the manual page without a warning",
  needs: [program("groff")],
  async fn() {
    await using dir = await scratch();
    const { code, stdout, stderr } = await runTt(["man"]);
    assertEquals(code, 0, stderr);
    await Deno.writeTextFile(dir.at("tt.1"), stdout);
    const page = await run(["groff", "-man", "-Tascii", "-ww", "tt.1"], dir.path);
    assertMatch(page.join("\n"), /BitTorrent in one executable/);
  },
});
