/** The HTTP port: accepts connections, bounds their number and their patience, and ends them. */
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
/** How often deadlines are looked at. */
const TICK_MS = 1_000;
/** Before the next attempt when the system has no room for another connection. */
const RETRY_MS = 100;
/** What is under way at the stop may take so long. */
const STOP_MS = 5_000;
const STOP_STEP_MS = 5;

export interface HttpListener {
  readonly port: number;
  /** Open connections. */
  connections(): number;
  /** Closes the port; requests under way are answered first. */
  stop(): Promise<void>;
}

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly handler: HttpHandler;
  /** From the address of the other end. */
  readonly describeClient: (hostname: string) => Client;
  /** PATIENCE unless given. */
  readonly patience?: Patience;
  /** How often deadlines are looked at; TICK_MS unless given. */
  readonly tickMs?: number;
}

/** Starts listening. Throws `Deno.errors.AddrInUse` and other errors of listening. */
export function listenHttp(options: ListenerOptions): HttpListener {
  const { host, port, handler, describeClient, patience = PATIENCE, tickMs = TICK_MS } = options;
  const listener = Deno.listen({ hostname: host, port });
  const connections = createConnections(handler, performance.now(), patience);
  const timer = setInterval(() => closeLate(connections, performance.now()), tickMs);
  const accepting = acceptAll(listener, connections, describeClient);
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
  describeClient: (hostname: string) => Client,
): Promise<void> {
  while (true) {
    try {
      const conn = await listener.accept();
      if (connections.open.size >= CONNECTIONS_MAX) {
        conn.close();
        continue;
      }
      const client = describeClient((conn.remoteAddr as Deno.NetAddr).hostname);
      // It never rejects, and ends when the connection does.
      new Connection(conn, client, connections).serve();
    } catch {
      // Out of descriptors, a connection that was gone before it was accepted, or the end.
      if (connections.isStopping) return;
      await sleep(RETRY_MS);
    }
  }
}

function closeLate(connections: Connections, clock: number): void {
  connections.clock = clock;
  for (const connection of connections.open) {
    if (connection.deadline < clock) connection.close();
  }
}
