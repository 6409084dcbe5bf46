/** Every wait for a client ends: each test makes one of them short and all others endless. */
import { assert, assertEquals } from "@std/assert";
import { parseIp } from "../../../../core/bytes/ip.ts";
import { writeAscii } from "../../../../core/tracker_server/http/codec.ts";
import type { HttpHandler, Patience } from "../../../../shell/tracker/http/connection.ts";
import { type ListenerOptions, listenHttp } from "../../../../shell/tracker/http/listener.ts";
import { until } from "../../../support/until.ts";

const SHORT_MS = 20;
const TICK_MS = 5;
/** Many times the limits of these tests. */
const TICKS_MAX = 4_000;
const ENDLESS: Patience = {
  idle: Infinity,
  head: Infinity,
  body: Infinity,
  write: Infinity,
  linger: Infinity,
};
/** More than the system buffers for a client that does not read. */
const LARGE_ANSWER_BYTES = 32 * 1024 * 1024;

/** Responds to "/fast" immediately, and to everything else after reading its body. */
const handler: HttpHandler = {
  answerFast(bytes, { target }, _client, writer) {
    if (bytes[target.start + 1] !== "f".charCodeAt(0)) return false;
    writeAscii(writer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    return true;
  },
  settling: () => undefined,
  async answer(request, target) {
    if (target === "/large") return new Response(new Uint8Array(LARGE_ANSWER_BYTES));
    if (target === "/early") return new Response("no");
    return new Response(await request.text().catch(() => "cut off"));
  },
};

/**
 * Sends `start` to a listener with such timeouts, then `more` repeatedly; resolves with its
 * response once it closes the connection.
 */
async function converse(short: Partial<Patience>, start: string, more = ""): Promise<string> {
  const listener = listenHttp({
    host: "127.0.0.1",
    port: 0,
    handler,
    describeClient: () => ({
      ip: new Uint8Array(4),
      ipText: "127.0.0.1",
      ownIp: undefined,
      isTrustedProxy: false,
    }),
    patience: { ...ENDLESS, ...short },
    tickMs: TICK_MS,
  });
  using conn = await Deno.connect({ port: listener.port });
  const say = async (text: string) => {
    await conn.write(new TextEncoder().encode(text)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  };
  await until(() => listener.connections() > 0, "the connection is accepted");
  await say(start);
  for (let said = 0; listener.connections() > 0; said++) {
    assert(said < TICKS_MAX, "the connection is still open");
    await say(more);
  }
  const text = await new Response(conn.readable).text().catch(() => "reset");
  await listener.stop();
  return text;
}

const FAST = "GET /fast HTTP/1.1\r\n\r\n";
const post = (path: string, size: number) =>
  `POST ${path} HTTP/1.1\r\nContent-Length: ${size}\r\n\r\n`;

Deno.test("a connection without a request is closed", async () => {
  assertEquals(await converse({ head: SHORT_MS }, ""), "");
});

Deno.test("an idle connection is closed after its request", async () => {
  assertEquals((await converse({ idle: SHORT_MS }, FAST)).split("\r\n")[0], "HTTP/1.1 200 OK");
});

Deno.test("a head that never ends times out, even if its bytes keep arriving", async () => {
  assertEquals(await converse({ head: SHORT_MS }, "GET /fast HTTP/1.1\r\n"), "");
  assertEquals(await converse({ head: SHORT_MS }, "GET /", "x"), "");
});

Deno.test("a second head that never ends times out as well", async () => {
  const text = await converse({ head: SHORT_MS }, FAST + "GET /fa");
  assertEquals(text.match(/200 OK/g)?.length, 1);
});

Deno.test("a body that does not arrive times out", async () => {
  await converse({ body: SHORT_MS }, post("/slow", 10) + "12345");
});

Deno.test("a client that does not read its response times out", async () => {
  await converse({ write: SHORT_MS }, "GET /large HTTP/1.1\r\n\r\n");
});

Deno.test("a client that keeps sending unwanted bytes gets its response and times out", async () => {
  const text = await converse({ linger: SHORT_MS }, post("/early", 10_000_000), "part");
  assertEquals(/^HTTP\/1\.1 200 /.test(text), true, text);
});

/** A listener that sees every client at `ip`. */
function listenFor(ip: string, options: Partial<ListenerOptions>) {
  return listenHttp({
    host: "127.0.0.1",
    port: 0,
    handler,
    describeClient: () => ({
      ip: parseIp(ip)!,
      ipText: ip,
      ownIp: undefined,
      isTrustedProxy: false,
    }),
    patience: ENDLESS,
    tickMs: TICK_MS,
    ...options,
  });
}

/** Connections that were opened one after the other; which of them get a response. */
async function answeredOf(ip: string, count: number, connectionsPerAddress: number) {
  const listener = listenFor(ip, { connectionsPerAddress });
  const conns: Deno.Conn[] = [];
  const answered: boolean[] = [];
  for (let i = 0; i < count; i++) {
    const conn = await Deno.connect({ port: listener.port });
    conns.push(conn);
    await conn.write(new TextEncoder().encode(FAST)).catch(() => {});
    answered.push((await conn.read(new Uint8Array(100)).catch(() => null)) !== null);
  }
  conns.forEach((conn) => conn.close());
  await until(() => listener.connections() === 0, "every connection is closed");
  const again = await Deno.connect({ port: listener.port });
  await again.write(new TextEncoder().encode(FAST));
  const isFree = (await again.read(new Uint8Array(100)).catch(() => null)) !== null;
  again.close();
  await listener.stop();
  return { answered, isFree };
}

Deno.test("connections per address are limited, and freed when they close", async () => {
  for (const ip of ["192.0.2.1", "2001:db8::1"]) {
    assertEquals(await answeredOf(ip, 5, 3), {
      answered: [true, true, true, false, false],
      isFree: true,
    });
  }
  assertEquals((await answeredOf("127.0.0.1", 5, 3)).answered, Array(5).fill(true));
});

Deno.test("unread responses are limited for all connections together", async () => {
  const listener = listenFor("127.0.0.1", { unsentBytesMax: LARGE_ANSWER_BYTES });
  const conns: Deno.Conn[] = [];
  for (let i = 0; i < 3; i++) {
    const conn = await Deno.connect({ port: listener.port });
    await conn.write(new TextEncoder().encode("GET /large HTTP/1.1\r\nConnection: close\r\n\r\n"));
    conns.push(conn);
    // The first may hold as much as it likes; later ones are closed, since it reads nothing.
    if (i === 0) await conn.read(new Uint8Array(1));
  }
  await until(() => listener.connections() <= 1, "all but the first are closed");
  const rest = await new Response(conns[0]!.readable).bytes().catch(() => new Uint8Array());
  assert(rest.length >= LARGE_ANSWER_BYTES, `${rest.length} bytes`);
  conns.slice(1).forEach((conn) => conn.close());
  await listener.stop();
});

Deno.test("a client that reads a large response slowly gets all of it", async () => {
  // All of it takes twice as long as the limit of any part, and each part a twentieth of that.
  const listener = listenFor("127.0.0.1", { patience: { ...ENDLESS, write: 2_500 } });
  const conn = await Deno.connect({ port: listener.port });
  await conn.write(new TextEncoder().encode("GET /large HTTP/1.1\r\nConnection: close\r\n\r\n"));
  let size = 0;
  const buffer = new Uint8Array(256 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    size += count;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  assert(size >= LARGE_ANSWER_BYTES, `${size} of ${LARGE_ANSWER_BYTES} bytes`);
  conn.close();
  await listener.stop();
});
