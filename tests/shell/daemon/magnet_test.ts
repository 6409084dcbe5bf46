/** Magnet links that the daemon is given by its RPC. */
import { assertEquals, assertMatch } from "@std/assert";
import { makeBytes, runTt, scratch, startSeed } from "../cli_kit.ts";
import { DaemonKit } from "./kit.ts";

Deno.test("a magnet link is added once a peer has given its metadata, and downloads", async () => {
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

Deno.test("a link that names no torrent is refused at once", async () => {
  await using dir = await scratch();
  await using daemon = await DaemonKit.start(dir.at("state"));
  const { error } = await daemon.answer("torrent_add", { filename: "magnet:?dn=film" });
  assertMatch(JSON.stringify(error), /info hash/);
});
