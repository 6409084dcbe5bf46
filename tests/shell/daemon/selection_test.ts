/** Files that a remote selects, on the running torrent. */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import {
  assertContent,
  assertOneSentence,
  makeBytes,
  makeFile,
  runTt,
  startSeed,
} from "../../support/cli_kit.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { MESSAGE_ID } from "../../../core/wire/message_id.ts";
import { parseTorrent } from "../../../shell/load_torrent.ts";
import { exists } from "../disk/support.ts";
import { handshake, RawPeer } from "../driver_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { until, within } from "../../support/until.ts";

const PIECE = 16 * 1024;
/** Every file ends within a piece. */
const SIZE = 4 * PIECE + 100;

Deno.test("files are selected when adding and at runtime, and again after a kill", async () => {
  await using dir = await daemonFolder();
  await Deno.mkdir(dir.at("src", "set"), { recursive: true });
  for (const name of ["a", "b", "c", "d"]) {
    await Deno.writeFile(dir.at("src", "set", name), makeBytes(SIZE, name.charCodeAt(0)));
  }
  const torrent = dir.at("set.torrent");
  const made = ["create", dir.at("src", "set"), "--out", torrent, "--piece-length", "16K"];
  assertEquals((await runTt(made)).code, 0);
  const files = async () => {
    const there = [];
    for (const name of ["a", "b", "c", "d"]) {
      if (await exists(join(dir.at("dl"), "set", name))) there.push(name);
    }
    return there.join("");
  };
  const isDone = ({ left_until_done, status }: Record<string, number>) =>
    left_until_done === 0 && status === 6;
  {
    await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("dl")]);
    const metainfo = (await Deno.readFile(torrent)).toBase64();
    await daemon.call("torrent_add", { metainfo, files_unwanted: [0, 2, 3], paused: false });
    await daemon.call("torrent_set", { ids: [1], sequential_download: true });
    await using _peer = await startSeed([
      ...[torrent, "--dir", dir.at("src"), "--peer", `127.0.0.1:${daemon.peerPort}`],
    ]);
    const fields = ["left_until_done", "size_when_done", "percent_done", "done_date"];
    const done = await daemon.until(isDone, ...fields);
    assertEquals([done.size_when_done, done.percent_done], [SIZE, 1]);
    assertEquals(await files(), "b");

    await daemon.call("torrent_set", { ids: [1], files_wanted: [2], priority_high: [2] });
    await daemon.until((facts) => isDone(facts) && facts.size_when_done === 2 * SIZE, ...fields);
    assertEquals(await files(), "bc");
    const bad = await daemon.answer("torrent_set", { ids: [1], files_wanted: [4] });
    assertEquals(bad.error.data.error_string, "There is no file 4; the torrent has 4");
    await daemon.tt.stop("SIGKILL");
  }
  await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("dl")]);
  const again = await daemon.until(isDone, "left_until_done", "wanted", "priorities");
  assertEquals(again.wanted.map(Number), [0, 1, 1, 0]);
  assertEquals(again.priorities, [0, 0, 1, 0]);
  assertEquals(await files(), "bc");
});

Deno.test("tt add and tt get --daemon select files", async () => {
  await using dir = await daemonFolder();
  await Deno.mkdir(dir.at("set"));
  for (const name of ["a", "b", "c"]) await Deno.writeFile(dir.at("set", name), makeBytes(1000));
  const torrent = dir.at("set.torrent");
  assertEquals((await runTt(["create", dir.at("set"), "--out", torrent])).code, 0);
  await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("dl")]);
  const choice = ["--select", "1-2", "--priority-high", "b", "--sequential", "--first-last"];
  const fields = ["wanted", "priorities", "sequential_download", "tt_first_last"];
  for (const args of [["add", torrent], ["get", torrent, "--daemon", "--dir", dir.at("dl")]]) {
    const { code, stderr } = await daemon.run(...args, ...choice);
    assertEquals(code, 0, stderr);
    const [facts] = await daemon.torrents(...fields);
    assertEquals(facts.wanted.map(Number), [1, 1, 0]);
    assertEquals(facts.priorities, [0, 1, 0]);
    assertEquals([facts.sequential_download, facts.tt_first_last], [true, true]);
    await daemon.run("remove", "all", "--data");
  }
  assertOneSentence(await daemon.run("add", torrent, "--select", "4"), 3);
  const link = `magnet:?xt=urn:btih:${"ab".repeat(20)}`;
  assertOneSentence(await daemon.run("add", link, "--select", "1"), 2);
  const get = ["get", link, "--daemon", "--choose"];
  assertOneSentence(await daemon.run(...get), 2);
  assertEquals(await daemon.torrents("id"), []);
});

Deno.test("the daemon keeps a download in one folder and moves it to another once it is complete", async () => {
  await using dir = await daemonFolder();
  const { torrent, bytes } = await makeFile(dir.at("src"), "film.bin", 300_000);
  await using daemon = await DaemonKit.start(dir.state, ["--share-rule", "off"]);
  const there = dir.at("there"), here = dir.at("here");
  for (const args of [["add", torrent], ["get", torrent, "--daemon"]]) {
    const { code, stderr } = await daemon.run(...args, "--dir", here, "--move-to", there);
    assertEquals(code, 0, stderr);
    await daemon.until(({ status }) => status === 4);
    assertEquals([await exists(join(here, "film.bin")), await exists(there)], [true, false]);
    const dial = `127.0.0.1:${daemon.peerPort}`;
    await using _seed = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
    await daemon.until(({ status }) => status === 6);
    await until(async () => !await exists(join(here, "film.bin")), "the move");
    await assertContent(join(there, "film.bin"), bytes);
    await daemon.run("remove", "all", "--data");
    await Deno.remove(there, { recursive: true });
  }
});

Deno.test("super-seeding can be requested of the daemon, and switched off and on later", async () => {
  await using dir = await daemonFolder();
  const { path, torrent } = await makeFile(dir.at("src"), "film.bin", 300_000);
  const { metainfo: { infoHash } } = parseTorrent(await Deno.readFile(torrent), torrent);
  await using daemon = await DaemonKit.start(dir.state);
  const out = ["--out", torrent, "--force"];
  const { code, stderr } = await daemon.run("seed", path, ...out, "--daemon", "--super-seed");
  assertEquals(code, 0, stderr);
  const isSeeding = ({ status }: Record<string, number>) => status === 6;
  for (const isOn of [true, false, true]) {
    await daemon.call("torrent_set", { ids: [1], tt_super_seed: isOn });
    const facts = await daemon.until(isSeeding, "tt_super_seed");
    assertEquals(facts.tt_super_seed, isOn);
    const expected = isOn ? MESSAGE_ID.haveNone : MESSAGE_ID.haveAll;
    assertEquals(await firstMessage(daemon.peerPort, infoHash), expected);
  }
});

/** The first message about its pieces that the daemon sends to a peer that connects. */
async function firstMessage(port: number, infoHash: InfoHash): Promise<number> {
  const first = Promise.withResolvers<number>();
  await using peer = await RawPeer.dial(port, (id) => first.resolve(id));
  await peer.write(handshake(infoHash));
  return await within(first.promise, "a message of the daemon");
}
