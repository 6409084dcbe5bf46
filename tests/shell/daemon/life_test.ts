/** A daemon from a user's view, from the first torrent to the end, and after a restart. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../core/cli/exit_codes.ts";
import {
  assertContent,
  assertOneSentence,
  makeFile,
  runTt,
  startSeed,
} from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { until } from "../../support/until.ts";

Deno.test("a daemon downloads, persists, moves, renames and removes torrents", async () => {
  await using dir = await daemonFolder();
  const { path, torrent, bytes } = await makeFile(dir.at("src"), "film.bin", 700_000, [
    "--tracker",
    "http://127.0.0.1:1/announce",
  ]);
  const dl = dir.at("dl");
  {
    await using daemon = await DaemonKit.start(dir.state, ["--dir", dl, "--share-rule", "off"]);
    const added = await daemon.run("add", torrent, "--label", "films", "--json");
    assertEquals(added.code, EXIT.done, added.stderr);
    assertEquals(added.said[0]!.event, "added");
    const again = await daemon.run("add", torrent, "--json");
    assertEquals(again.said[0]!.event, "duplicate");
    await daemon.until(({ status }) => status === 4);

    const why = await daemon.run("why", "film");
    assertStringIncludes(why.stdout, "no peers yet");

    // A seeder that dials the daemon, which has no working tracker.
    const dial = `127.0.0.1:${daemon.peerPort}`;
    await using _seed = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
    await daemon.until(({ percent_done }) => percent_done === 1, "percent_done");
    const [facts] = await daemon.torrents("tracker_stats", "pieces");
    assertEquals(facts.tracker_stats[0].last_announce_succeeded, false);
    assertEquals(Uint8Array.fromBase64(facts.pieces)[0], 0xff);
    await assertContent(`${dl}/film.bin`, bytes);

    const status = await daemon.run("status", "--json");
    assertEquals(status.said[0]!.name, "film.bin");
    assertEquals(status.said[0]!.bytesDone, 700_000);
    const ended = await daemon.run("stop");
    assertEquals(ended.code, EXIT.done, ended.stderr);
    assertEquals((await daemon.tt.end()).code, EXIT.done);
  }
  const mtime = (await Deno.stat(`${dl}/film.bin`)).mtime;
  {
    // Everything is present again, and nothing is hashed: the log says "resumed" only.
    await using daemon = await DaemonKit.start(dir.state, ["--dir", dl]);
    const torrent = await daemon.until(({ status }) => status === 6, "labels", "done_date");
    assertEquals(torrent.labels, ["films"]);
    assert(torrent.done_date > 0);
    const { entries } = await daemon.call("tt_log");
    const events = entries.map(({ event }: { event: string }) => event);
    assert(events.includes("resumed") && !events.includes("checked"), events.join());
    assertEquals((await Deno.stat(`${dl}/film.bin`)).mtime, mtime);

    await daemon.call("torrent_rename_path", { ids: [1], path: "film.bin", name: "movie.bin" });
    await assertContent(`${dl}/movie.bin`, bytes);
    const moved = await daemon.run("move", "movie", dir.at("there"));
    assertEquals(moved.code, EXIT.done, moved.stderr);
    await assertContent(dir.at("there", "movie.bin"), bytes);
    await daemon.until(({ status, name }) => status === 6 && name === "movie.bin");
    await daemon.tt.stop("SIGKILL");
  }
  {
    // The process was killed: the same again.
    await using daemon = await DaemonKit.start(dir.state);
    const torrent = await daemon.until(({ status }) => status === 6, "download_dir");
    assertEquals([torrent.name, torrent.download_dir], ["movie.bin", dir.at("there")]);
    const gone = await daemon.run("remove", "all", "--data");
    assertEquals(gone.code, EXIT.done, gone.stderr);
    assertEquals(await daemon.torrents("id"), []);
    const left = await Deno.stat(dir.at("there", "movie.bin")).catch(() => undefined);
    assertEquals(left, undefined);
    await Deno.stat(path);
  }
});

Deno.test("the queue runs the first torrents, and moving one starts it", async () => {
  await using dir = await daemonFolder();
  const names = ["a", "bb", "ccc"];
  const torrents = [];
  for (const name of names) {
    torrents.push((await makeFile(dir.at("src"), name, 40_000 + name.length)).torrent);
  }
  const args = ["--dir", dir.at("dl"), "--max-downloads", "1"];
  await using daemon = await DaemonKit.start(dir.state, args);
  const added = await daemon.run("add", ...torrents);
  assertEquals(added.code, EXIT.done, added.stderr);
  const states = async () => (await daemon.torrents("status")).map(({ status }) => status);
  await daemon.until(({ status }) => status === 4);
  assertEquals(await states(), [4, 3, 3]);
  await daemon.call("queue_move_top", { ids: [3] });
  await daemon.call("torrent_stop", { ids: [1] });
  await until(async () => (await states())[2] === 4, "the third runs");
  assertEquals(await states(), [0, 3, 4]);
  await daemon.call("torrent_start_now", { ids: [2] });
  await until(async () => (await states())[1] === 4, "the second runs");
  assertEquals(await states(), [0, 4, 4]);
});

Deno.test("a state folder has one daemon, and commands without one report that", async () => {
  await using dir = await daemonFolder();
  const none = await runTt(["status", "--state", dir.at("none")]);
  assertStringIncludes(assertOneSentence(none, EXIT.network), "start it with tt daemon");
  await using daemon = await DaemonKit.start(dir.state);
  const second = await runTt(["daemon", "--state", dir.state, "--rpc", "127.0.0.1:0"]);
  assertStringIncludes(assertOneSentence(second, EXIT.disk), "Another daemon uses");
  const missing = await daemon.run("pause", "nothing");
  assertStringIncludes(assertOneSentence(missing, EXIT.input), "tt status lists them");
});

Deno.test("settings changed by RPC survive a restart, but options override them", async () => {
  await using dir = await daemonFolder();
  const config = dir.at("tt.toml");
  await Deno.writeTextFile(config, 'max-downloads = 7\nup-limit = "2M"\n');
  const settings = ["download_queue_size", "speed_limit_up", "speed_limit_up_enabled"];
  const start = (...args: string[]) => DaemonKit.start(dir.state, ["--config", config, ...args]);
  {
    await using daemon = await start();
    assertEquals(await daemon.call("session_get", { fields: settings }), {
      download_queue_size: 7,
      speed_limit_up: 2000,
      speed_limit_up_enabled: true,
    });
    await daemon.call("session_set", { download_queue_size: 9, speed_limit_up: 300 });
    await daemon.tt.stop("SIGKILL");
  }
  {
    await using daemon = await start("--up-limit", "1M");
    const now = await daemon.call("session_get", { fields: settings });
    assertEquals([now.download_queue_size, now.speed_limit_up], [9, 1000]);
  }
  assertEquals(await Deno.readTextFile(config), 'max-downloads = 7\nup-limit = "2M"\n');
});

Deno.test("tt get and tt seed hand over their torrents, and the daemon's peers are shown", async () => {
  await using dir = await daemonFolder();
  const content = dir.at("src", "film.bin");
  const { bytes } = await makeFile(dir.at("src"), "film.bin", 3_000_000);
  await using one = await DaemonKit.start(dir.at("one"));
  const seeded = await one.run(
    "seed",
    content,
    "--daemon",
    "--out",
    dir.at("new.torrent"),
    "--json",
  );
  assertEquals(seeded.code, EXIT.done, seeded.stderr);
  await one.until(({ status }) => status === 6);

  await using two = await DaemonKit.start(dir.at("two"), ["--share-rule", "off"]);
  const got = await two.run(
    ...["get", dir.at("new.torrent"), "--dir", dir.at("dl"), "--daemon", "--down-limit", "200K"],
  );
  assertEquals(got.code, EXIT.done, got.stderr);
  assertStringIncludes(got.stdout, "Added film.bin to the daemon");
  const [torrent] = await two.torrents("download_limit", "download_dir");
  assertEquals([torrent.download_limit, torrent.download_dir], [200, dir.at("dl")]);

  // Slow enough to last while the commands below read its status.
  await two.call("torrent_set", { ids: [1], download_limit: 50 });
  await using _get = await startSeed([
    ...[dir.at("new.torrent"), "--dir", dir.at("src"), "--peer", `127.0.0.1:${two.peerPort}`],
  ]);
  await two.until(({ rate_download }) => rate_download > 0, "rate_download");
  const peers = await two.run("peers", "film", "--json");
  assertEquals(peers.said.map(({ event, source }) => [event, source]), [["connected", "incoming"]]);
  const why = await two.run("why", "film", "--json");
  const sources = (why.said[0]!.peers as { source: string }[]).map(({ source }) => source);
  assertEquals(sources, ["incoming"]);
  assertStringIncludes((await two.run("why", "film")).stdout, "connected to us");
  await two.run("limit", "film", "--down", "off");
  await two.until(({ percent_done }) => percent_done === 1, "percent_done");
  await assertContent(dir.at("dl", "film.bin"), bytes);
});
