/**
 * Writes what a torrent's core is fed, in order and in disguise, so that `tt replay` can run it again.
 * Rows gather in memory and are written a chunk at a time, and at least about once a second: a run that
 * is killed loses little. When the disk refuses, the recording ends and the download goes on.
 */
import { createDisguise, type Disguise, disguiseSha1 } from "../../core/trace/disguise.ts";
import {
  disguiseEffect,
  disguiseEvent,
  disguiseOptions,
} from "../../core/trace/disguise_protocol.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../../core/trace/effect_hash.ts";
import { encodeHeader, encodeRow } from "../../core/trace/format.ts";
import type { Effect, Event } from "../../core/torrent/protocol.ts";
import type { TorrentOptions } from "../../core/torrent/state.ts";
import { DiskError, type DiskErrorCode, toDiskError } from "../disk/disk_error.ts";

const CHUNK_CHARACTERS = 64 * 1024;
const WRITE_MS = 1_000;

export interface TraceOptions {
  readonly path: string;
  /** Real addresses of peers and ports stay in the trace. */
  readonly keepsAddresses: boolean;
  /** Called once, when the recording ends early. */
  readonly onError: (error: DiskError) => void;
}

export class TraceRecorder {
  readonly #options: TraceOptions;
  readonly #encoder = new TextEncoder();
  #file: Deno.FsFile | undefined;
  #disguise: Disguise | undefined;
  #text = "";
  #writtenMs = 0;
  /** Time of the last row. */
  #at = NaN;
  #hash = NO_EFFECTS;

  /** Makes the file or empties it. Throws a DiskError. */
  constructor(options: TraceOptions) {
    this.#options = options;
    try {
      this.#file = Deno.openSync(options.path, { write: true, create: true, truncate: true });
    } catch (error) {
      throw describe(error, options.path);
    }
  }

  /** Writes the header. Gives the options with which the core is to be made, at the same time. */
  begin(options: TorrentOptions, at: number): TorrentOptions {
    const { sha1, ...data } = options;
    const disguise = createDisguise(options.peerId, this.#options.keepsAddresses);
    this.#disguise = disguise;
    this.#at = at;
    this.#writtenMs = at;
    this.#append(encodeHeader({ at, options: disguiseOptions(disguise, data) }));
    return { ...options, sha1: disguiseSha1(disguise, sha1) };
  }

  event(event: Event, at: number): void {
    this.#timed(at);
    this.#append(encodeRow({ kind: "event", event: disguiseEvent(this.#disguise!, event) }));
  }

  block(peer: number, piece: number, begin: number, length: number, at: number): void {
    this.#timed(at);
    this.#append(encodeRow({ kind: "block", peer, piece, begin, length }));
  }

  /** After `settle`, with everything the turn gave. */
  settled(effects: readonly Effect[], at: number): void {
    this.#timed(at);
    for (const effect of effects) {
      this.#hash = hashValue(this.#hash, disguiseEffect(this.#disguise!, effect));
    }
    this.#append(encodeRow({ kind: "settle", hash: formatHash(this.#hash) }));
    if (at - this.#writtenMs >= WRITE_MS) this.#write(at);
  }

  /** The run ended in order. */
  close(): void {
    this.#append(encodeRow({ kind: "end" }));
    this.#write(this.#at);
    this.#file?.close();
    this.#file = undefined;
  }

  #timed(at: number): void {
    if (at === this.#at) return;
    this.#at = at;
    this.#append(encodeRow({ kind: "time", at }));
  }

  #append(row: string): void {
    if (this.#file === undefined) return;
    this.#text += row + "\n";
    if (this.#text.length >= CHUNK_CHARACTERS) this.#write(this.#at);
  }

  #write(at: number): void {
    const bytes = this.#encoder.encode(this.#text);
    this.#text = "";
    this.#writtenMs = at;
    try {
      for (let done = 0; this.#file !== undefined && done < bytes.length;) {
        done += this.#file.writeSync(bytes.subarray(done));
      }
    } catch (error) {
      this.#file?.close();
      this.#file = undefined;
      this.#options.onError(describe(error, this.#options.path));
    }
  }
}

const CAUSES: Partial<Record<DiskErrorCode, string>> = {
  "disk-full": "the disk is full",
  "not-permitted": "permission denied",
  missing: "its folder is not there",
  occupied: "it is no regular file",
};

function describe(error: unknown, path: string): DiskError {
  const { code, message } = toDiskError(error, "write", path);
  const sentence = `Cannot write the trace ${path}: ${CAUSES[code] ?? message}; ` +
    "name another file with --trace";
  return new DiskError(code, path, sentence, { cause: error });
}
