import { assertEquals } from "@std/assert";
import type { DuePiece } from "../../../core/transfer/order.ts";
import { TorrentStream } from "../../../shell/stream/torrent_source.ts";

const PIECE = 16_384;
const LAYOUT = {
  name: "film",
  files: [{ path: ["film.mkv"], length: 1_000 * PIECE, offset: 0 }],
  pieceLength: PIECE,
};

/** A torrent without any piece, and the first entry of each list of due pieces that it was given. */
function open() {
  const firsts: (number | undefined)[] = [];
  const stream = new TorrentStream(LAYOUT, {
    hasPiece: () => false,
    watchPieces: () => () => {},
    read: () => Promise.reject(new Error("no piece is here")),
    tell: (wish) => {
      firsts.push((wish as { readonly pieces: readonly DuePiece[] }).pieces[0]?.piece);
    },
  });
  return { stream, firsts, [Symbol.dispose]: () => stream.close() };
}

Deno.test("between the two readers of a seek the list of due pieces is never empty", () => {
  using opened = open();
  const first = opened.stream.openReader(0, 0, 1_000 * PIECE);
  first.close();
  opened.stream.openReader(0, 700 * PIECE, 1_000 * PIECE);
  assertEquals(opened.firsts, [0, 700]);
});

Deno.test("a reader that was closed while it waited ends, and its pieces are no longer due", async () => {
  using opened = open();
  const reader = opened.stream.openReader(0, 0, 1_000 * PIECE);
  const read = reader.read(PIECE);
  reader.close();
  assertEquals(await read, undefined);
  opened.stream.openReader(0, 40 * PIECE, 41 * PIECE);
  assertEquals(opened.firsts, [0, 40]);
});
