/**
 * `tt stream` from a player's view: an address immediately, bytes as they arrive, seeks, an end.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertOneSentence,
  makeBytes,
  makeFile,
  runTt,
  scratch,
  startSeed,
  Tt,
} from "../support/cli_kit.ts";
import { dirname } from "node:path";

const SIZE = 3_000_000;
const SMALL_PIECES = ["--piece-length", "16K"];

async function startStream(dir: string, args: readonly string[]): Promise<{ tt: Tt; url: string }> {
  const tt = await Tt.start([
    ...["stream", ...args, "--dir", dir, "--json", "--share-rule", "off"],
    ...["--host", "127.0.0.1", "--port", "0"],
  ]);
  const { url } = await tt.event("stream");
  return { tt, url: url as string };
}

Deno.test("a player gets every byte during the download, and first what it seeks to", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "film.mkv", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path), "--up-limit", "600K"]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "--peer", seed.peer]);
  await using _ = tt;
  const tail = await fetch(url, { headers: { range: `bytes=${SIZE - 5_000}-` } });
  assertEquals([tail.status, tail.headers.get("content-type")], [206, "video/x-matroska"]);
  assertEquals(await tail.bytes(), bytes.subarray(SIZE - 5_000));
  const { bytesDone } = tt.said.findLast(({ event }) => event === "progress") ?? { bytesDone: 0 };
  assert(bytesDone < SIZE / 2, `the end came after ${bytesDone} bytes`);
  const whole = await fetch(url);
  assertEquals(await whole.bytes(), bytes);
  const { code, stderr } = await tt.stop("SIGINT");
  assertEquals([code, stderr], [0, ""]);
});

Deno.test("two readers at different positions are both served", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "film.mkv", SIZE, SMALL_PIECES);
  await using seed = await startSeed([torrent, "--dir", dirname(path), "--up-limit", "2M"]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "--peer", seed.peer]);
  await using _ = tt;
  const half = SIZE / 2;
  const [first, second] = await Promise.all([
    fetch(url, { headers: { range: `bytes=0-${half - 1}` } }).then((answer) => answer.bytes()),
    fetch(url, { headers: { range: `bytes=${half}-` } }).then((answer) => answer.bytes()),
  ]);
  assertEquals(first, bytes.subarray(0, half));
  assertEquals(second, bytes.subarray(half));
});

Deno.test("a file that is not in the torrent gives one sentence", async () => {
  await using dir = await scratch();
  const { torrent } = await makeFile(dir.at("S"), "film.mkv", 1_000, []);
  for (const file of ["2", "0", "other.mkv"]) {
    const ended = await runTt(["stream", torrent, file, "--dir", dir.at("D")]);
    assertMatch(assertOneSentence(ended, 3), /has no file/);
  }
});

/** A folder of three files and its `.torrent`. */
async function makeSeries(dir: string): Promise<{ torrent: string; bytes: Uint8Array }> {
  await Deno.mkdir(`${dir}/series`, { recursive: true });
  for (const [i, name] of ["a.mkv", "b.mkv", "c.mkv"].entries()) {
    await Deno.writeFile(`${dir}/series/${name}`, makeBytes(500_000, i + 1));
  }
  const torrent = `${dir}/series.torrent`;
  const { code, stderr } = await runTt(
    ["create", `${dir}/series`, "--out", torrent, ...SMALL_PIECES],
  );
  assertEquals(code, 0, stderr);
  return { torrent, bytes: makeBytes(500_000, 2) };
}

Deno.test("only the played file is downloaded, and another once it is played", async () => {
  await using dir = await scratch();
  const { torrent, bytes } = await makeSeries(dir.at("S"));
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "2", "--peer", seed.peer]);
  await using _ = tt;
  assertEquals(await (await fetch(url)).bytes(), bytes);
  const { bytes: wanted } = await tt.event("complete") as unknown as { bytes: number };
  assert(wanted < 600_000, `${wanted} bytes are wanted`);
  const names = async () => {
    const found = [];
    for await (const { name } of Deno.readDir(dir.at("D", "series"))) found.push(name);
    return found.sort();
  };
  assertEquals(await names(), ["b.mkv"]);
  const other = url.replace("/1/b.mkv", "/2/c.mkv");
  assertEquals(await (await fetch(other)).bytes(), makeBytes(500_000, 3));
  assertEquals(await names(), ["b.mkv", "c.mkv"]);
});

Deno.test("with --keep the other files follow", async () => {
  await using dir = await scratch();
  const { torrent } = await makeSeries(dir.at("S"));
  await using seed = await startSeed([torrent, "--dir", dir.at("S")]);
  await seed.event("checked");
  const { tt, url } = await startStream(dir.at("D"), [torrent, "2", "--keep", "--peer", seed.peer]);
  await using _ = tt;
  await (await fetch(url, { headers: { range: "bytes=0-9" } })).bytes();
  const { bytes } = await tt.event("complete") as unknown as { bytes: number };
  assertEquals(bytes, 1_500_000);
});

Deno.test("10,000 ranges and readers that never read cost no memory to speak of", async () => {
  await using dir = await scratch();
  const { path, torrent, bytes } = await makeFile(dir.at("S"), "film.mkv", SIZE, SMALL_PIECES);
  await Deno.mkdir(dir.at("D"), { recursive: true });
  await Deno.copyFile(path, dir.at("D", "film.mkv"));
  const { tt, url } = await startStream(dir.at("D"), [torrent, "--keep"]);
  await using _ = tt;
  const beyond = await fetch(url, { headers: { range: `bytes=${SIZE}-` } });
  assertEquals([beyond.status, beyond.headers.get("content-range")], [416, `bytes */${SIZE}`]);
  await beyond.body?.cancel();
  const { hostname, port, pathname } = new URL(url);
  const idle = await Promise.all(Array.from({ length: 20 }, async () => {
    const connection = await Deno.connect({ hostname, port: Number(port) });
    const head = `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    return connection;
  }));
  const ask = async (at: number) => {
    const start = at * 997 % (SIZE - 10);
    const answer = await fetch(url, { headers: { range: `bytes=${start}-${start + 9}` } });
    assertEquals(await answer.bytes(), bytes.subarray(start, start + 10));
  };
  const several = async (from: number, count: number) => {
    const each = Array.from({ length: 8 }, async (_, lane) => {
      for (let at = from + lane; at < from + count; at += 8) await ask(at);
    });
    await Promise.all(each);
  };
  await several(0, 2_000);
  const before = await memoryOf(tt.pid);
  await several(2_000, 8_000);
  const grown = await memoryOf(tt.pid) - before;
  assert(grown < 64e6, `${grown} bytes more`);
  for (const connection of idle) connection.close();
});

/** Resident bytes of a process. */
async function memoryOf(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
}
