/** Notifies a URL of finished downloads: a POST with a JSON object, retried while it fails. */
import { sleep } from "../clock.ts";
import { CLIENT_NAME } from "../version.ts";

/** Waits between the attempts; after the last one the news is given up. */
const RETRY_MS: readonly number[] = [1_000, 5_000, 30_000, 120_000, 600_000];

/** A server that takes longer is down. */
const TIMEOUT_MS = 15_000;

/** News that wait at one time; a server that is down for long misses the oldest. */
const PENDING_MAX = 1000;

export interface Finished {
  readonly event: "complete";
  readonly infoHash: string;
  readonly name: string;
  readonly bytes: number;
  readonly dir: string;
  readonly labels: readonly string[];
  /** Seconds since 1970. */
  readonly at: number;
}

export class Webhook {
  readonly #url: string;
  readonly #onTrouble: (message: string) => void;
  readonly #retryMs: readonly number[];
  readonly #closing = new AbortController();
  readonly #pending: Finished[] = [];
  #isSending = false;

  constructor(
    url: string,
    onTrouble: (message: string) => void,
    retryMs: readonly number[] = RETRY_MS,
  ) {
    this.#url = url;
    this.#onTrouble = onTrouble;
    this.#retryMs = retryMs;
  }

  tell(news: Finished): void {
    this.#pending.push(news);
    if (this.#pending.length > PENDING_MAX) this.#pending.shift();
    if (!this.#isSending) void this.#sendAll();
  }

  close(): void {
    this.#closing.abort();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let news; (news = this.#pending.shift()) !== undefined;) await this.#send(news);
    this.#isSending = false;
  }

  async #send(news: Finished): Promise<void> {
    let why = "";
    for (const waitMs of [0, ...this.#retryMs]) {
      await this.#wait(waitMs);
      if (this.#closing.signal.aborted) return;
      try {
        const response = await fetch(this.#url, {
          method: "POST",
          redirect: "error",
          headers: { "content-type": "application/json", "user-agent": CLIENT_NAME },
          body: JSON.stringify(news),
          signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(TIMEOUT_MS)]),
        });
        await response.body?.cancel();
        if (response.ok) return;
        why = `it answered ${response.status}`;
      } catch {
        why = "it can't be reached";
      }
    }
    if (this.#closing.signal.aborted) return;
    this.#onTrouble(`The webhook was not told that ${news.name} is complete: ${why}`);
  }

  async #wait(ms: number): Promise<void> {
    if (ms === 0) return;
    const { signal } = this.#closing;
    const ended = new Promise<void>((done) =>
      signal.addEventListener("abort", () => done(), { once: true })
    );
    await Promise.race([sleep(ms), ended]);
  }
}
