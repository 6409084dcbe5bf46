/** A library that apps are built on, @ctrl/transmission from npm, against a daemon. */
import { Transmission } from "@ctrl/transmission";
import { assertEquals } from "@std/assert";
import { makeFile } from "../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../support/daemon_kit.ts";

Deno.test("@ctrl/transmission adds, lists, changes and removes torrents", async () => {
  await using dir = await daemonFolder();
  const { torrent } = await makeFile(dir.at("src"), "film.bin", 60_000);
  await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("src")]);
  const client = new Transmission({
    baseUrl: daemon.url,
    username: "anyone",
    password: daemon.token,
  });
  // Without a folder it names one of its own, below the root.
  const where = { "download-dir": dir.at("src") };
  const answer = await client.addTorrent(await Deno.readFile(torrent), where);
  const hash = answer.arguments["torrent-added"].hashString;
  await client.setTorrent(hash, { labels: ["films"] });
  const added = await client.getTorrent(hash);
  assertEquals([added.name, added.label], ["film.bin", "films"]);
  await daemon.until(({ status }) => status === 6);

  const { torrents } = await client.getAllData();
  assertEquals(
    torrents.map(({ name, progress, state, totalSize }) => ({ name, progress, state, totalSize })),
    [
      { name: "film.bin", progress: 1, state: "seeding" as never, totalSize: 60_000 },
    ],
  );
  const { arguments: session } = await client.getSession();
  assertEquals(session["download-dir"], dir.at("src"));
  await client.setTorrent(added.id, { uploadLimit: 70, uploadLimited: true });
  const [{ upload_limit: limit }] = await daemon.torrents("upload_limit");
  assertEquals(limit, 70);
  await client.pauseTorrent(added.id);
  await daemon.until(({ status }) => status === 0);
  await client.resumeTorrent(added.id);
  await daemon.until(({ status }) => status === 6);
  await client.queueTop(added.id);
  const free = await client.freeSpace(dir.at("src"));
  assertEquals(free.arguments["size-bytes"] > 0, true);
  await client.removeTorrent(added.id, false);
  assertEquals((await client.getAllData()).torrents, []);
});
