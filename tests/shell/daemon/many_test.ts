/** More torrents than a process may have files open. */
import { assert, assertEquals } from "@std/assert";
import { runTt } from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { makeSmallTorrents } from "../../support/many_torrents.ts";
import { until } from "../../support/until.ts";

const TORRENTS = 300;
const DESCRIPTORS = 128;

Deno.test(`${TORRENTS} torrents seed with ${DESCRIPTORS} file descriptors, and are in use`, async () => {
  await using dir = await daemonFolder();
  const content = dir.at("content");
  const torrents = await makeSmallTorrents(content, TORRENTS, "http://127.0.0.1:9/announce");
  await using daemon = await DaemonKit.start(dir.state, ["--dir", content], {
    descriptors: DESCRIPTORS,
  });
  for (const { path } of torrents) {
    const metainfo = (await Deno.readFile(path)).toBase64();
    await daemon.call("torrent_add", { metainfo });
  }
  let states: Record<string, number> = {};
  const doSeed = async () => {
    states = {};
    for (const { status, error_string } of await daemon.torrents("status", "error_string")) {
      const isLocal = error_string !== "" && status !== 6;
      const state = isLocal ? error_string : String(status);
      states[state] = (states[state] ?? 0) + 1;
    }
    return states["6"] === TORRENTS;
  };
  await until(doSeed, "all seed", () => JSON.stringify(states));
  for (const { path } of [torrents[0]!, torrents.at(-1)!]) {
    const get = await runTt(["get", path, "--dir", content, "--no-seed"]);
    assertEquals(get.code, 5, get.stderr);
    assert(get.stderr.includes("Another tt is already using"), get.stderr);
  }
  await daemon.tt.stop();
  const get = await runTt(["get", torrents[0]!.path, "--dir", content, "--no-seed"]);
  assertEquals(get.code, 0, get.stderr);
});
