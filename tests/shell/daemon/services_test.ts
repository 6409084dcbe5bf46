/** A daemon's other services: watch folder, webhook, metrics, blocklist. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Webhook } from "../../../shell/daemon/webhook.ts";
import { ttCommand } from "../../support/tt_command.ts";
import { makeFile, startSeed } from "../../support/cli_kit.ts";
import { daemonFolder, DaemonKit } from "../../support/daemon_kit.ts";
import { until, within } from "../../support/until.ts";

/** A server that answers each POST with the next status, and records the bodies. */
function listenForPosts(statuses: number[]) {
  const bodies: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bodies.push(await request.text());
    const status = statuses.shift() ?? 200;
    if (status === 200) resolve();
    return new Response("", { status });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/hook`,
    bodies,
    taken: promise,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
    },
  };
}

const NEWS = {
  event: "complete",
  infoHash: "ab",
  name: "film",
  bytes: 5,
  dir: "/a",
  labels: [],
  at: 1,
} as const;

Deno.test("a webhook is retried until it succeeds, and a failure is logged", async () => {
  await using server = listenForPosts([500, 503, 200]);
  const troubles: string[] = [];
  const hook = new Webhook(server.url, (message) => troubles.push(message), [5, 5]);
  hook.tell(NEWS);
  await within(server.taken, "a request that succeeds");
  assertEquals(server.bodies.map((body) => JSON.parse(body)), [NEWS, NEWS, NEWS]);
  assertEquals(troubles, []);
  hook.close();

  const { promise, resolve } = Promise.withResolvers<string>();
  const deaf = new Webhook("http://127.0.0.1:9/hook", resolve, [5]);
  deaf.tell(NEWS);
  assertMatch(await within(promise, "the failure"), /was not told that film is complete/);
  deaf.close();
});

Deno.test("a webhook that is closed during its last attempt reports no failure", async () => {
  const asked = Promise.withResolvers<Request>(), answer = Promise.withResolvers<Response>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.resolve(request);
    return answer.promise;
  });
  const troubles: string[] = [];
  const url = `http://127.0.0.1:${server.addr.port}/hook`;
  const hook = new Webhook(url, (message) => troubles.push(message), []);
  hook.tell(NEWS);
  const { signal } = await within(asked.promise, "the request");
  const ended = new Promise((resolve) => signal.addEventListener("abort", resolve));
  hook.close();
  await within(ended, "the end of the request");
  answer.resolve(new Response());
  assertEquals(troubles, []);
});

Deno.test("completed downloads are posted to the webhook, content complete at the start is not", async () => {
  await using dir = await daemonFolder();
  const { torrent } = await makeFile(dir.at("src"), "film.bin", 200_000);
  await using server = listenForPosts([]);
  const args = ["--dir", dir.at("dl"), "--share-rule", "off", "--webhook", server.url];
  args.push("--incomplete-dir", dir.at("unfinished"));
  await using daemon = await DaemonKit.start(dir.state, args);
  await daemon.run("add", torrent, "--label", "films");
  const { torrent: other } = await makeFile(dir.at("src"), "there.bin", 20_000);
  await daemon.run("add", other, "--dir", dir.at("src"));
  const dial = `127.0.0.1:${daemon.peerPort}`;
  await using _seed = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
  await within(server.taken, "the webhook to be told");
  const [body] = server.bodies.map((text) => JSON.parse(text));
  assertEquals([body.event, body.name, body.bytes, body.labels], [
    "complete",
    "film.bin",
    200_000,
    ["films"],
  ]);
  assertEquals(server.bodies.length, 1);
  await daemon.until(({ status }) => status === 6);
  const sizeOf = async (path: string) => (await Deno.stat(path).catch(() => undefined))?.size;
  const isMoved = async () => await sizeOf(dir.at("dl", "film.bin")) !== undefined;
  await until(isMoved, "the content is moved");
  assertEquals(await sizeOf(dir.at("dl", "film.bin")), 200_000);
  assertEquals(await sizeOf(dir.at("unfinished", "film.bin")), undefined);
  const isSeeding = async () =>
    (await daemon.torrents("status")).every(({ status }) => status === 6);
  await until(isSeeding, "all seed, from where their content is now");

  const metrics = await fetch(`${daemon.url}/metrics`, {
    headers: { authorization: `Bearer ${daemon.token}` },
  });
  const text = await metrics.text();
  assertStringIncludes(text, 'tt_daemon_torrents{state="seeding"} 2\n');
  assertStringIncludes(text, "# TYPE tt_daemon_downloaded_bytes_total counter\n");
  assertStringIncludes(text, "tt_daemon_downloaded_bytes_total 200000\n");
  assertStringIncludes(text, "tt_daemon_piece_buffer_bytes 0\n");
  assert(!text.includes("film.bin"));
});

