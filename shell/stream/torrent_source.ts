/**
 * A torrent's files as a stream reads them: a reader waits for the piece at its position, and tells the
 * download which pieces are due next and when, by the rate at which it takes bytes.
 */
import type { TorrentFile } from "../../core/metainfo/types.ts";
import { READ_AHEAD_MS, READ_AHEAD_PIECES_MIN, readAhead } from "../../core/stream/read_ahead.ts";
import { DUE_PIECES_MAX } from "../../core/transfer/limits.ts";
import { now } from "../clock.ts";
import type { Driver } from "../driver.ts";
import type { StreamReader, StreamSource } from "./server.ts";

/** Deadlines are told again this often while a reader waits, since its rate changes. */
const REVIEW_MS = 1_000;
/** A reader that takes bytes more slowly than this is not waited for: it watches, so it needs them. */
const RATE_MIN = 128 * 1024;
/** Taken as the rate before any was measured: 8 Mbit/s. */
const RATE_FIRST = 1024 * 1024;
/** Rates are measured over this. */
const RATE_WINDOW_MS = 10_000;

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
    this.#timer = setInterval(() => this.#review(), REVIEW_MS);
    this.#unwatch = torrent.watchPieces((piece) => {
      for (const reader of this.#readers) reader.onPiece(piece);
    });
  }

  openReader(file: number, start: number, end: number): StreamReader {
    const { offset } = this.#layout.files[file]!;
    const reader = new Reader(this.#torrent, this.#layout, offset + start, offset + end, {
      onMoved: () => this.#review(),
      onClosed: () => {
        this.#readers.delete(reader);
        this.#review();
      },
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
  readonly #layout: StreamLayout;
  readonly #end: number;
  readonly #events: ReaderEvents;
  readonly #startedMs = now();
  #at: number;
  #taken = 0;
  #measuredMs = this.#startedMs;
  #rate = RATE_FIRST;
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
    this.#layout = layout;
    this.#at = start;
    this.#end = end;
    this.#events = events;
  }

  async read(bytesMax: number): Promise<Uint8Array | undefined> {
    if (this.#at >= this.#end || this.#isClosed) return undefined;
    const { pieceLength } = this.#layout;
    const piece = Math.floor(this.#at / pieceLength);
    while (!this.#torrent.hasPiece(piece)) {
      const settle = Promise.withResolvers<void>();
      this.#waiting = { piece, settle };
      await settle.promise;
      if (this.#isClosed) return undefined;
    }
    const begin = this.#at - piece * pieceLength;
    const length = Math.min(bytesMax, pieceLength - begin, this.#end - this.#at);
    const bytes = new Uint8Array(length);
    await this.#torrent.read(piece, begin, bytes);
    this.#at += length;
    this.#count(length);
    if (begin + length === pieceLength) this.#events.onMoved();
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
    const { pieceLength } = this.#layout;
    const ahead = { atByte: this.#at, endByte: this.#end, pieceLength, bytesPerSecond: this.#rate };
    return readAhead(ahead, READ_AHEAD_MS, READ_AHEAD_PIECES_MIN)
      .filter(({ piece }) => !this.#torrent.hasPiece(piece));
  }

  /** A player takes what it can at first, then what it shows. */
  #count(bytes: number): void {
    this.#taken += bytes;
    const at = now(), ms = at - this.#measuredMs;
    if (ms < REVIEW_MS) return;
    const rate = 1_000 * this.#taken / ms;
    const weight = Math.min(1, ms / RATE_WINDOW_MS);
    this.#rate = Math.max(RATE_MIN, this.#rate * (1 - weight) + rate * weight);
    this.#taken = 0;
    this.#measuredMs = at;
  }
}
