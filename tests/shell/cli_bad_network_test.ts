/** Trackers that fail or send wrong data, ports in use, readers that leave. */
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { dirname } from "node:path";
import { encodeBencode } from "../../core/bencode/encode.ts";
import { ttCommand } from "../support/tt_command.ts";
import {
  assertContent,
  assertNoTrace,
  assertOneSentence,
  forEachAtOnce,
  listenSilently,
  LOCAL,
  makeFile,
  runTt,
  type Said,
  scratch,
  startGet,
  startSeed,
  startTracker,
} from "../support/cli_kit.ts";
import { freshPort } from "../support/network.ts";

const PIECE = 16 * 1024;
const SIZE = 64 * PIECE;

/** A tracker with a given response; it counts the announces and keeps the last one. */
function startFake(answer: (query: URLSearchParams) => Response) {
  const announces: URLSearchParams[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {}, onError: () => new Response() },
    (request) => {
      const url = new URL(request.url.replaceAll(/%[89a-f][0-9a-f]/gi, "_"));
      // Seeders also request the catalog.
      if (url.pathname !== "/announce") return new Response("", { status: 404 });
      const query = url.searchParams;
      announces.push(query);
      return answer(query);
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}/announce`;
  return { url, announces, [Symbol.asyncDispose]: () => server.shutdown() };
}

function answering(reply: Parameters<typeof encodeBencode>[0]): () => Response {
  const bytes = encodeBencode(reply).slice();
  return () => new Response(bytes);
}

/** A tracker's response, and the message that the user sees. */
const BAD_ANSWERS: readonly (readonly [string, () => Response, RegExp])[] = [
  ["a web page", () => new Response("<html><body>Welcome"), /answer/],
  ["nothing", () => new Response(""), /answer/],
  ["status 500", () => new Response("oops", { status: 500 }), /status 500/],
  ["a refusal", answering({ "failure reason": "Go away" }), /Go away/],
  ["10 MB", () => new Response(new Uint8Array(10_000_000)), /longer than/],
  ["a list", answering([]), /answer/],
  ["half an answer", () => new Response("d8:intervali60e5:peers6:abc"), /answer/],
  [
    "itself, for ever",
    () => new Response("", { status: 302, headers: { location: "/announce" } }),
    /redirects/,
  ],
];

Deno.test("a tracker with invalid responses is named, and known peers are still used", async () => {
  await forEachAtOnce(BAD_ANSWERS, async ([what, answer, pattern]) => {
    await using dir = await scratch();
    await using fake = startFake(answer);
    await assertNamedAndSurvived(dir, fake.url, pattern, what);
  });
});

Deno.test("a tracker that is down is named, and known peers are still used", async () => {
  await using dir = await scratch();
  await assertNamedAndSurvived(dir, urlOfNobody(), /is it running/, "nothing at all");
});

Deno.test("a download without a tracker and without peers times out with a reason", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "f.bin", SIZE, ["--tracker", urlOfNobody()]);
  const ended = await runTt(["get", torrent, "--dir", dir.at("D"), "--timeout", "3", ...LOCAL]);
  assertMatch(assertOneSentence(ended, 4), /within 3 s .*is it running/);
});

/** A port on which nothing listens any more. */
function urlOfNobody(): string {
  return `http://127.0.0.1:${freshPort()}/announce`;
}

/** Downloads from a good peer despite the bad tracker. */
async function assertNamedAndSurvived(
  dir: Awaited<ReturnType<typeof scratch>>,
  url: string,
  pattern: RegExp,
  what: string,
): Promise<void> {
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "f.bin", SIZE, ["--tracker", url]);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  assertMatch((await seed.event("tracker", hasError)).error, pattern, what);
  await using get = await startGet([
    ...[torrent, "--dir", dir.at("D"), "--peer", seed.peer, "--no-seed"],
  ]);
  const { code, stderr } = await get.end();
  assertEquals(code, 0, stderr);
  await assertContent(dir.at("D", "f.bin"), bytes);
}

const hasError = ({ error }: Said) => error !== undefined;