Deno.test("files in the watch folder are added, invalid ones set aside", async () => {
  await using dir = await daemonFolder();
  const { torrent } = await makeFile(dir.at("src"), "film.bin", 50_000);
  const watch = dir.at("watch");
  await using daemon = await DaemonKit.start(dir.state, [
    ...["--watch-folder", watch, "--dir", dir.at("dl")],
  ]);
  await Deno.mkdir(watch, { recursive: true });
  await Deno.copyFile(torrent, `${watch}/one.torrent`);
  await Deno.writeTextFile(`${watch}/bad.torrent`, "nonsense");
  await Deno.writeTextFile(`${watch}/notes.txt`, "left alone");
  await daemon.until(({ name }) => name === "film.bin");
  const names = () => [...Deno.readDirSync(watch)].map(({ name }) => name).sort();
  await until(() => !names().includes("bad.torrent"), "the bad torrent is set aside");
  assertEquals(names(), ["bad.torrent.invalid", "notes.txt", "one.torrent.added"]);
});

Deno.test("peers on the blocklist are refused, also after the list is updated", async () => {
  await using dir = await daemonFolder();
  const { torrent } = await makeFile(dir.at("src"), "film.bin", 50_000);
  const list = dir.at("list.p2p");
  await Deno.writeTextFile(list, "this machine:127.0.0.0-127.255.255.255\n");
  await using daemon = await DaemonKit.start(dir.state, [
    ...["--blocklist", list, "--dir", dir.at("dl"), "--share-rule", "off"],
  ]);
  const { blocklist_size: size } = await daemon.call("session_get", { fields: ["blocklist_size"] });
  assertEquals(size, 1);
  await daemon.run("add", torrent);
  await daemon.until(({ status }) => status === 4);
  // A connection is closed before any data.
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: daemon.peerPort });
  assertEquals(await conn.read(new Uint8Array(1)), null);

  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    const zipped = new Blob(["192.0.2.0/24\n198.51.100.0/24\n"]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    return new Response(zipped);
  });
  const url = `http://127.0.0.1:${server.addr.port}/list.gz`;
  await daemon.call("session_set", { blocklist_url: url });
  assertEquals(await daemon.call("blocklist_update"), { blocklist_size: 2 });
  const dial = `127.0.0.1:${daemon.peerPort}`;
  await using _seed = await startSeed([torrent, "--dir", dir.at("src"), "--peer", dial]);
  await daemon.until(({ percent_done }) => percent_done === 1, "percent_done");
  await daemon.call("session_set", { blocklist_url: "http://127.0.0.1:9/" });
  const failed = await daemon.answer("blocklist_update");
  assertMatch(failed.error.data.error_string, /Cannot fetch the blocklist/);
});

Deno.test("lines piped into tt shell are executed in order", async () => {
  await using dir = await daemonFolder();
  const { path } = await makeFile(dir.at("src"), "film.bin", 100_000);
  const argv = await ttCommand([
    "shell",
    "--state",
    dir.state,
    "--host",
    "127.0.0.1",
    "--port",
    "0",
  ]);
  const child = new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    cwd: dir.path,
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  const lines = ["list", `seed ${path}`, "nonsense", "number_of_piece film", "pause film", "end"];
  await writer.write(new TextEncoder().encode(lines.join("\n") + "\n"));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertEquals(code, 0, err);
  assertStringIncludes(out!, "No torrents. Add one with tt add.\n");
  assertStringIncludes(out!, "Added film.bin to the daemon\n");
  assertMatch(out!, /film.bin: \d+ of 7 pieces\nPaused film.bin\n/);
  assertStringIncludes(err!, '"nonsense" is not a word of this prompt');
});
