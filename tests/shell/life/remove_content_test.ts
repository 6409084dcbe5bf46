import { assertEquals } from "@std/assert";
import { removeTorrent } from "../../../shell/life/remove_content.ts";
import { parseTorrent } from "../../../shell/load_torrent.ts";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { scratch } from "../../support/cli_kit.ts";
import { exists } from "../disk/support.ts";

const PATHS = ["deep/er/x", "deep/y", "z"];
const files = PATHS.map((path) => ({ length: 4, path: path.split("/") }));
const info = { name: "set", files, "piece length": 16_384, pieces: new Uint8Array(20) };
const LOADED = parseTorrent(encodeBencode({ info }), "a test");
const HASH = LOADED.metainfo.infoHash;

async function fill(dir: string): Promise<void> {
  await Deno.mkdir(`${dir}/set/deep/er`, { recursive: true });
  await Deno.mkdir(`${dir}/.tt`);
  for (const path of PATHS) await Deno.writeTextFile(`${dir}/set/${path}`, "data");
  for (const kind of ["resume", "torrent", "options", "parts", "leaves"]) {
    await Deno.writeTextFile(`${dir}/.tt/${HASH}.${kind}`, "state");
  }
  await Deno.writeTextFile(`${dir}/.tt/other.resume`, "of another torrent");
}

Deno.test("with its data, a torrent's files, state and empty folders are removed", async () => {
  await using dir = await scratch();
  await fill(dir.path);
  await removeTorrent(LOADED, dir.path, true);
  assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name), [".tt"]);
  assertEquals([...Deno.readDirSync(dir.at(".tt"))].map(({ name }) => name), ["other.resume"]);
  // Nothing is there any more: that is no failure.
  await removeTorrent(LOADED, dir.path, true);
});

Deno.test("what is not the torrent's stays, with the folders around it", async () => {
  await using dir = await scratch();
  await fill(dir.path);
  await Deno.writeTextFile(dir.at("set", "deep", "mine"), "mine");
  await Deno.remove(dir.at("set", "z"));
  await removeTorrent(LOADED, dir.path, true);
  assertEquals(await Deno.readTextFile(dir.at("set", "deep", "mine")), "mine");
  assertEquals(await exists(dir.at("set", "deep", "er")), false);
});

Deno.test("without its data only the state is removed", async () => {
  await using dir = await scratch();
  await fill(dir.path);
  await removeTorrent(LOADED, dir.path, false);
  for (const path of PATHS) assertEquals(await exists(dir.at("set", path)), true);
  assertEquals([...Deno.readDirSync(dir.at(".tt"))].map(({ name }) => name), ["other.resume"]);
});
