/**
 * `bench core`, bencode: a `.torrent` of many files, compared with the package that Node's clients
 * use.
 */
import bencode from "bencode";
import { decodeBencode } from "../../core/bencode/decode.ts";
import { type Bencodable, encodeBencode } from "../../core/bencode/encode.ts";
import { assert } from "../../core/bytes/result.ts";
import { atLeast, type Figure, shorten } from "./figures.ts";
import { medianMs } from "./measure.ts";

const FILES = 10_000;
const PIECES = 10_000;

export function benchBencode(): Figure[] {
  const torrent = metainfoOf(FILES, PIECES);
  const bytes = encodeBencode(torrent);
  const decodeMs = medianMs(() => assert(decodeBencode(bytes).ok, "the document is right"));
  const theirDecodeMs = medianMs(() => bencode.decode(bytes));
  const encodeMs = medianMs(() => encodeBencode(torrent));
  const theirEncodeMs = medianMs(() => bencode.encode(torrent));
  const rate = (ms: number) => `${shorten(bytes.length / 1e3 / ms)} MB/s`;
  return [
    {
      what: `bencode, decode ${shorten(bytes.length / 1e6)} MB of ${FILES} files`,
      measured: rate(decodeMs),
      beside: `npm bencode ${rate(theirDecodeMs)}`,
      target: atLeast(theirDecodeMs / decodeMs, 1),
    },
    {
      what: "bencode, encode the same",
      measured: rate(encodeMs),
      beside: `npm bencode ${rate(theirEncodeMs)}`,
      target: atLeast(theirEncodeMs / encodeMs, 1),
    },
  ];
}

function metainfoOf(files: number, pieces: number): Bencodable {
  return {
    announce: "http://tracker.example.org/announce",
    info: {
      files: Array.from({ length: files }, (_, file) => ({
        length: 100_000 + file,
        path: [`folder ${file % 100}`, `a file with a usual name ${file}.dat`],
      })),
      name: "many files",
      "piece length": 1 << 18,
      pieces: new Uint8Array(20 * pieces).fill(7),
    },
  };
}
