/** Magnet links added to the daemon by RPC. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  assertContent,
  makeBytes,
  makeFile,
  runTt,
  scratch,
  startSeed,
} from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";

Deno.test("a magnet link is added once a peer has sent its metadata, and downloads", async () => {
  await using dir = await scratch();
  await Deno.writeFile(dir.at("film.bin"), makeBytes(300_000));
  await using seed = await startSeed(["film.bin"], { cwd: dir.path });
  const shown = await runTt(["show", dir.at("film.bin.torrent"), "--json"]);
  const link = `${shown.said[0]!.magnet}&x.pe=${seed.peer}`;
  await using daemon = await DaemonKit.start(dir.at("state"), ["--dir", dir.at("D")]);
  const answer = await daemon.call("torrent_add", { filename: link });
  assertEquals(answer.torrent_added.name, "film.bin");
  await daemon.until((torrent) => torrent.percent_done === 1, "percent_done");
  const again = await daemon.call("torrent_add", { filename: link });
  assertEquals(again.torrent_duplicate.name, "film.bin");
});

Deno.test("a link without an info hash is refused at once", async () => {
  await using dir = await scratch();
  await using daemon = await DaemonKit.start(dir.at("state"));
  const { error } = await daemon.answer("torrent_add", { filename: "magnet:?dn=film" });
  assertMatch(JSON.stringify(error), /info hash/);
});

Deno.test("a magnet link is listed at once, survives kill -9 and a pause, and gets its metadata", async () => {
  await using dir = await daemonFolder();
  const { torrent, bytes } = await makeFile(dir.at("src"), "film.bin", 200_000);
  const shown = await runTt(["show", torrent, "--json"]);
  const { infoHash, magnet } = shown.said[0]!;
  const args = ["--dir", dir.at("dl"), "--share-rule", "off"];
  {
    await using daemon = await DaemonKit.start(dir.state, args);
    const answer = await daemon.call("torrent_add", { filename: magnet, labels: ["films"] });
    assertEquals(answer.torrent_added.hash_string, infoHash);
    const fields = ["metadata_percent_complete", "percent_done", "total_size", "file_count"];
    const facts = await daemon.until(({ status }) => status === 4, ...fields);
    assertEquals(fields.map((field) => facts[field]), [0, 0, 0, 0]);
    const again = await daemon.call("torrent_add", { filename: magnet });
    assertEquals(again.torrent_duplicate.hash_string, infoHash);
    const status = await daemon.run("status");
    assertStringIncludes(status.stdout, "no peers yet, searching for some that have the metadata");
    await daemon.call("torrent_stop", { ids: [1] });
    await daemon.until(({ status }) => status === 0);
    await daemon.call("torrent_start", { ids: [1] });
    await daemon.until(({ status }) => status === 4);
    await daemon.tt.stop("SIGKILL");
  }
  await using daemon = await DaemonKit.start(dir.state, args);
  await daemon.until(({ status }) => status === 4);
  const dial = `127.0.0.1:${daemon.peerPort}`;
  await using _seed = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
  const done = await daemon.until(({ status }) => status === 6, "labels", "name", "total_size");
  assertEquals([done.name, done.total_size, done.labels], ["film.bin", 200_000, ["films"]]);
  await assertContent(dir.at("dl", "film.bin"), bytes);
});
