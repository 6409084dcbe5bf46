/** What all torrents of one process share: the listening port, the rate limits, the peer numbers. */
import type { PeerAddress } from "../core/bytes/address.ts";
import { announce } from "./announce/announce.ts";
import { Driver, type DriverOptions } from "./driver.ts";
import { PeerListener } from "./net/listener.ts";
import { RateLimiter, type RateLimits } from "./net/rate_limiter.ts";
import { CLIENT_NAME } from "./version.ts";

export interface SessionOptions {
  /** IP address to listen on; undefined is every address of both families. */
  readonly host: string | undefined;
  /** 0 picks a free one; undefined is the default one or one of the next. */
  readonly port: number | undefined;
  readonly defaultPort: number;
  /** Bytes a second. */
  readonly upLimit: number | undefined;
  readonly downLimit: number | undefined;
}

/** What the session adds by itself. */
type Shared = "limits" | "nextPeerKey" | "announce";

export class Session {
  readonly #listener: PeerListener;
  readonly #limits: RateLimits;
  #peerKeys = 0;

  /** Throws a PortError. */
  constructor(options: SessionOptions) {
    this.#listener = PeerListener.open(options.host, options.port, options.defaultPort);
    const limit = (rate: number | undefined) => rate && new RateLimiter(rate) || undefined;
    this.#limits = { down: limit(options.downLimit), up: limit(options.upLimit) };
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Joins the swarm of a torrent. */
  start(options: Omit<DriverOptions, Shared>, peers: readonly PeerAddress[]): Driver {
    const driver = new Driver({
      ...options,
      limits: this.#limits,
      nextPeerKey: () => ++this.#peerKeys,
      announce: (url, request, signal) =>
        announce(url, request, { signal, userAgent: CLIENT_NAME }),
    });
    this.#listener.register(options.metainfo.infoHash, driver);
    driver.start(peers);
    return driver;
  }

  /** Leaves the swarm; resolves when the state is saved and the trackers know. */
  async stop(driver: Driver, options: Pick<DriverOptions, "metainfo">): Promise<void> {
    this.#listener.unregister(options.metainfo.infoHash);
    await driver.stop();
  }

  close(): void {
    this.#listener.close();
  }
}
