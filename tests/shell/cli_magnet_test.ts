/** Magnet links from a user's view: from one peer, again after a kill, and with hostile peers. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  assertContent,
  assertOneSentence,
  LOCAL,
  makeBytes,
  runTt,
  scratch,
  startGet,
  startSeed,
} from "../support/cli_kit.ts";
import { FakeMetadataPeer } from "./fake_metadata_peer.ts";

const SIZE = 3_000_001;

/** A seeder of `film.bin`, and its magnet link. */
async function startSource(path: string, more: readonly string[] = []) {
  const bytes = makeBytes(SIZE);
  await Deno.writeFile(`${path}/film.bin`, bytes);
  const seed = await startSeed(["film.bin", "--piece-length", "16K", ...more], { cwd: path });
  const shown = await runTt(["show", `${path}/film.bin.torrent`, "--json"]);
  const { infoHash, magnet } = shown.said[0]!;
  return { bytes, seed, infoHash: infoHash as string, link: `${magnet}&x.pe=${seed.peer}` };
}

Deno.test("a magnet link with a peer gives metadata, then content", async () => {
  await using dir = await scratch();
  const { bytes, seed, infoHash, link } = await startSource(dir.path);
  await using _seed = seed;
  const args = ["--dir", "D", "--no-seed", "--json", "--save-torrent", "saved.torrent"];
  await using get = await startGet([link, ...args], { cwd: dir.path });
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  const metadata = ended.said.find(({ event }) => event === "metadata")!;
  assertEquals([metadata.infoHash, metadata.name], [infoHash, "film.bin"]);
  await assertContent(dir.at("D", "film.bin"), bytes);
  const saved = await runTt(["show", "saved.torrent", "--json"], { cwd: dir.path });
  assertEquals(saved.said[0]!.infoHash, infoHash);
});

Deno.test("a link with a selection downloads only the selected files", async () => {
  await using dir = await scratch();
  await Deno.mkdir(dir.at("films"));
  const size = 200_000;
  for (const name of ["a", "b", "c"]) {
    await Deno.writeFile(dir.at("films", name), makeBytes(size, name.charCodeAt(0)));
  }
  await using seed = await startSeed(["films", "--piece-length", "16K"], { cwd: dir.path });
  const shown = await runTt(["show", dir.at("films.torrent"), "--json"]);
  const link = `${shown.said[0]!.magnet}&x.pe=${seed.peer}&so=1`;
  await using get = await startGet([link, "--dir", "D", "--no-seed", "--json"], { cwd: dir.path });
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  await assertContent(dir.at("D", "films", "b"), makeBytes(size, "b".charCodeAt(0)));
  const names = [...Deno.readDirSync(dir.at("D", "films"))].map(({ name }) => name);
  assertEquals(names, ["b"]);
});

Deno.test("the .torrent saved for a v2 link contains its layers, or is not written", async () => {
  await using dir = await scratch();
  const { seed, infoHash, link } = await startSource(dir.path, ["--format", "v2"]);
  await using _seed = seed;
  const shown = await runTt(["show", link, "--save-torrent", dir.at("shown.torrent"), ...LOCAL]);
  assertEquals([shown.code, shown.said.at(-1)!.code], [2, "layers"], shown.stderr);
  const args = ["--dir", "D", "--no-seed", "--json", "--save-torrent", "saved.torrent"];
  await using get = await startGet([link, ...args], { cwd: dir.path });
  const ended = await get.end();
  assertEquals(ended.code, 0, ended.stderr);
  const saved = await runTt(["show", "saved.torrent", "--json"], { cwd: dir.path });
  assertEquals([saved.code, saved.said[0]!.infoHash], [0, infoHash], saved.stderr);
});

Deno.test("tt show fetches the metadata, prints it and exits", async () => {
  await using dir = await scratch();
  const { seed, infoHash, link } = await startSource(dir.path);
  await using _seed = seed;
  const shown = await runTt(["show", link, ...LOCAL]);
  assertEquals(shown.code, 0, shown.stderr);
  const torrent = shown.said.find(({ event }) => event === "torrent")!;
  assertEquals([torrent.infoHash, torrent.name, torrent.bytes], [infoHash, "film.bin", SIZE]);
});

Deno.test("after kill -9 the metadata is not fetched again, and pieces are kept", async () => {
  await using dir = await scratch();
  const { bytes, seed, link } = await startSource(dir.path, ["--up-limit", "600K"]);
  await using _seed = seed;
  {
    await using get = await startGet([link, "--dir", "D", "--json"], { cwd: dir.path });
    await get.event("progress", (said) => (said.bytesDone as number) > 200_000);
    await get.stop("SIGKILL");
  }
  // The link's peer is omitted: the metadata can only come from the disk.
  const bare = link.replace(/&x\.pe=.*/, "");
  const args = ["--dir", "D", "--no-seed", "--json", "--resume", "--peer", seed.peer];
  await using again = await startGet([bare, ...args], { cwd: dir.path });
  const ended = await again.end();
  assertEquals(ended.code, 0, ended.stderr);
  assertEquals(ended.said.some(({ event }) => event === "metadata"), false);
  await assertContent(dir.at("D", "film.bin"), bytes);
});

Deno.test("peers that send wrong metadata are banned, and an honest one is used", async () => {
  await using dir = await scratch();
  const { bytes, seed, infoHash, link } = await startSource(dir.path);
  await using _seed = seed;
  await using liar = new FakeMetadataPeer(infoHash, { metadata: makeBytes(20_000, 9) });
  const args = ["--dir", "D", "--no-seed", "--json", "--peer", liar.address];
  await using get = await startGet([link.replace(/&x\.pe=.*/, ""), ...args], { cwd: dir.path });
  assertMatch((await get.event("peer-banned")).reason as string, /metadata/);
  await get.stop();
  await using both = await startGet([link, ...args], { cwd: dir.path });
  const ended = await both.end();
  assertEquals(ended.code, 0, ended.stderr);
  await assertContent(dir.at("D", "film.bin"), bytes);
});

Deno.test("metadata of 1 GB is not requested, and the wait for it ends", async () => {
  await using dir = await scratch();
  const infoHash = "ab".repeat(20);
  await using huge = new FakeMetadataPeer(infoHash, { claimedSize: 1_000_000_000 });
  const link = `magnet:?xt=urn:btih:${infoHash}&x.pe=${huge.address}`;
  await using get = await startGet([link, "--dir", "D", "--json"], { cwd: dir.path });
  await huge.handshaken;
  await get.event("progress", (said) => said.peers === 1);
  assertEquals(huge.requests, 0);
  assertEquals((await get.stop()).code, 130);
});

Deno.test("a link without peers ends with --timeout, an invalid one at once", async () => {
  const infoHash = "ab".repeat(20);
  const alone = await runTt([
    ...["get", `magnet:?xt=urn:btih:${infoHash}&dn=film`, ...LOCAL, "--timeout", "1"],
  ]);
  assertMatch(assertOneSentence(alone, 4), /metadata of film.*no peer gave it/);
  const bad = await runTt(["show", "magnet:?dn=film", ...LOCAL]);
  assertMatch(assertOneSentence(bad, 3), /names no BitTorrent info hash/);
});

Deno.test("the metadata of a private torrent is not served", async () => {
  await using dir = await scratch();
  const tracker = ["--private", "--tracker", "http://127.0.0.1:1/announce", "--no-register"];
  const { seed, link } = await startSource(dir.path, tracker);
  await using _seed = seed;
  const shown = await runTt(["show", link, ...LOCAL, "--timeout", "2", "--json"]);
  assert(!shown.said.some(({ event }) => event === "torrent"));
});
