/** The tracker's catalog from a user's view: share, list, download by name, and failures. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { torrent } from "./tracker/catalog/torrents.ts";
import {
  assertContent,
  assertOneSentence,
  LOCAL,
  makeBytes,
  runTt,
  scratch,
  startGet,
  startSeed,
  startTracker,
  Tt,
} from "../support/cli_kit.ts";
import { freshPort } from "../support/network.ts";

/** URL of a tracker's catalog. */
function catalogOf(announceUrl: string): string {
  return new URL("/torrents", announceUrl).href;
}

async function upload(announceUrl: string, bytes: Uint8Array): Promise<void> {
  const init = { method: "POST", body: bytes as BodyInit };
  const response = await fetch(catalogOf(announceUrl), init);
  assertEquals(response.status, 201);
  await response.body?.cancel();
}

Deno.test("seeded content can be listed, fetched, inspected and downloaded by name", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const at = ["--tracker", tracker.url];
  const bytes = makeBytes(100_001);
  await Deno.writeFile(dir.at("a film.bin"), bytes);
  await using seed = await startSeed(["a film.bin", ...at], { cwd: dir.path });
  const { infoHash, isNew, url } = await seed.event("registered");
  assertEquals([isNew, url], [true, catalogOf(tracker.url)]);
  await seed.event("tracker");

  const list = await runTt(["list", ...at, "--json"]);
  assertEquals(list.code, 0, list.stderr);
  const [listed] = list.said;
  assertEquals([listed!.event, listed!.name, listed!.bytes], ["listed", "a film.bin", 100_001]);
  assertEquals([listed!.infoHash, listed!.seeders, listed!.files], [infoHash, 1, 1]);
  const plain = await runTt(["list", "FILM", ...at]);
  assertMatch(plain.stdout, new RegExp(`^ *100\\.0 kB +1 +0 +0 +${infoHash} +a film\\.bin\n$`));
  assertMatch(plain.stderr, /SIZE.*NAME/);
  assertMatch((await runTt(["list", "other", ...at])).stderr, /matches; try fewer words/);

  const fetched = await runTt(["fetch", "a film.bin", ...at, "--out", dir.at("copy.torrent")]);
  assertEquals(fetched.code, 0, fetched.stderr);
  const original = await Deno.readFile(dir.at("a film.bin.torrent"));
  assertEquals(await Deno.readFile(dir.at("copy.torrent")), original);

  const peers = await runTt(["peers", "a film.bin", ...at, "--json"]);
  assertEquals(peers.said.map(({ event }) => event), ["swarm", "peer"]);
  const [swarm, peer] = peers.said;
  assertEquals([swarm!.seeders, swarm!.leechers, swarm!.completed], [1, 0, 0]);
  assertEquals(`${peer!.ip}:${peer!.port} ${peer!.isSeeder}`, `${seed.peer} true`);

  for (const [source, folder] of [["a film.bin", "byName"], [infoHash, "byHash"]] as const) {
    await using get = await startGet([source, ...at, "--no-seed", "--dir", dir.at(folder)]);
    const ended = await get.end();
    assertEquals(ended.code, 0, ended.stderr);
    await assertContent(dir.at(folder, "a film.bin"), bytes);
  }
});

Deno.test("a private torrent is downloaded by its info hash, and its name is not listed", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const at = ["--tracker", tracker.url];
  await Deno.writeFile(dir.at("secret.bin"), makeBytes(1_000));
  await using seed = await startSeed(["secret.bin", "--private", ...at], { cwd: dir.path });
  const { infoHash } = await seed.event("registered");
  await seed.event("tracker");
  assertEquals((await runTt(["list", ...at, "--json"])).said, []);
  const byName = await runTt(["fetch", "secret.bin", ...at], { cwd: dir.path });
  assertMatch(assertOneSentence(byName, 3), /no torrent named secret\.bin/);
  await using get = await startGet([infoHash, ...at, "--no-seed", "--dir", dir.at("D")]);
  assertEquals((await get.end()).code, 0);
});

