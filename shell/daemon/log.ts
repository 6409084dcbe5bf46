/**
 * What happened, newest last: kept in memory for `tt log` and the page, appended to a file as a JSON
 * object a line when one is named. Nothing secret goes in: no tokens, no credentials, no trackers' passkeys.
 */

/** Entries kept in memory; a busy day of a few torrents. */
const ENTRIES_MAX = 2000;

export type LogLevel = "info" | "warning" | "error";

export interface LogEntry {
  /** Counts up from 1. */
  readonly number: number;
  /** Seconds since 1970. */
  readonly at: number;
  readonly level: LogLevel;
  /** A literal such as "complete". */
  readonly event: string;
  /** Undefined for what concerns the daemon as a whole. */
  readonly infoHash: string | undefined;
  readonly name: string | undefined;
  /** One sentence. */
  readonly message: string;
}

export class Log {
  readonly #entries: LogEntry[] = [];
  readonly #onEntry: (entry: LogEntry) => void;
  #last = 0;

  constructor(onEntry: (entry: LogEntry) => void) {
    this.#onEntry = onEntry;
  }

  add(
    event: string,
    message: string,
    about: {
      readonly level?: LogLevel;
      readonly infoHash?: string | undefined;
      readonly name?: string | undefined;
    } = {},
  ): void {
    const entry = {
      number: ++this.#last,
      at: Math.round(Date.now() / 1000),
      level: about.level ?? "info",
      event,
      infoHash: about.infoHash,
      name: about.name,
      message: withoutSecrets(message),
    };
    this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX) this.#entries.splice(0, ENTRIES_MAX / 10);
    this.#onEntry(entry);
  }

  /** Those after number `since`, of these torrents; undefined is all. */
  entries(since: number, infoHashes?: ReadonlySet<string>): readonly LogEntry[] {
    return this.#entries.filter((entry) =>
      entry.number > since &&
      (infoHashes === undefined || entry.infoHash !== undefined && infoHashes.has(entry.infoHash))
    );
  }
}

/** Trackers put keys of their users into URLs: as a path component or a parameter. */
export function withoutSecrets(message: string): string {
  return message.replace(/\b(?:https?|udp):\/\/[^\s"']+/gi, (text) => {
    if (!URL.canParse(text)) return text;
    const url = new URL(text);
    const path = url.pathname.split("/")
      .map((part) => /^[0-9a-z_-]{16,}$/i.test(part) && /\d/.test(part) ? "..." : part).join("/");
    const userinfo = url.username === "" ? "" : "...@";
    return `${url.protocol}//${userinfo}${url.host}${path}${url.search === "" ? "" : "?..."}`;
  });
}
