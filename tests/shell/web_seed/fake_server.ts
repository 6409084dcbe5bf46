/** A web server on loopback whose bytes a test controls. */

export interface Exchange {
  readonly conn: Deno.TcpConn;
  /** Of the connection, counted from 0. */
  readonly connection: number;
  readonly path: string;
  /** First and last byte of the range; undefined without a Range header. */
  readonly range: readonly [number, number] | undefined;
  readonly head: string;
  send(text: string, ...body: Uint8Array[]): Promise<void>;
}

/** Responds to one request; "close" closes the connection afterwards. */
export type Answer = (exchange: Exchange) => Promise<"close" | void>;

export class FakeServer {
  readonly requests: string[] = [];
  connections = 0;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #conns = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;

  constructor(readonly answer: Answer) {
    this.#done = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async close(): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) closeQuietly(conn);
    await this.#done;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    try {
      for await (const conn of this.#listener) {
        this.#conns.add(conn);
        serving.push(this.#serve(conn, this.connections++).catch(() => {}));
      }
    } catch {
      // Closed.
    }
    await Promise.all(serving);
  }

  async #serve(conn: Deno.TcpConn, connection: number): Promise<void> {
    let text = "";
    const buffer = new Uint8Array(65_536);
    for (;;) {
      for (let end; (end = text.indexOf("\r\n\r\n")) >= 0;) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        const path = /^GET (\S+) HTTP\/1\.1/.exec(head)![1]!;
        const range = /^Range: bytes=(\d+)-(\d+)$/m.exec(head.replaceAll("\r", ""));
        this.requests.push(`${path} ${range?.slice(1).join("-") ?? ""}`.trim());
        const then = await this.answer({
          conn,
          connection,
          path,
          range: range === null ? undefined : [Number(range[1]), Number(range[2])],
          head,
          send: async (text, ...body) => {
            for (const bytes of [new TextEncoder().encode(text), ...body]) {
              for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
            }
          },
        });
        if (then === "close") return closeQuietly(conn);
      }
      const count = await conn.read(buffer);
      if (count === null) return closeQuietly(conn);
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
  }
}

/** A correct response: the range as 206. */
export async function sendRange(exchange: Exchange, file: Uint8Array): Promise<void> {
  const [from, last] = exchange.range!;
  const head = `HTTP/1.1 206 Partial Content\r\nContent-Length: ${last - from + 1}\r\n` +
    `Content-Range: bytes ${from}-${last}/${file.length}\r\n\r\n`;
  await exchange.send(head, file.subarray(from, last + 1));
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It was.
  }
}