Deno.test("a torrent without trackers is announced to the tracker that it came from", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const bytes = makeBytes(50_000);
  await Deno.writeFile(dir.at("bare.bin"), bytes);
  await runTt(["create", "bare.bin"], { cwd: dir.path });
  await upload(tracker.url, await Deno.readFile(dir.at("bare.bin.torrent")));
  await using seed = await startSeed(["bare.bin.torrent"], { cwd: dir.path });
  // The peer may have sent everything before the tracker responds, so the download goes on seeding.
  const args = ["bare.bin", "--tracker", tracker.url, "--dir", dir.at("D")];
  await using get = await startGet([...args, "--peer", seed.peer]);
  assertEquals((await get.event("tracker")).url, tracker.url);
  await get.event("complete");
});

Deno.test("if two torrents have one name, the info hash is required", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  for (const salt of [1, 2]) await upload(tracker.url, torrent({ name: "twice", salt }));
  const hashes = (await runTt(["list", "--tracker", tracker.url, "--json"])).said
    .map(({ infoHash }) => infoHash as string);
  assertEquals(hashes.length, 2);
  for (const command of [["fetch"], ["peers"], ["get", ...LOCAL, "--dir", dir.path]]) {
    const line = [...command, "twice", "--tracker", tracker.url];
    const sentence = assertOneSentence(await runTt(line, { cwd: dir.path }), 3);
    assertMatch(sentence, /has 2 torrents named twice; give the info hash of one/);
    for (const hash of hashes) assertStringIncludes(sentence, hash);
  }
});

Deno.test("a .torrent is saved in this folder, whatever its name", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  await upload(tracker.url, torrent({ name: "../../x" }));
  await Deno.mkdir(dir.at("deep", "er"), { recursive: true });
  const { code, stdout } = await runTt(["fetch", "../../x", "--tracker", tracker.url, "--json"], {
    cwd: dir.at("deep", "er"),
  });
  assertEquals(code, 0);
  const { path } = JSON.parse(stdout);
  assert(!path.includes("/"), path);
  const names = [...Deno.readDirSync(dir.at("deep", "er"))].map(({ name }) => name);
  assertEquals(names, [path]);
});

Deno.test("a catalog that requires a token gets it; without it seeding continues with a notice", async () => {
  await using dir = await scratch();
  const token = "correct-horse-battery";
  await using tracker = await startTracker(["--catalog-token", token]);
  const at = ["--tracker", tracker.url];
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  await using without = await startSeed(["one.bin", ...at], { cwd: dir.path });
  assertMatch((await without.event("registered")).error, /needs its token/);
  await without.event("tracker", ({ error }) => error === undefined);
  assertEquals((await runTt(["list", ...at, "--json"])).said, []);
  const args = ["one.bin", ...at, "--catalog-token", token];
  await using withToken = await startSeed(args, { cwd: dir.path });
  assertEquals((await withToken.event("registered")).isNew, true);
});

Deno.test("nothing is registered with a tracker without a catalog, or with --no-register", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(request.method);
    const reply = "d8:intervali300e5:peers0:e";
    return new URL(request.url).pathname === "/announce"
      ? new Response(reply)
      : new Response("<h1>Welcome</h1>");
  });
  await using stranger = server;
  const url = `http://127.0.0.1:${stranger.addr.port}/announce`;
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  {
    await using seed = await startSeed(["one.bin", "--tracker", url], { cwd: dir.path });
    await seed.event("tracker");
    const { said } = await seed.stop();
    assertEquals(said.filter(({ event }) => event === "registered"), []);
    assert(!asked.includes("POST"));
  }
  const args = ["one.bin", "--tracker", tracker.url, "--no-register", "--out", dir.at("o.torrent")];
  await using seed = await startSeed(args, { cwd: dir.path });
  await seed.event("tracker");
  assertEquals((await runTt(["list", "--tracker", tracker.url, "--json"])).said, []);
});

Deno.test("a .torrent is registered after its content was checked, and not if it is wrong", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const at = ["--tracker", tracker.url];
  for (const name of ["good.bin", "bad.bin"]) {
    await Deno.writeFile(dir.at(name), makeBytes(100_000));
    assertEquals((await runTt(["create", name, ...at], { cwd: dir.path })).code, 0);
  }
  await Deno.writeFile(dir.at("bad.bin"), new Uint8Array(100_000));
  const wrong = await runTt(["seed", "bad.bin.torrent", "--json", ...LOCAL], { cwd: dir.path });
  assertEquals(wrong.code, 6, wrong.stderr);
  await using seed = await startSeed(["good.bin.torrent"], { cwd: dir.path });
  await seed.event("registered");
  const told = seed.said.map(({ event }) => event);
  assert(told.indexOf("checked") < told.indexOf("registered"), `${told}`);
  const list = await runTt(["list", ...at, "--json"]);
  assertEquals(list.said.map(({ name }) => name), ["good.bin"]);
});

