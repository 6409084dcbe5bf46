/** The port for peers is changed by RPC while torrents are in their swarms. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SettingsStore } from "../../../shell/daemon/settings.ts";
import { makeFile, scratch } from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { freshPort } from "../../support/network.ts";
import { until } from "../../support/until.ts";

/** Records each announce: event and port. */
function openTracker() {
  const said: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { searchParams: query } = new URL(request.url);
    said.push(`${query.get("event") ?? ""} ${query.get("port")}`);
    return new Response("d8:intervali1800e5:peers0:e");
  });
  const url = `http://127.0.0.1:${server.addr.port}/announce`;
  return { said, url, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("another port for peers holds at once: trackers are told, the old one is closed", async () => {
  await using dir = await daemonFolder();
  await using tracker = openTracker();
  const made = await makeFile(dir.at("src"), "film", 50_000, ["--tracker", tracker.url]);
  await using daemon = await DaemonKit.start(dir.state, ["--dir", dir.at("src"), "--allow-local"]);
  await daemon.run("add", made.torrent);
  await daemon.until(({ status }) => status === 6);
  const before = daemon.peerPort;
  await until(() => tracker.said.includes(`started ${before}`), "the first announce");

  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const refused = await daemon.answer("session_set", { peer_port: taken.addr.port });
  assertMatch(refused.error.data.error_string, /another program uses it/);
  assertEquals((await daemon.call("session_get", { fields: ["peer_port"] })).peer_port, before);
  (await Deno.connect({ port: before })).close();

  const port = freshPort();
  await daemon.call("session_set", { peer_port: port });
  assertEquals((await daemon.call("session_get", { fields: ["peer_port"] })).peer_port, port);
  await until(() => tracker.said.includes(`started ${port}`), "an announce of the new port");
  assertEquals(tracker.said, [`started ${before}`, `stopped ${before}`, `started ${port}`]);
  (await Deno.connect({ port })).close();
  await assertRejects(() => Deno.connect({ port: before }), Deno.errors.ConnectionRefused);
  await daemon.until(({ status }) => status === 6);
});

Deno.test("the port that a daemon begins with: of its options, changed by RPC, of its file, any", async () => {
  await using dir = await scratch();
  const portOf = async (weak: object, strong: object) =>
    (await SettingsStore.open(dir.path, { weak, strong })).peerPort;
  assertEquals(await portOf({}, {}), undefined);
  assertEquals(await portOf({ peer_port: 1 }, {}), 1);
  const store = await SettingsStore.open(dir.path, { weak: {}, strong: {} });
  await store.change({ peer_port: 2 });
  assertEquals(await portOf({ peer_port: 1 }, {}), 2);
  assertEquals(await portOf({ peer_port: 1 }, { peer_port: 3 }), 3);
  await store.change({ peer_port_random_on_start: true });
  assertEquals(await portOf({ peer_port: 1 }, { peer_port: 3 }), 0);
});
