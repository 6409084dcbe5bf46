/** The HTTP port: accepts connections, bounds their number and their patience, and ends them. */
import { IPV4_SIZE } from "../../../core/bytes/ip.ts";
import { isLoopbackAt } from "../../../core/tracker_server/swarms/own_machine.ts";
import { sleep } from "../../clock.ts";
import { type Client } from "./message.ts";
import {
  Connection,
  type Connections,
  createConnections,
  type HttpHandler,
  PATIENCE,
  type Patience,
} from "./connection.ts";

/** Twice as many as a busy tracker has; each takes a file descriptor and a few kilobytes. */
export const CONNECTIONS_MAX = 20_000;
/** Of one IPv4 address, or IPv6 network, this machine and trusted proxies excepted. */
export const CONNECTIONS_PER_ADDRESS_MAX = 256;
/** How often deadlines are looked at. */
const TICK_MS = 1_000;
/** Bytes of an IPv6 address that name a customer. */
const IPV6_NETWORK_SIZE = 8;
/** Before the next attempt when the system has no room for another connection. */
const RETRY_MS = 100;
/** Time that requests in progress get when the server stops. */
const STOP_MS = 5_000;
const STOP_STEP_MS = 5;

export interface HttpListener {
  readonly port: number;
  /** Open connections. */
  connections(): number;
  /** Closes the port; requests under way are answered first. */
  stop(): Promise<void>;
}

type DescribeClient = (hostname: string, ownHostname: string) => Client;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly handler: HttpHandler;
  /** From the addresses of the other end and of ours. */
  readonly describeClient: DescribeClient;
  /** PATIENCE unless given. */
  readonly patience?: Patience;
  /** CONNECTIONS_PER_ADDRESS_MAX unless given. */
  readonly connectionsPerAddress?: number;
  /** UNSENT_BYTES_MAX unless given. */
  readonly unsentBytesMax?: number;
  /** How often deadlines are looked at; TICK_MS unless given. */
  readonly tickMs?: number;
}

/** Starts listening. Throws `Deno.errors.AddrInUse` and other errors of listening. */
export function listenHttp(options: ListenerOptions): HttpListener {
  const { host, port, handler, describeClient, patience = PATIENCE, tickMs = TICK_MS } = options;
  const listener = Deno.listen({ hostname: host, port });
  const connections = createConnections(
    handler,
    performance.now(),
    patience,
    options.unsentBytesMax,
  );
  const places = new AddressPlaces(options.connectionsPerAddress ?? CONNECTIONS_PER_ADDRESS_MAX);
  const timer = setInterval(() => closeLate(connections, performance.now()), tickMs);
  const accepting = acceptAll(listener, connections, places, describeClient);
  return {
    port: (listener.addr as Deno.NetAddr).port,
    connections: () => connections.open.size,
    async stop() {
      connections.isStopping = true;
      listener.close();
      await accepting;
      const deadline = performance.now() + STOP_MS;
      while (connections.open.size > 0) {
        const isLate = performance.now() > deadline;
        for (const connection of connections.open) {
          if (isLate || connection.isWaiting) connection.close();
        }
        await sleep(STOP_STEP_MS);
      }
      clearInterval(timer);
    },
  };
}

async function acceptAll(
  listener: Deno.Listener,
  connections: Connections,
  places: AddressPlaces,
  describeClient: DescribeClient,
): Promise<void> {
  while (true) {
    try {
      const conn = await listener.accept();
      if (connections.open.size >= CONNECTIONS_MAX) {
        conn.close();
        continue;
      }
      const [remote, own] = [conn.remoteAddr as Deno.NetAddr, conn.localAddr as Deno.NetAddr];
      const client = describeClient(remote.hostname, own.hostname);
      if (!places.take(client)) {
        conn.close();
        continue;
      }
      // It never rejects, and ends when the connection does.
      new Connection(conn, client, connections).serve().then(() => places.giveBack(client));
    } catch {
      // Out of descriptors, a connection that was gone before it was accepted, or the end.
      if (connections.isStopping) return;
      await sleep(RETRY_MS);
    }
  }
}

/** Counts the connections of each address. */
class AddressPlaces {
  readonly #max: number;
  readonly #counts = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Whether the client may have another connection, which is counted then. */
  take(client: Client): boolean {
    const key = networkOf(client);
    if (key === undefined) return true;
    const count = this.#counts.get(key) ?? 0;
    if (count >= this.#max) return false;
    this.#counts.set(key, count + 1);
    return true;
  }

  giveBack(client: Client): void {
    const key = networkOf(client);
    if (key === undefined) return;
    const count = this.#counts.get(key)! - 1;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

/** An IPv4 address, or the 64 bits of an IPv6 one that a customer has; undefined for what has no limit. */
function networkOf({ ip, isTrustedProxy }: Client): string | undefined {
  if (isTrustedProxy || isLoopbackAt(ip, 0, ip.length)) return undefined;
  return (ip.length === IPV4_SIZE ? ip : ip.subarray(0, IPV6_NETWORK_SIZE)).join(".");
}

function closeLate(connections: Connections, clock: number): void {
  connections.clock = clock;
  for (const connection of connections.open) {
    if (connection.deadline < clock) connection.close();
  }
}