Deno.test("catalog errors give one sentence and their exit code", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const html = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    return new Response("<h1>Welcome</h1>");
  });
  await using stranger = html;
  for (
    const [line, exit, pattern] of [
      [["fetch", "nothing", "--tracker", tracker.url], 3, /no torrent named nothing/],
      [["peers", "0".repeat(40), "--tracker", tracker.url], 3, /no torrent 0000/],
      [["list", "--tracker", `http://127.0.0.1:${stranger.addr.port}`], 4, /has no catalog/],
      [["list", "--tracker", `http://127.0.0.1:${freshPort()}`], 4, /cannot be reached/],
      [["get", "film", "--dir", dir.path, ...LOCAL], 3, /There is no file film.*--tracker/],
    ] as const
  ) {
    assertMatch(assertOneSentence(await runTt(line, { cwd: dir.path }), exit), pattern);
  }
});

Deno.test("a tracker's data file that is in use or cannot be created gives one sentence", async () => {
  await using dir = await scratch();
  const data = dir.at("t.db");
  await using tracker = await startTracker(["--data", data]);
  assert(tracker.url);
  for (
    const [path, pattern] of [
      [data, /Another tracker uses the file/],
      [dir.at("missing", "t.db"), /Cannot use the file .*; choose another --data/],
    ] as const
  ) {
    await using second = await Tt.start(["tracker", "--port", "0", "--data", path]);
    assertMatch(assertOneSentence(await second.end(), 5), pattern);
  }
});

Deno.test("--tracker HOST:PORT works, also for existing content", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const { host } = new URL(tracker.url);
  await Deno.writeFile(dir.at("one.bin"), makeBytes(1_000));
  // Of a torrent without a tracker.
  assertEquals((await runTt(["create", "one.bin"], { cwd: dir.path })).code, 0);
  await using seed = await startSeed(["one.bin.torrent", "--tracker", host], { cwd: dir.path });
  assertEquals((await seed.event("tracker")).url, tracker.url);
  await seed.event("registered");
  const list = await runTt(["list", "--tracker", host, "--json"]);
  assertEquals(list.said.map(({ name, seeders }) => [name, seeders]), [["one.bin", 1]]);
});

Deno.test("a private torrent is announced to its own trackers only, with a notice", async () => {
  await using dir = await scratch();
  await using own = await startTracker();
  await using other = await startTracker();
  await Deno.writeFile(dir.at("one.bin"), makeBytes(1_000));
  const create = ["create", "one.bin", "--private", "--tracker", own.url];
  assertEquals((await runTt(create, { cwd: dir.path })).code, 0);
  const line = ["seed", "one.bin.torrent", "--tracker", other.url, "--host", "127.0.0.1"];
  await using seed = await Tt.start([...line, "--port", "0"], { cwd: dir.path });
  await seed.stderrHas(/one\.bin is private and is announced only to its own trackers/);
});

Deno.test("a torrent is removed from the catalog by its name or its info hash", async () => {
  await using tracker = await startTracker();
  const at = ["--tracker", tracker.url];
  for (const name of ["one", "two"]) await upload(tracker.url, torrent({ name }));
  const listed = (await runTt(["list", ...at, "--json"])).said;
  const two = listed.find(({ name }) => name === "two")!.infoHash;
  const removed = await runTt(["remove", "one", two, ...at, "--json"]);
  assertEquals(removed.code, 0, removed.stderr);
  assertEquals(removed.said.map(({ event, name }) => [event, name]), [
    ["removed", "one"],
    ["removed", two],
  ]);
  assertEquals((await runTt(["list", ...at, "--json"])).said, []);
  assertMatch(assertOneSentence(await runTt(["remove", "one", ...at]), 3), /no torrent named one/);
});

