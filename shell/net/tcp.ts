/** The system's TCP as byte streams. */
import type { PeerAddress } from "../../core/bytes/address.ts";
import { canonicalIp } from "../../core/bytes/ip.ts";
import {
  type ByteStream,
  ListenerClosed,
  type Network,
  type StreamListener,
} from "./byte_stream.ts";
import { PortError, toPortError } from "./port_error.ts";

export const tcpNetwork: Network = {
  async dial({ ip, port }) {
    return new TcpStream(await Deno.connect({ hostname: ip, port }));
  },
  listen: (host, port) => new TcpStreamListener(listen(host, port)),
};

export class TcpStream implements ByteStream {
  readonly #conn: Deno.TcpConn;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
    try {
      // Requests are small and others wait for them.
      conn.setNoDelay(true);
    } catch {
      // The other side has left already; reading will tell.
    }
  }

  get remote(): PeerAddress {
    const { hostname, port } = this.#conn.remoteAddr;
    return { ip: canonicalIp(hostname) ?? hostname, port };
  }

  read(target: Uint8Array): Promise<number | null> {
    return this.#conn.read(target);
  }

  write(source: Uint8Array): Promise<number> {
    return this.#conn.write(source);
  }

  close(): void {
    closeQuietly(this.#conn);
  }
}

class TcpStreamListener implements StreamListener {
  readonly #listener: Deno.TcpListener;

  constructor(listener: Deno.TcpListener) {
    this.#listener = listener;
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async accept(): Promise<ByteStream> {
    try {
      return new TcpStream(await this.#listener.accept());
    } catch (error) {
      const { BadResource, Interrupted } = Deno.errors;
      if (error instanceof BadResource || error instanceof Interrupted) throw new ListenerClosed();
      throw error;
    }
  }

  close(): void {
    closeQuietly(this.#listener);
  }
}

/** Closes what may be closed already. */
export function closeQuietly(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It was.
  }
}

function listen(host: string | undefined, port: number): Deno.TcpListener {
  try {
    return Deno.listen({ hostname: host ?? "::", port });
  } catch (error) {
    const failure: PortError = toPortError(error, host, port);
    // Perhaps this machine has no IPv6.
    if (host === undefined && !failure.isTaken) return listen("0.0.0.0", port);
    throw failure;
  }
}
