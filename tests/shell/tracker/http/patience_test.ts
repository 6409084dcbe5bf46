/** Every wait for a client ends: each test makes one of them short and all others endless. */
import { assertEquals } from "@std/assert";
import { writeAscii } from "../../../../core/tracker_server/http/codec.ts";
import type { HttpHandler, Patience } from "../../../../shell/tracker/http/connection.ts";
import { listenHttp } from "../../../../shell/tracker/http/listener.ts";

const SHORT_MS = 20;
const TICK_MS = 5;
const ENDLESS: Patience = {
  idle: Infinity,
  head: Infinity,
  body: Infinity,
  write: Infinity,
  linger: Infinity,
};
/** More than the system keeps for a client that does not read. */
const LARGE_ANSWER_BYTES = 32 * 1024 * 1024;

/** Answers "/fast" at once, and everything else after reading its body. */
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
 * Says `start` to a listener of such patience, then `more` again and again; resolves with its answer
 * once it ends the connection.
 */
async function converse(short: Partial<Patience>, start: string, more = ""): Promise<string> {
  const listener = listenHttp({
    host: "127.0.0.1",
    port: 0,
    handler,
    describeClient: () => ({ ip: new Uint8Array(4), ipText: "127.0.0.1", isTrustedProxy: false }),
    patience: { ...ENDLESS, ...short },
    tickMs: TICK_MS,
  });
  using conn = await Deno.connect({ port: listener.port });
  const say = async (text: string) => {
    await conn.write(new TextEncoder().encode(text)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  };
  while (listener.connections() === 0) await say("");
  await say(start);
  while (listener.connections() > 0) await say(more);
  const text = await new Response(conn.readable).text().catch(() => "reset");
  await listener.stop();
  return text;
}

const FAST = "GET /fast HTTP/1.1\r\n\r\n";
const post = (path: string, size: number) =>
  `POST ${path} HTTP/1.1\r\nContent-Length: ${size}\r\n\r\n`;

Deno.test("a connection that asks nothing is closed", async () => {
  assertEquals(await converse({ head: SHORT_MS }, ""), "");
});

Deno.test("a connection that asks nothing more is closed", async () => {
  assertEquals((await converse({ idle: SHORT_MS }, FAST)).split("\r\n")[0], "HTTP/1.1 200 OK");
});

Deno.test("a head that does not end is given up, though its bytes come one by one", async () => {
  assertEquals(await converse({ head: SHORT_MS }, "GET /fast HTTP/1.1\r\n"), "");
  assertEquals(await converse({ head: SHORT_MS }, "GET /", "x"), "");
});

Deno.test("a second head that does not end is given up as well", async () => {
  const text = await converse({ head: SHORT_MS }, FAST + "GET /fa");
  assertEquals(text.match(/200 OK/g)?.length, 1);
});

Deno.test("a body that does not arrive is given up", async () => {
  await converse({ body: SHORT_MS }, post("/slow", 10) + "12345");
});

Deno.test("a client that does not take its answer is given up", async () => {
  await converse({ write: SHORT_MS }, "GET /large HTTP/1.1\r\n\r\n");
});

Deno.test("a client that goes on sending what nobody wants gets its answer and is given up", async () => {
  const text = await converse({ linger: SHORT_MS }, post("/early", 10_000_000), "part");
  assertEquals(/^HTTP\/1\.1 200 /.test(text), true, text);
});