Deno.test("removing needs the token if the catalog requires one", async () => {
  const token = "correct-horse-battery";
  await using tracker = await startTracker(["--catalog-token", token]);
  const at = ["--tracker", tracker.url];
  const response = await fetch(catalogOf(tracker.url), {
    method: "POST",
    body: torrent({ name: "one" }) as BodyInit,
    headers: { authorization: `Bearer ${token}` },
  });
  await response.body?.cancel();
  assertMatch(assertOneSentence(await runTt(["remove", "one", ...at]), 3), /needs its token/);
  assertEquals((await runTt(["remove", "one", ...at, "--catalog-token", token])).code, 0);
});

/** A server in place of a tracker that records requests; it looks like an empty catalog. */
function curiousTracker() {
  const tokens: (string | null)[] = [];
  const methods: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    methods.push(request.method);
    tokens.push(request.headers.get("authorization"));
    await request.arrayBuffer();
    const { pathname } = new URL(request.url);
    if (pathname === "/announce") return new Response("d8:intervali300e5:peers0:e");
    return Response.json({ total: 0, torrents: [] }, {
      status: request.method === "GET" ? 200 : 201,
    });
  });
  return { server, tokens, methods, port: server.addr.port };
}

Deno.test("the token is sent to trackers given as options, not to those in a torrent", async () => {
  await using dir = await scratch();
  const named = curiousTracker(), typed = curiousTracker();
  await using _named = named.server;
  await using _typed = typed.server;
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  const inTorrent = ["--tracker", `http://127.0.0.1:${named.port}/announce`];
  assertEquals((await runTt(["create", "one.bin", ...inTorrent], { cwd: dir.path })).code, 0);
  const token = ["--catalog-token", "correct-horse-battery"];
  const args = ["one.bin.torrent", "--tracker", `127.0.0.1:${typed.port}`, ...token];
  await using seed = await startSeed(args, { cwd: dir.path });
  for (const { port } of [named, typed]) {
    await seed.event("registered", ({ url }) => url.includes(`:${port}/`));
  }
  assertEquals(named.tokens.filter((shown) => shown !== null), []);
  assertEquals(typed.tokens.filter((shown) => shown !== null), ["Bearer correct-horse-battery"]);
});

Deno.test("the token is not sent on the guess that a UDP tracker has a catalog", async () => {
  await using dir = await scratch();
  const guessed = curiousTracker();
  await using _guessed = guessed.server;
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  const token = ["--catalog-token", "correct-horse-battery"];
  const args = ["one.bin", "--tracker", `udp://127.0.0.1:${guessed.port}`, ...token];
  await using seed = await startSeed(args, { cwd: dir.path });
  await seed.event("registered");
  assertEquals(guessed.methods.includes("POST"), true);
  assertEquals(guessed.tokens.filter((shown) => shown !== null), []);
});

Deno.test("the token is not sent along a redirect to another server", async () => {
  await using dir = await scratch();
  const other = curiousTracker();
  await using _other = other.server;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    await request.arrayBuffer();
    const { pathname, search } = new URL(request.url);
    if (pathname === "/announce") return new Response("d8:intervali300e5:peers0:e");
    if (request.method === "GET") return Response.json({ total: 0, torrents: [] });
    return Response.redirect(`http://127.0.0.1:${other.port}${pathname}${search}`, 307);
  });
  await using redirecting = server;
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  const tracker = ["--tracker", `127.0.0.1:${redirecting.addr.port}`];
  const token = ["--catalog-token", "correct-horse-battery"];
  await using seed = await startSeed(["one.bin", ...tracker, ...token], { cwd: dir.path });
  await seed.event("registered");
  assertEquals(other.methods, ["POST"]);
  assertEquals(other.tokens, [null]);
});

Deno.test("a page of this machine named by a torrent is not used as a catalog", async () => {
  await using dir = await scratch();
  const router = curiousTracker();
  await using _router = router.server;
  await Deno.writeFile(dir.at("one.bin"), makeBytes(10));
  const bad = `http://127.0.0.1:${router.port}/admin/reboot?now=1`;
  assertEquals((await runTt(["create", "one.bin", "--tracker", bad], { cwd: dir.path })).code, 0);
  await using seed = await startSeed(["one.bin.torrent"], { cwd: dir.path });
  const { error } = await seed.event("tracker");
  assertMatch(error, /local address.*--allow-local/);
  assertEquals(router.methods, []);
});
