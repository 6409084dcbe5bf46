/**
 * A connection to a web server: looked up once, judged by the rule about local addresses, and then
 * connected to at exactly the address that was judged.
 */
import { refuseLocalRequest } from "../../core/bytes/local_address.ts";
import { type Lookup, resolveHost, systemLookup } from "../announce/host.ts";
import { TcpStream } from "../net/tcp.ts";
import type { ByteStream } from "../net/byte_stream.ts";

/** From the lookup to the end of the secure handshake. */
export const WEB_DIAL_TIMEOUT_MS = 10_000;

/** A request that the user's own network must not be sent. */
export class RefusedAddress extends Error {
  override readonly name = "RefusedAddress";
}

export interface WebDialOptions {
  /** The request before this one, of which it is the redirect, went to an address that is not local. */
  readonly isRedirectFromOutside: boolean;
  /** The rule about local addresses is lifted. */
  readonly allowLocal: boolean;
  /** The system's resolver unless given. */
  readonly lookup?: Lookup | undefined;
}

/** Connects for a GET of `url`. Rejects with a RefusedAddress, or as the system does. */
export async function dialWeb(url: URL, options: WebDialOptions): Promise<ByteStream> {
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const addresses = await resolveHost(host, options.lookup ?? systemLookup);
  const ips = [...addresses.values()].flat();
  let failure: unknown = new Error("the name has no address");
  for (const ip of ips) {
    if (!options.allowLocal) {
      const { isRedirectFromOutside } = options;
      const why = refuseLocalRequest({
        purpose: "web-seed",
        url: url.href,
        ip,
        isRedirectFromOutside,
      });
      if (why !== undefined) throw new RefusedAddress(why);
    }
    try {
      const conn = await Deno.connect({ hostname: ip, port });
      if (!isSecure) return new TcpStream(conn);
      return await secure(conn, host);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function secure(conn: Deno.TcpConn, host: string): Promise<ByteStream> {
  try {
    const tls = await Deno.startTls(conn, { hostname: host });
    await tls.handshake();
    return {
      remote: { ip: tls.remoteAddr.hostname, port: tls.remoteAddr.port },
      read: (target) => tls.read(target),
      write: (source) => tls.write(source),
      close: () => {
        try {
          tls.close();
        } catch {
          // It was.
        }
      },
    };
  } catch (error) {
    try {
      conn.close();
    } catch {
      // The secure connection took it along.
    }
    throw error;
  }
}
