/** Torrents without a tracker: `tt` processes on loopback find each other through the DHT. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertContent,
  assertOneSentence,
  makeFile,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";
import { DaemonKit } from "../support/daemon_kit.ts";

/** The test kit switches the DHT off in the environment; the option takes precedence. */
const ON = ["--dht", "on"];

Deno.test("a download without a tracker finds its seed through the DHT and any known node", async () => {
  await using dir = await scratch();
  const { torrent, bytes } = await makeFile(dir.path, "film.bin", 300_000);
  await using seed = await startSeed([torrent, ...ON]);
  // One more node, which was not given to either of the two.
  const lone = await makeFile(dir.at("other"), "other.bin", 20_000);
  await using middle = await startSeed([lone.torrent, ...ON, "--dht-node", seed.peer]);
  const port = middle.peer;
  await using get = await startGet(
    [torrent, "--dir", dir.at("D"), "--no-seed", "--timeout", "30", ...ON, "--dht-node", port],
  );
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  await assertContent(dir.at("D", "film.bin"), bytes);

  const shown = await runTt(["dht", "--host", "127.0.0.1", "--dht-node", seed.peer, "--json"]);
  assertEquals(shown.code, 0, shown.stderr);
  const [health] = shown.said.filter(({ event }) => event === "dht");
  assert(health!.networks[0].nodes >= 1, shown.stdout);
  assert(health!.replies > 0 && health!.bytesSent > 0, shown.stdout);

  const hash = seed.said.find(({ event }) => event === "progress")!.infoHash;
  const found = await runTt(["dht", hash, "--host", "127.0.0.1", "--dht-node", seed.peer]);
  assertEquals(found.code, 0, found.stderr);
  assertMatch(found.stdout, new RegExp(`^${hash}  [12] peers?, about [01] seeders? and`));
  assertMatch(found.stdout, /^IPv4 {4}\d+ nodes?, \d+ good/m);
});

Deno.test("a magnet link without trackers and peers works through the DHT", async () => {
  await using dir = await scratch();
  const { torrent, bytes } = await makeFile(dir.path, "film.bin", 300_000);
  await using seed = await startSeed([torrent, ...ON]);
  const { infoHash } = await seed.event("progress");
  const magnet = `magnet:?xt=urn:btih:${infoHash}`;
  const args = ["--dir", dir.at("D"), "--no-seed", "--timeout", "30", "--dht-node", seed.peer];
  await using get = await startGet([magnet, ...args, ...ON]);
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  await assertContent(dir.at("D", "film.bin"), bytes);
});

Deno.test("the DHT and UDP trackers see the port that peers are accepted at", async () => {
  await using dir = await scratch();
  const open = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const router = open(), tracker = open();
  const portOf = (conn: Deno.DatagramConn) => (conn.addr as Deno.NetAddr).port;
  const url = `udp://127.0.0.1:${portOf(tracker)}/announce`;
  const { torrent } = await makeFile(dir.path, "film.bin", 30_000, ["--tracker", url]);
  const node = `127.0.0.1:${portOf(router)}`;
  await using seed = await startSeed([torrent, ...ON, "--dht-node", node]);
  for (const conn of [router, tracker]) {
    const [, from] = await conn.receive();
    const { hostname, port } = from as Deno.NetAddr;
    assertEquals(`${hostname}:${port}`, seed.peer);
  }
  await seed.stop("SIGKILL");
  router.close();
  tracker.close();
});

Deno.test("a private torrent is not announced, and opens no UDP port", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.path, "film.bin", 30_000, ["--private"]);
  await using seed = await startSeed([torrent, ...ON]);
  const [ip, port] = seed.peer.split(":");
  const failed = await runTt([
    "dht",
    "--host",
    ip!,
    "--dht-node",
    `${ip}:${port}`,
    "--timeout",
    "2",
  ]);
  assertMatch(assertOneSentence(failed, 4), /no node answered within 2 s/);
});

Deno.test("tt dht shows the node of a running daemon, and one of its own without", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.path, "film.bin", 30_000);
  await using seed = await startSeed([torrent, ...ON]);
  const args = [...ON, "--dht-node", seed.peer, "--dir", dir.at("D")];
  const state = dir.at("home", "tt");
  await using daemon = await DaemonKit.start(state, args);
  const none = await runTt(["dht", "--state", state, "--timeout", "1"]);
  assertMatch(assertOneSentence(none, 4), /The daemon has no DHT node/);
  await daemon.run("add", torrent);
  // The seeder is found through the DHT, so the node has sent queries by then.
  await daemon.until(({ percent_done }) => percent_done === 1, "percent_done");
  const shown = await runTt(["dht", "--json"], { env: { XDG_STATE_HOME: dir.at("home") } });
  assertEquals(shown.code, 0, shown.stderr);
  const [health] = shown.said;
  assertEquals([health!.event, health!.of, health!.port], ["dht", "daemon", daemon.peerPort]);
  assertEquals(health!.networks.map(({ nodes }: { nodes: number }) => nodes), [1]);
  assert(health!.lookups + health!.lookupsActive >= 1 && health!.replies >= 1, shown.stdout);
  const text = await runTt(["dht", "--state", state]);
  assertMatch(text.stdout, /^Node of the running daemon\nIPv4 {4}1 node, /);
  assertMatch(
    text.stdout,
    /^Lookups \d+, \d+ with peers, \d+ peers?, \d+ announces?(, \d+ under way)?$/m,
  );

  const own = await runTt(
    ["dht", "--host", "127.0.0.1", "--dht-node", seed.peer, "--state", state, "--json"],
  );
  assertEquals(own.said.map(({ of }) => of), ["command"]);
});

Deno.test("a text that one process stores in the DHT is printed by another", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.path, "film.bin", 30_000);
  await using seed = await startSeed([torrent, ...ON]);
  const net = ["--host", "127.0.0.1", "--dht-node", seed.peer];
  const stored = await runTt(["dht", ...net, "--put", "grüße", "--json"]);
  assertEquals(stored.code, 0, stored.stderr);
  // SHA-1 of "7:grüße": seven bytes in UTF-8.
  const target = "cf81e0839e31ffd8f477d37d15077b453d1f9a77";
  assertEquals(stored.said, [{ event: "dht-stored", target, nodes: 1 }]);
  const shown = await runTt(["dht", ...net, "--get", target]);
  assertEquals([shown.code, shown.stdout], [0, "grüße\n"], shown.stderr);
  const none = await runTt(["dht", ...net, "--get", "0".repeat(40)]);
  assertMatch(assertOneSentence(none, 4), /No node of the DHT has a value under 0{40}/);
  const long = await runTt(["dht", ...net, "--put", "x".repeat(997)]);
  assertMatch(assertOneSentence(long, 2), /is too long; a value has at most 1000 bytes/);
});

Deno.test("TT_DHT=off and --dht off open no UDP port", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.path, "film.bin", 30_000);
  for (const [args, value] of [[[], "off"], [["--dht", "off"], "on"]] as const) {
    await using seed = await startSeed([torrent, ...args], { env: { TT_DHT: value } });
    const failed = await runTt(
      ["dht", "--host", "127.0.0.1", "--dht-node", seed.peer, "--timeout", "1"],
    );
    assertEquals(failed.code, 4, failed.stdout);
  }
});

Deno.test("an invalid info hash or switch is refused with one sentence", async () => {
  assertMatch(assertOneSentence(await runTt(["dht", "film"]), 2), /is not an info hash/);
  const wrong = await runTt(["get", "x.torrent", "--dht", "maybe"]);
  assertMatch(assertOneSentence(wrong, 2), /is not valid; give on or off/);
});
