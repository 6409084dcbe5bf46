import { assert, assertEquals } from "@std/assert";
import { markerName, placeMarker, removeMarker } from "../../../shell/disk/unfinished_marker.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  bytesFrom,
  exists,
  fileSystemWith,
  HASH,
  inTempDir,
  systemError,
  torrentOf,
} from "./support.ts";

const TORRENT = { ...torrentOf({ path: "set/a", length: 5 }), name: "set\n", infoHash: HASH };

Deno.test("a marker is created beside the content and removed again", async () => {
  await inTempDir(async (dir) => {
    await placeMarker(dir, TORRENT);
    await placeMarker(dir, TORRENT);
    const text = await Deno.readTextFile(`${dir}/set.unfinished`);
    assertEquals(text.split("\n").length, 4);
    assert(text.includes(HASH));
    await removeMarker(dir, TORRENT);
    assert(!await exists(`${dir}/set.unfinished`));
    await removeMarker(dir, TORRENT);
  });
});

Deno.test("a foreign file at the marker's path is not touched", async () => {
  await inTempDir(async (dir) => {
    const other = { ...TORRENT, infoHash: "f".repeat(40) as InfoHash };
    await placeMarker(dir, other);
    const text = await Deno.readFile(`${dir}/set.unfinished`);
    await placeMarker(dir, TORRENT);
    await removeMarker(dir, TORRENT);
    assertEquals(await Deno.readFile(`${dir}/set.unfinished`), text);
    await Deno.remove(`${dir}/set.unfinished`);
    await Deno.writeFile(`${dir}/secret`, bytesFrom(1, 10));
    await Deno.symlink("secret", `${dir}/set.unfinished`);
    await placeMarker(dir, TORRENT);
    await removeMarker(dir, TORRENT);
    assertEquals(await Deno.readFile(`${dir}/secret`), bytesFrom(1, 10));
    assert(await exists(`${dir}/set.unfinished`));
  });
});

Deno.test("a folder that refuses the marker, or a long name, is not an error", async () => {
  const fileSystem = fileSystemWith({ openWriter: () => Promise.reject(systemError("ENOSPC")) });
  await inTempDir((dir) => placeMarker(dir, TORRENT, fileSystem));
  const long = torrentOf({ path: "\u00e9".repeat(127), length: 5 });
  const name = markerName(long);
  assert(name.endsWith(".unfinished") && new TextEncoder().encode(name).length <= 255);
});
