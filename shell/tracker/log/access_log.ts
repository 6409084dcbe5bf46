/**
 * One line for each request, in a file or on stdout. Lines gather and are written together, off the
 * way of the answers; a disk that can't keep up loses lines, and the log says how many, but no request
 * waits for it. Without a log, no line is made.
 */
import type {
  AnnounceKind,
  AnswerResult,
  Protocol,
} from "../../../core/tracker_server/metrics/metrics.ts";

/** Longest time that a line waits. */
const FLUSH_MS = 500;
const FLUSH_CHARACTERS = 64 * 1024;
/** Half a minute of a busy tracker; beyond it lines are lost. */
const WAITING_CHARACTERS_MAX = 16 * 1024 * 1024;
/** The longest path that is worth a line. */
const TARGET_CHARACTERS_MAX = 200;

export interface AccessEntry {
  readonly protocol: Protocol;
  /** Who asks, behind trusted proxies too: an IP address, or "IP:PORT" where it listens for peers. */
  readonly client: string;
  /** An announce, a scrape, or the method and path of another request, without its query. */
  readonly what: AnnounceKind | "scrape" | `${string} /${string}`;
  /** 40 digits, of an announce that could be read. */
  readonly infoHash?: string;
  /** An HTTP status stands for what is neither announce nor scrape. */
  readonly result: AnswerResult | number;
  /** Of a refusal. */
  readonly reason?: string | undefined;
  readonly tookMs: number;
}

/** Where lines go. */
export interface LogSink {
  write(bytes: Uint8Array): Promise<unknown>;
  close(): void;
}

export class AccessLog {
  readonly #sink: LogSink;
  readonly #timer: ReturnType<typeof setInterval>;
  #waiting = "";
  #lost = 0;
  #writing: Promise<void> | undefined;

  constructor(sink: LogSink) {
    this.#sink = sink;
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS);
  }

  /** Takes note of a request that was answered. */
  note(entry: AccessEntry): void {
    if (this.#waiting.length > WAITING_CHARACTERS_MAX) {
      this.#lost++;
      return;
    }
    this.#waiting += formatEntry(entry, new Date());
    if (this.#waiting.length >= FLUSH_CHARACTERS) this.#flush();
  }

  /** Writes what waits. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    this.#flush();
    await this.#writing;
    this.#sink.close();
  }

  #flush(): void {
    if (this.#writing !== undefined || this.#waiting === "") return;
    const lines = this.#waiting + (this.#lost > 0 ? `# ${this.#lost} lines were lost\n` : "");
    this.#waiting = "";
    this.#lost = 0;
    const bytes = new TextEncoder().encode(lines);
    // A full disk must not stop a tracker: these lines are gone, the next ones may fit.
    this.#writing = writeAll(this.#sink, bytes).catch(() => {
      this.#lost += lines.split("\n").length - 1;
    }).finally(() => this.#writing = undefined);
  }
}

/** Opens a log at the end of a file; "-" is stdout. Rejects with the error of opening. */
export async function openAccessLog(path: string): Promise<AccessLog> {
  if (path === "-") {
    return new AccessLog({ write: (bytes) => Deno.stdout.write(bytes), close: () => {} });
  }
  return new AccessLog(await Deno.open(path, { append: true, create: true }));
}

/** Time, client, protocol, what, torrent, result, microseconds, reason; "-" where there is no torrent. */
export function formatEntry(entry: AccessEntry, at: Date): string {
  const { client, protocol, infoHash = "-", result } = entry;
  const what = entry.what.slice(0, TARGET_CHARACTERS_MAX).replace(/[^\x20-\x7e]/g, "?");
  const reason = entry.reason === undefined ? "" : ` ${entry.reason}`;
  const us = Math.round(entry.tookMs * 1_000);
  return `${at.toISOString()} ${client} ${protocol} ${what} ${infoHash} ${result} ${us}us${reason}\n`;
}

async function writeAll(sink: LogSink, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += Number(await sink.write(bytes.subarray(at)));
  }
}
