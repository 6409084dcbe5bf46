/** The web servers that one torrent asks at the moment, by the keys that its core gave them. */
import type { Effect } from "../../core/torrent/protocol.ts";
import type { WebSeedTorrent } from "../../core/web_seed/urls.ts";
import type { Message } from "../../core/wire/message.ts";
import type { Lookup } from "../announce/host.ts";
import { systemClock } from "../clock.ts";
import type { RateLimiter } from "../net/rate_limiter.ts";
import { CLIENT_NAME } from "../version.ts";
import { type WebSeedFailure, WebSeedLink } from "./web_seed_link.ts";

export interface WebSeedLinksOptions {
  readonly torrent: WebSeedTorrent;
  readonly limit: RateLimiter;
  readonly allowLocal: boolean;
  readonly lookup?: Lookup | undefined;
  /** A whole block; the bytes are valid until the call returns. */
  readonly onBlock: (key: number, piece: number, begin: number, bytes: Uint8Array) => void;
  /** The blocks of one socket read were all told. */
  readonly onTurn: () => void;
  /** The server cannot go on; its link is closed. */
  readonly onFailed: (key: number, failure: WebSeedFailure) => void;
}

export class WebSeedLinks {
  readonly #options: WebSeedLinksOptions;
  readonly #links = new Map<number, WebSeedLink>();

  constructor(options: WebSeedLinksOptions) {
    this.#options = options;
  }

  has(key: number): boolean {
    return this.#links.has(key);
  }

  open({ peer, url, seedKind }: Extract<Effect, { kind: "open-web-seed" }>): void {
    const { torrent, limit, allowLocal, lookup, onBlock, onTurn, onFailed } = this.#options;
    const link = new WebSeedLink({
      url,
      kind: seedKind,
      torrent,
      userAgent: CLIENT_NAME,
      allowLocal,
      lookup,
      limit,
      clock: systemClock,
      owner: {
        block: (piece, begin, bytes) => onBlock(peer, piece, begin, bytes),
        turn: onTurn,
        failed: (failure) => {
          this.#links.delete(peer);
          onFailed(peer, failure);
        },
      },
    });
    this.#links.set(peer, link);
    link.open();
  }

  request(key: number, blocks: readonly number[]): void {
    this.#links.get(key)?.request(blocks);
  }

  /** Of all messages a web server understands one: that a block is no longer wanted. */
  tell(key: number, message: Message): void {
    if (message.kind === "cancel") this.#links.get(key)?.cancel(message.piece, message.begin);
  }

  close(key: number): void {
    this.#links.get(key)?.close();
    this.#links.delete(key);
  }

  closeAll(): void {
    for (const key of [...this.#links.keys()]) this.close(key);
  }
}
