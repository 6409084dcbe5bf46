/** Client libraries from npm and Debian against a daemon. */
import { Transmission } from "@ctrl/transmission";
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { makeFile } from "../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../support/daemon_kit.ts";
import { interopTest, type Requirement } from "../support/requirements.ts";

Deno.test("@ctrl/transmission adds, lists, changes and removes torrents", async () => {
  await using dir = await daemonFolder();
  const { torrent } = await makeFile(dir.at("src"), "film.bin", 60_000);
  await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("src")]);
  const client = new Transmission({
    baseUrl: daemon.url,
    username: "anyone",
    password: daemon.token,
  });
  // Without a folder it uses one of its own, below the root.
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

const perlClient: Requirement = {
  async missing() {
    const perl = new Deno.Command("perl", { args: ["-MTransmission::Client", "-e", "1"] });
    const isThere = await perl.output().then(({ success }) => success, () => false);
    return isThere ? undefined : "the package libtransmission-client-perl is not installed";
  },
};

await interopTest({
  name: "Debian's Transmission::Client adds, changes and removes a torrent",
  needs: [perlClient],
  async fn() {
    await using dir = await daemonFolder();
    const { torrent } = await makeFile(dir.at("src"), "film.bin", 60_000);
    await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("src")]);
    const script = new URL("clients/transmission_client.pl", import.meta.url);
    const url = `${daemon.url}/transmission/rpc`;
    const perl = new Deno.Command("perl", {
      args: [fileURLToPath(script), url, daemon.token, torrent, dir.at("src")],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = perl.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    const readUntil = async (end: string) => {
      while (!said.endsWith(end)) {
        const { done, value } = await reader.read();
        if (done) break;
        said += value;
      }
    };
    await readUntil("changed\n");
    assertEquals(said, `film.bin 60000 film.bin\n1 torrents in ${dir.at("src")}\nchanged\n`);
    const fields = ["upload_limit", "upload_limited"];
    const facts = await daemon.until(({ status }) => status === 6, ...fields);
    assertEquals([facts.upload_limit, facts.upload_limited], [20, true]);
    const session = await daemon.call("session_get", { fields: ["speed_limit_down"] });
    assertEquals(session, { speed_limit_down: 123 });
    await perl.stdin.close();
    await readUntil("0 left\n");
    assertEquals(said.endsWith("0 left\n"), true, said);
    assertEquals((await perl.status).code, 0);
  },
});
