/**
 * The `piece layers` of a v2 torrent, which stand outside its info dictionary: for each file of more than
 * one piece the hashes of its pieces, found under the file's root. Nothing here is trusted before it
 * leads to its root.
 */
import { decodeBencode } from "../bencode/decode.ts";
import { encodeBencode } from "../bencode/encode.ts";
import { asBytes, type BencodeNode, bytesOfByteText, byteText, dictGet } from "../bencode/node.ts";
import { createByteWriter, writeBytes, writtenBytes } from "../bytes/byte_writer.ts";
import { assert } from "../bytes/result.ts";
import { MERKLE_HASH_SIZE, type MerkleHasher } from "./merkle.ts";
import { isLayerOf, needsLayer, type PieceTrees } from "./piece_trees.ts";

const UTF8 = new TextEncoder();

export interface LayerError {
  readonly code: "layer-missing" | "layer-invalid";
  /** Index in the torrent's files, symbolic links left out. */
  readonly file: number;
}

/**
 * Puts every layer into `trees`, each as a copy that files of equal content share. Layers of no file
 * are ignored. Errors: "layer-missing", unless `isOptional`; "layer-invalid" when its length or a hash
 * in it is wrong.
 *
 * Spec: BEP 52, piece layers.
 */
export function readPieceLayers(
  layers: BencodeNode | undefined,
  trees: PieceTrees,
  hasher: MerkleHasher,
  isOptional: boolean,
): LayerError | undefined {
  const checked = new Map<string, Uint8Array>();
  for (const [index, file] of trees.files.entries()) {
    if (!needsLayer(file)) continue;
    const key = byteText(file.root);
    const known = checked.get(key);
    if (known !== undefined && known.length === layerSize(file.pieceCount)) {
      trees.layers[index] = known;
      continue;
    }
    const found = asBytes(dictGet(layers, key));
    if (found === undefined) {
      if (isOptional) continue;
      return { code: "layer-missing", file: file.file };
    }
    if (found.length !== layerSize(file.pieceCount) || !isLayerOf(trees, hasher, file, found)) {
      return { code: "layer-invalid", file: file.file };
    }
    const layer = found.slice();
    checked.set(key, layer);
    trees.layers[index] = layer;
  }
  return undefined;
}

/** The value of `piece layers` for a `.torrent`: byte text of a root to its layer. */
export function pieceLayersOf(trees: PieceTrees): Map<string, Uint8Array> {
  const layers = new Map<string, Uint8Array>();
  for (const [index, { root }] of trees.files.entries()) {
    const layer = trees.layers[index];
    if (layer !== undefined) layers.set(byteText(root), layer);
  }
  return layers;
}

/**
 * The bytes of a `.torrent` with the layers that are known now; everything else stays as it is.
 *
 * Spec: BEP 52, piece layers.
 */
export function withPieceLayers(torrent: Uint8Array, trees: PieceTrees): Uint8Array {
  const root = decodeBencode(torrent, { strictBelow: "info", valuesMax: Infinity });
  assert(root.ok && root.value.kind === "dict", "a torrent that was read can be read");
  const parts = new Map([...root.value.entries].map(([key, { start, end }]) => {
    return [key, torrent.subarray(start, end)];
  }));
  parts.set("piece layers", encodeBencode(pieceLayersOf(trees)));
  const writer = createByteWriter();
  writeBytes(writer, UTF8.encode("d"));
  for (const [key, value] of [...parts].sort(([a], [b]) => a < b ? -1 : 1)) {
    writeBytes(writer, encodeBencode(bytesOfByteText(key)));
    writeBytes(writer, value);
  }
  writeBytes(writer, UTF8.encode("e"));
  return writtenBytes(writer).slice();
}

function layerSize(pieceCount: number): number {
  return MERKLE_HASH_SIZE * pieceCount;
}
