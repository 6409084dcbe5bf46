/** The one port that all torrents of this process listen on. */
import type { InfoHash } from "../../core/metainfo/types.ts";
import { closeQuietly, type GreetedConn, greetIncoming } from "./handshaking.ts";

/** Ports tried from the default one on, as other clients do. */
const PORTS_TRIED = 10;
/** Strangers who have not said what they want; a peer says so at once. More is no visit. */
const STRANGERS_MAX = 128;

/** Who takes connections for a torrent. */
export interface Acceptor {
  readonly peerId: Uint8Array;
  accept(greeted: GreetedConn): void;
}

/** The port can't be had; `message` is for the user. */
export class PortError extends Error {
  override readonly name = "PortError";

  /** `isTaken`: another program has it, and another port may be free. */
  constructor(message: string, readonly isTaken: boolean) {
    super(message);
  }
}

/** Why nobody can listen there, in a sentence; `host` undefined is every address. */
export function toPortError(error: unknown, host: string | undefined, port: number): PortError {
  const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
  const isTaken = error instanceof Deno.errors.AddrInUse;
  return new PortError(`Cannot listen on ${where}: ${causeOf(error)}`, isTaken);
}

function causeOf(error: unknown): string {
  const { AddrInUse, AddrNotAvailable, PermissionDenied } = Deno.errors;
  if (error instanceof AddrInUse) return "another program uses it; choose another --port";
  if (error instanceof AddrNotAvailable) {
    return "this machine has no such address; choose another --host";
  }
  if (error instanceof PermissionDenied) {
    return "the system does not permit it; choose a --port above 1023";
  }
  const why = error instanceof Error ? error.message : String(error);
  return `${why}; choose another --host or --port`;
}

export class PeerListener {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #acceptors = new Map<InfoHash, Acceptor>();
  readonly #strangers = new Set<Deno.TcpConn>();

  private constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
    this.port = listener.addr.port;
    this.#acceptLoop();
  }

  /**
   * Listens on `port` (0: any free one) or, if undefined, on `defaultPort` or one of the next. Without
   * `host` on every address of both families. Throws a PortError.
   */
  static open(
    host: string | undefined,
    port: number | undefined,
    defaultPort: number,
  ): PeerListener {
    if (port !== undefined) return new PeerListener(listen(host, port));
    for (let tried = 0; tried < PORTS_TRIED - 1; tried++) {
      try {
        return new PeerListener(listen(host, defaultPort + tried));
      } catch (error) {
        if (!(error instanceof PortError && error.isTaken)) throw error;
      }
    }
    return new PeerListener(listen(host, defaultPort + PORTS_TRIED - 1));
  }

  register(infoHash: InfoHash, acceptor: Acceptor): void {
    this.#acceptors.set(infoHash, acceptor);
  }

  unregister(infoHash: InfoHash): void {
    this.#acceptors.delete(infoHash);
  }

  close(): void {
    closeQuietly(this.#listener);
    for (const conn of this.#strangers) closeQuietly(conn);
  }

  async #acceptLoop(): Promise<void> {
    while (true) {
      let conn: Deno.TcpConn;
      try {
        conn = await this.#listener.accept();
      } catch (error) {
        if (isClosed(error)) return;
        // Too many open files, or a peer that left while it waited: the next one may do better.
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      if (this.#strangers.size >= STRANGERS_MAX) this.#dropOldestStranger();
      this.#greet(conn);
    }
  }

  /** Who was silent longest has the least to say: a crowd of them must not keep peers out. */
  #dropOldestStranger(): void {
    for (const oldest of this.#strangers) {
      this.#strangers.delete(oldest);
      return closeQuietly(oldest);
    }
  }

  async #greet(conn: Deno.TcpConn): Promise<void> {
    this.#strangers.add(conn);
    conn.setNoDelay(true);
    const greeted = await greetIncoming(conn, (hash) => this.#acceptors.get(hash)?.peerId);
    this.#strangers.delete(conn);
    if (greeted === undefined) return;
    const acceptor = this.#acceptors.get(greeted.handshake.infoHash);
    if (acceptor === undefined) closeQuietly(conn);
    else acceptor.accept(greeted);
  }
}

function listen(host: string | undefined, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: host ?? "::", port });
  } catch (error) {
    const failure = toPortError(error, host, port);
    // Perhaps this machine has no IPv6.
    if (host === undefined && !failure.isTaken) return listen("0.0.0.0", port);
    throw failure;
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}
