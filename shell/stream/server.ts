/**
 * Serves files of a torrent over HTTP on loopback while they load: ranges, HEAD, several readers, a
 * playlist. The path has a random part, so that neither a web page nor another user finds it.
 *
 * A reader that does not read costs two chunks: one on its way, and one read ahead.
 */
import { createHash } from "node:crypto";
import { timingSafeEqual } from "@std/crypto/timing-safe-equal";
import { contentType } from "@std/media-types";
import { isPlayable, m3u } from "../../core/stream/playlist.ts";
import { parseRange } from "../../core/stream/byte_range.ts";

/** What is streamed. */
export interface StreamSource {
  readonly name: string;
  readonly files: readonly { readonly path: string; readonly length: number }[];
  /** A position in one file from which bytes are wanted in order. */
  openReader(file: number, start: number, end: number): StreamReader;
}

/** One request's view of a file. It sets which bytes of the download are due next. */
export interface StreamReader {
  /**
   * The next bytes, `bytesMax` at most, once they are there; undefined at the end. Rejects when the
   * torrent ends before.
   */
  read(bytesMax: number): Promise<Uint8Array | undefined>;
  /** Nothing more is wanted here; a read under way is abandoned. */
  close(): void;
}

export interface StreamServerOptions {
  readonly source: StreamSource;
  /** 0 picks a free one. */
  readonly port: number;
  /** Random text of 128 bits or more. */
  readonly secret: string;
  /** Called when the number of readers changes. */
  readonly onReaders?: (count: number) => void;
}

/** Large enough to be quick, small enough that a thousand idle readers do no harm. */
const CHUNK_BYTES = 1024 * 1024;
/** Players open a few connections each. */
const READERS_MAX = 64;
const LOOPBACK = "127.0.0.1";

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #readers = new Set<StreamReader>();

  constructor(options: StreamServerOptions) {
    this.#options = options;
    this.#server = Deno.serve(
      { hostname: LOOPBACK, port: options.port, onListen: () => {} },
      (request) => this.#answer(request),
    );
  }

  /** Where the file is: `file` counts from 0. */
  urlOf(file: number): string {
    const path = this.#options.source.files[file]!.path.split("/").map(encodeURIComponent);
    return `${this.#base()}/${file}/${path.at(-1)}`;
  }

  /** All playable files, or all if none is. */
  get playlistUrl(): string {
    return `${this.#base()}/playlist.m3u`;
  }

  async close(): Promise<void> {
    for (const reader of this.#readers) reader.close();
    await this.#server.shutdown();
  }

  #base(): string {
    return `http://${LOOPBACK}:${this.#server.addr.port}/${this.#options.secret}`;
  }

  #answer(request: Request): Response {
    // A name that leads here is not ours: a page could have it resolve to loopback.
    const host = request.headers.get("host");
    if (host !== `${LOOPBACK}:${this.#server.addr.port}` && !/^localhost:\d+$/.test(host ?? "")) {
      return plain(403, "Use the address that tt stream printed");
    }
    const { pathname } = new URL(request.url);
    const [, secret, place] = pathname.split("/", 3);
    if (secret === undefined || !isSame(secret, this.#options.secret)) {
      return plain(404, "Not found");
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response(null, { status: 405, headers: { Allow: "GET, HEAD" } });
    }
    const isHead = request.method === "HEAD";
    if (place === "playlist.m3u") return this.#playlist(isHead);
    const { files } = this.#options.source;
    const file = /^\d{1,9}$/.test(place ?? "") ? Number(place) : -1;
    if (files[file] === undefined) return plain(404, "The torrent has no such file");
    return this.#serveFile(file, request.headers.get("range") ?? undefined, isHead);
  }

  #serveFile(file: number, header: string | undefined, isHead: boolean): Response {
    const { path, length } = this.#options.source.files[file]!;
    const range = parseRange(header, length);
    const common = { "Accept-Ranges": "bytes", "Cache-Control": "no-store" };
    if (range === "unsatisfiable") {
      return new Response(null, {
        status: 416,
        headers: { ...common, "Content-Range": `bytes */${length}` },
      });
    }
    const { start, end } = range === "whole" ? { start: 0, end: length } : range;
    const headers = {
      ...common,
      "Content-Length": String(end - start),
      "Content-Type": typeOf(path),
      ...(range !== "whole" && { "Content-Range": `bytes ${start}-${end - 1}/${length}` }),
    };
    const status = range === "whole" ? 200 : 206;
    if (isHead || start === end) return new Response(null, { status, headers });
    if (this.#readers.size >= READERS_MAX) {
      return new Response("Too many readers at once", {
        status: 503,
        headers: { "Retry-After": "1" },
      });
    }
    return new Response(this.#body(file, start, end), { status, headers });
  }

  #body(file: number, start: number, end: number): ReadableStream<Uint8Array> {
    const reader = this.#options.source.openReader(file, start, end);
    this.#readers.add(reader);
    this.#options.onReaders?.(this.#readers.size);
    const close = () => {
      if (!this.#readers.delete(reader)) return;
      reader.close();
      this.#options.onReaders?.(this.#readers.size);
    };
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        try {
          const bytes = await reader.read(CHUNK_BYTES);
          if (bytes !== undefined) return controller.enqueue(bytes);
          close();
          controller.close();
        } catch (error) {
          close();
          controller.error(error);
        }
      },
      cancel: close,
    }, { highWaterMark: 1 });
  }

  #playlist(isHead: boolean): Response {
    const { files } = this.#options.source;
    const all = files.map(({ path }, file) => ({ file, title: path }));
    const playable = all.filter(({ title }) => isPlayable(title));
    const chosen = playable.length > 0 ? playable : all;
    const text = m3u(chosen.map(({ file, title }) => ({ title, url: this.urlOf(file) })));
    return new Response(isHead ? null : text, {
      headers: { "Content-Type": "audio/x-mpegurl; charset=utf-8", "Cache-Control": "no-store" },
    });
  }
}

function typeOf(path: string): string {
  const dot = path.lastIndexOf(".");
  return (dot < 0 ? undefined : contentType(path.slice(dot))) ?? "application/octet-stream";
}

/** Compares without telling by the time taken how much was right. */
function isSame(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

function plain(status: number, text: string): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8" },
  });
}
