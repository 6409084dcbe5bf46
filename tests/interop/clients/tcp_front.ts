/**
 * One address in front of several servers, like a load balancer: connections go to the servers in
 * turn, skipping those that refuse them.
 */
import { loopback } from "../../support/network.ts";

export interface TcpFront extends AsyncDisposable {
  readonly port: number;
  /** Connections that each server accepted, in the order of the ports. */
  readonly taken: readonly number[];
}

/** Listens on 127.0.0.1 in front of servers on these ports. */
export function openFront(ports: readonly number[]): TcpFront {
  const listener = Deno.listen({ hostname: loopback.host, port: 0 });
  const taken = ports.map(() => 0);
  const open = new Set<Deno.Conn>();
  const pipes = new Set<Promise<void>>();
  let next = 0;

  const connect = async (): Promise<Deno.Conn | undefined> => {
    for (let tried = 0; tried < ports.length; tried++) {
      const index = next++ % ports.length;
      try {
        const conn = await Deno.connect({ hostname: loopback.host, port: ports[index]! });
        taken[index]!++;
        return conn;
      } catch {
        continue;
      }
    }
    return undefined;
  };
  const serve = async (client: Deno.Conn) => {
    const server = await connect();
    const both = server === undefined ? [client] : [client, server];
    for (const conn of both) open.add(conn);
    if (server !== undefined) await Promise.all([pipe(client, server), pipe(server, client)]);
    for (const conn of both) {
      open.delete(conn);
      closeQuietly(conn);
    }
  };
  const accepting = (async () => {
    for await (const client of listener) {
      const pipe = serve(client).finally(() => pipes.delete(pipe));
      pipes.add(pipe);
    }
  })();

  return {
    port: (listener.addr as Deno.NetAddr).port,
    taken,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      for (const conn of open) closeQuietly(conn);
      await Promise.all(pipes);
    },
  };
}

/** Until one side ends or resets; then closes the writing half of the other. */
async function pipe(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16_384);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
    }
    await to.closeWrite();
  } catch {
    closeQuietly(from);
    closeQuietly(to);
  }
}

function closeQuietly(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was already closed.
  }
}
