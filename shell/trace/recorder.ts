/**
 * Writes a torrent's trace to a file, for `tt replay`. Lines gather in memory and are written a chunk at
 * a time, and at least about once a second: a run that is killed loses little. When the disk refuses,
 * the recording ends and the download goes on.
 */
import {
  recordBlock,
  recordEnd,
  recordEvent,
  type Recording,
  recordSettle,
  startRecording,
} from "../../core/trace/recording.ts";
import type { Effect, Event } from "../../core/torrent/protocol.ts";
import type { TorrentOptions } from "../../core/torrent/state.ts";
import type { DiskError } from "../disk/disk_error.ts";
import { namedFileError } from "../disk/named_file.ts";

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
  /** Undefined once the recording has ended. */
  #file: Deno.FsFile | undefined;
  #recording: Recording | undefined;
  #text = "";
  #writtenMs = 0;

  /** Makes the file or empties it. Throws a DiskError. */
  constructor(options: TraceOptions) {
    this.#options = options;
    try {
      this.#file = Deno.openSync(options.path, { write: true, create: true, truncate: true });
    } catch (error) {
      throw describe(error, options.path);
    }
  }

  /** Writes the header. Gives the options with which the core must be made, at the same time. */
  begin(options: TorrentOptions, at: number): TorrentOptions {
    const { keepsAddresses } = this.#options;
    const { recording, line, sha1, priorityOf } = startRecording(options, at, keepsAddresses);
    this.#recording = recording;
    this.#writtenMs = at;
    this.#append(line);
    return { ...options, sha1, priorityOf };
  }

  event(event: Event, at: number): void {
    if (this.#file !== undefined) this.#append(recordEvent(this.#recording!, event, at));
  }

  block(peer: number, piece: number, begin: number, length: number, at: number): void {
    if (this.#file === undefined) return;
    this.#append(recordBlock(this.#recording!, peer, piece, begin, length, at));
  }

  /** After `settle`, with everything the turn gave. */
  settled(effects: readonly Effect[], at: number): void {
    if (this.#file === undefined) return;
    this.#append(recordSettle(this.#recording!, effects, at));
    if (this.#text.length < CHUNK_CHARACTERS && at - this.#writtenMs < WRITE_MS) return;
    this.#writtenMs = at;
    this.#write();
  }

  /** The run ended in order. */
  close(): void {
    this.#append(recordEnd());
    this.#write();
    this.#file?.close();
    this.#file = undefined;
  }

  #append(lines: string): void {
    this.#text += lines;
  }

  #write(): void {
    const bytes = this.#encoder.encode(this.#text);
    this.#text = "";
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

function describe(error: unknown, path: string): DiskError {
  return namedFileError(error, "write", `the trace ${path}`, "name another file with --trace");
}
