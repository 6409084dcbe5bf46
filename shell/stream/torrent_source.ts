/**
 * A torrent's files as a stream reads them: a reader waits for the piece at its position, and tells the
 * download which pieces are due next and when, by the rate at which it takes bytes.
 */
import type { TorrentFile } from "../../core/metainfo/types.ts";
import {
  advanceReader,
  createReader,
  duePieces,
  type Reader as ReaderState,
  READER_REVIEW_MS,
} from "../../core/stream/reader.ts";
import { DUE_PIECES_MAX } from "../../core/transfer/limits.ts";
import { now } from "../clock.ts";
import type { Driver } from "../driver.ts";
import type { StreamReader, StreamSource } from "./server.ts";

/** What a source needs of a torrent in its swarm. */
export type StreamedTorrent = Pick<Driver, "hasPiece" | "watchPieces" | "read" | "tell">;

/** Where files and pieces lie in the torrent. */
export interface StreamLayout {
  readonly name: string;
  readonly files: readonly Pick<TorrentFile, "path" | "length" | "offset">[];
  readonly pieceLength: number;
}

export class TorrentStream implements StreamSource {
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly length: number }[];
  readonly #layout: StreamLayout;
  readonly #torrent: StreamedTorrent;
  readonly #readers = new Set<Reader>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #unwatch: () => void;

  constructor(layout: StreamLayout, torrent: StreamedTorrent) {
    this.name = layout.name;
    this.#layout = layout;
    this.#torrent = torrent;
    this.files = layout.files.map(({ path, length }) => ({ path: path.join("/"), length }));
    this.#timer = setInterval(() => this.#review(), READER_REVIEW_MS);
    this.#unwatch = torrent.watchPieces((piece) => {
      for (const reader of this.#readers) reader.onPiece(piece);
    });
  }

  openReader(file: number, start: number, end: number): StreamReader {
    const { offset } = this.#layout.files[file]!;
    const reader = new Reader(this.#torrent, this.#layout, offset + start, offset + end, {
      onMoved: () => this.#review(),
      // What it needed stays due until the next review: a player that seeks closes one reader before it
      // opens another, and requests for other pieces would fill the peers' queues meanwhile.
      onClosed: () => this.#readers.delete(reader),
    });
    this.#readers.add(reader);
    this.#review();
    return reader;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    for (const reader of this.#readers) reader.fail(new Error("The torrent was stopped"));
  }

  /** Says what is due, all readers together. */
  #review(): void {
    const due = [...this.#readers].flatMap((reader) => reader.due())
      .sort((a, b) => a.inMs - b.inMs)
      .slice(0, DUE_PIECES_MAX);
    const at = now();
    const pieces = due.map(({ piece, inMs }) => ({ piece, atMs: at + inMs }));
    this.#torrent.tell({ kind: "due", pieces });
  }
}

interface ReaderEvents {
  readonly onMoved: () => void;
  readonly onClosed: () => void;
}

class Reader implements StreamReader {
  readonly #torrent: StreamedTorrent;
  readonly #events: ReaderEvents;
  readonly #state: ReaderState;
  #waiting: { readonly piece: number; readonly settle: PromiseWithResolvers<void> } | undefined;
  #isClosed = false;

  /** From `start` to `end` of the whole content. */
  constructor(
    torrent: StreamedTorrent,
    layout: StreamLayout,
    start: number,
    end: number,
    events: ReaderEvents,
  ) {
    this.#torrent = torrent;
    this.#state = createReader(start, end, layout.pieceLength, now());
    this.#events = events;
  }

  async read(bytesMax: number): Promise<Uint8Array | undefined> {
    const { atByte, endByte, pieceLength } = this.#state;
    if (atByte >= endByte || this.#isClosed) return undefined;
    const piece = Math.floor(atByte / pieceLength);
    while (!this.#torrent.hasPiece(piece)) {
      const settle = Promise.withResolvers<void>();
      this.#waiting = { piece, settle };
      await settle.promise;
      if (this.#isClosed) return undefined;
    }
    // One chunk of all pieces that are there, since each chunk has a price on its way to the socket.
    const end = Math.min(atByte + bytesMax, endByte);
    let next = piece + 1;
    while (next * pieceLength < end && this.#torrent.hasPiece(next)) next++;
    const bytes = new Uint8Array(Math.min(next * pieceLength, end) - atByte);
    for (let done = 0, length = 0; done < bytes.length; done += length) {
      const at = atByte + done;
      const from = Math.floor(at / pieceLength);
      const begin = at - from * pieceLength;
      length = Math.min(pieceLength - begin, bytes.length - done);
      await this.#torrent.read(from, begin, bytes.subarray(done, done + length));
    }
    if (advanceReader(this.#state, bytes.length, now())) this.#events.onMoved();
    return bytes;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting?.settle.resolve();
    this.#events.onClosed();
  }

  fail(error: Error): void {
    this.#waiting?.settle.reject(error);
    this.#isClosed = true;
  }

  onPiece(piece: number): void {
    if (this.#waiting?.piece !== piece) return;
    this.#waiting.settle.resolve();
    this.#waiting = undefined;
  }

  due(): { readonly piece: number; readonly inMs: number }[] {
    return duePieces(this.#state, (piece) => this.#torrent.hasPiece(piece));
  }
}
