/** The web servers that one torrent asks at the moment, by the keys that its core gave them. */
import type { Effect, Event } from "../../core/torrent/protocol.ts";
import type { Message } from "../../core/wire/message.ts";
import type { Clock } from "../clock.ts";
import type { DriverOptions } from "../driver_options.ts";
import { CLIENT_NAME } from "../version.ts";
import { WebSeedLink } from "./web_seed_link.ts";

export interface WebSeedLinksOwner {
  /** A whole block; the bytes are valid until the call returns. */
  readonly onBlock: (key: number, piece: number, begin: number, bytes: Uint8Array) => void;
  /** All blocks of one socket read were reported. */
  readonly onTurn: () => void;
  /** The server cannot go on; its link is closed. */
  readonly onFailed: (event: Extract<Event, { kind: "web-seed-failed" }>) => void;
}

export class WebSeedLinks {
  readonly #options: Pick<DriverOptions, "metainfo" | "limits" | "allowLocal">;
  readonly #clock: Clock;
  readonly #owner: WebSeedLinksOwner;
  readonly #links = new Map<number, WebSeedLink>();

  constructor(
    options: Pick<DriverOptions, "metainfo" | "limits" | "allowLocal">,
    clock: Clock,
    owner: WebSeedLinksOwner,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#owner = owner;
  }

  open({ peer, url, seedKind }: Extract<Effect, { kind: "open-web-seed" }>): void {
    const { metainfo, limits, allowLocal } = this.#options;
    const { infoHash, files, isFolder, geometry: { pieceLength } } = metainfo;
    const { onBlock, onTurn, onFailed } = this.#owner;
    const link = new WebSeedLink({
      url,
      kind: seedKind,
      torrent: { infoHash, files, isFolder, pieceLength },
      userAgent: CLIENT_NAME,
      allowLocal: allowLocal ?? false,
      limit: limits.down,
      clock: this.#clock,
      owner: {
        block: (piece, begin, bytes) => onBlock(peer, piece, begin, bytes),
        turn: onTurn,
        failed: ({ kind: verdict, why, waitMs }) => {
          this.#links.delete(peer);
          onFailed({ kind: "web-seed-failed", peer, verdict, why, waitMs });
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