Deno.test("a tracker that never responds delays nothing", async () => {
  await using dir = await scratch();
  await using silent = listenSilently();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "f.bin", SIZE, [
    ...["--tracker", silent.url],
  ]);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await using get = await startGet([
    torrent,
    "--dir",
    dir.at("D"),
    "--peer",
    seed.peer,
    "--no-seed",
  ]);
  const { code, said } = await get.end();
  assertEquals(code, 0);
  // It did not even wait until it could say that the tracker does not respond.
  const events = said.map(({ event }) => event).filter((event) =>
    /^(tracker|complete)$/.test(event)
  );
  assertEquals(events[0], "complete");
  await assertContent(dir.at("D", "f.bin"), bytes);
});

Deno.test("a tracker with implausible intervals is not flooded", async () => {
  await forEachAtOnce([0, -1, 1, 1e15], async (interval) => {
    await using dir = await scratch();
    await using fake = startFake(answering({ interval, "min interval": interval, peers: "" }));
    const { path, torrent } = await makeFile(dir.at("S"), "f.bin", SIZE, ["--tracker", fake.url]);
    await using seed = await startSeed([torrent, "--dir", dirname(path)]);
    const get = ["--dir", dir.at("D"), "--peer", seed.peer, "--down-limit", "500K", "--no-seed"];
    await using download = await startGet([torrent, ...get]);
    assertEquals((await download.end()).code, 0);
    await seed.stop();
    const events = fake.announces.map((query) => query.get("event")).sort();
    assertEquals(
      events,
      ["completed", "started", "started", "stopped", "stopped"],
      `${interval} s`,
    );
  });
});

Deno.test("our own address from a tracker does not make us connect to ourselves", async () => {
  await using dir = await scratch();
  const ports = new Set<number>();
  await using fake = startFake((query) => {
    ports.add(Number(query.get("port")));
    const peers = [...ports].map((port) => ({ ip: "127.0.0.1", port, "peer id": "x".repeat(20) }));
    return new Response(encodeBencode({ interval: 60, peers }).slice());
  });
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "f.bin", SIZE, [
    ...["--tracker", fake.url],
  ]);
  await using seed = await startSeed([torrent, "--dir", dirname(path)]);
  await seed.event("tracker");
  await using get = await startGet([torrent, "--dir", dir.at("D"), "--down-limit", "500K"]);
  await get.event("complete");
  await assertContent(dir.at("D", "f.bin"), bytes);
  for (const { said } of [seed, get]) {
    for (const { event, peers } of said) if (event === "progress") assert(peers <= 1, `${peers}`);
  }
});

Deno.test("a port in use gives one sentence and exit code 4", async () => {
  await using dir = await scratch();
  await using tracker = await startTracker();
  const { port } = new URL(tracker.url);
  const { path, torrent } = await makeFile(dir.at("S"), "f.bin", SIZE);
  const taken = ["--host", "127.0.0.1", "--port", port];
  const all = await Promise.all([
    runTt(["tracker", ...taken]),
    runTt(["seed", torrent, "--dir", dirname(path), ...taken]),
    runTt(["get", torrent, "--dir", dir.at("D"), ...taken]),
    // The other failure is not reported again.
    runTt(["get", dir.at("missing.torrent"), "--dir", dir.at("D"), ...taken]),
  ]);
  for (const ended of all) {
    assertMatch(assertOneSentence(ended, 4), new RegExp(`${port}.*another program uses it`));
  }
});

Deno.test("a closed stdout ends the program silently", async () => {
  await using dir = await scratch();
  const { path, torrent } = await makeFile(dir.at("S"), "f.bin", SIZE);
  const [name, ...args] = await ttCommand(["seed", torrent, "--dir", dirname(path), ...LOCAL]);
  const child = new Deno.Command(name!, { args, stdout: "piped", stderr: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  const stderr = await new Response(child.stderr).text();
  const { code } = await child.status;
  assertEquals([code, stderr], [130, ""]);
});

Deno.test("a stack trace is printed with TT_DEBUG=1 only", async () => {
  const args = ["get", "missing.torrent", ...LOCAL];
  const plain = await runTt(args);
  assertNoTrace(plain.stderr);
  const debug = await runTt(args, { env: { TT_DEBUG: "1" } });
  assertEquals(debug.code, plain.code);
  assertMatch(debug.stderr, /^\s+at /m);
  assertNotEquals(debug.stderr, plain.stderr);
});
