import { assertEquals } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { withPieceLayers } from "../../../core/metainfo/piece_layers.ts";
import { treesWith, withoutLayers } from "../hash_exchange/kit.ts";

const KIB = 1024;
const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

Deno.test("a torrent gets the layers that are known, and keeps all else as it is", () => {
  const trees = treesWith([3 * 64 * KIB, 16 * KIB], 64 * KIB);
  const [file] = trees.files;
  const [layer] = trees.layers;
  const root = latin1(file!.root);
  const torrent = encodeBencode({ announce: "a", info: { name: "x" }, zz: 1 });
  const bytes = withPieceLayers(torrent, trees);
  assertEquals(
    latin1(bytes),
    `d8:announce1:a4:infod4:name1:xe12:piece layersd32:${root}96:${latin1(layer!)}e2:zzi1ee`,
  );
  assertEquals(withPieceLayers(bytes, trees), bytes);
  assertEquals(
    latin1(withPieceLayers(bytes, withoutLayers(trees))),
    "d8:announce1:a4:infod4:name1:xe12:piece layersde2:zzi1ee",
  );
});
