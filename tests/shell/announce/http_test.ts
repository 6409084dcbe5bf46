import { assert, assertEquals, assertMatch } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { ANSWER_BYTES_MAX } from "../../../core/tracker/http_codec.ts";
import { announce } from "../../../shell/announce/announce.ts";
import { errorOf, valueOf } from "../../core/tracker/unwrap.ts";
import { announceRequest } from "./request.ts";
import { freshPort } from "../../support/network.ts";

const REQUEST = announceRequest(1, { event: "started" });
const GOOD = encodeBencode({ interval: 60, peers: new Uint8Array([10, 0, 0, 1, 0, 80]) });

/** Runs a tracker with the given response; `use` gets its announce URL. */
async function withTracker(
  answer: (request: Request) => Response | Promise<Response>,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  try {
    await use(`http://127.0.0.1:${server.addr.port}/announce`);
  } finally {
    await server.shutdown();
  }
}

function body(bytes: Uint8Array): BodyInit {
  return bytes as BodyInit;
}

async function errorFor(answer: (request: Request) => Response): Promise<[string, string]> {
  let error = { code: "", message: "" };
  await withTracker(answer, async (url) => {
    error = errorOf(await announce(url, REQUEST));
  });
  return [error.code, error.message];
}

Deno.test("an announce returns peers and sends our client name", async () => {
  let agent: string | null = "";
  await withTracker((request) => {
    agent = request.headers.get("user-agent");
    return new Response(body(GOOD));
  }, async (url) => {
    const answer = valueOf(await announce(url, REQUEST, { userAgent: "tt/1.2.3" }));
    assertEquals(answer.peers, [{ ip: "10.0.0.1", port: 80 }]);
  });
  assertEquals(agent, "tt/1.2.3");
});

Deno.test("bytes are sent unchanged, after an existing query", async () => {
  let asked = "";
  await withTracker(
    (request) => {
      asked = request.url;
      return new Response(body(GOOD));
    },
    async (url) => void valueOf(await announce(`${url}?pass=a%2Fb`, REQUEST, { allowLocal: true })),
  );
  assertMatch(asked, /\?pass=a%2Fb&info_hash=%00%FF%2B%25%20%00%FF/);
});

Deno.test("a tracker that is down is unreachable", async () => {
  const error = errorOf(await announce(`http://127.0.0.1:${freshPort()}/announce`, REQUEST));
  assertEquals(error.code, "unreachable");
  assertMatch(error.message, /refused the connection/);
});

Deno.test("the error names a host name that does not exist", async () => {
  // Labels of this length are invalid, so the resolver sends no query.
  const host = "x".repeat(64) + ".invalid";
  for (const scheme of ["http", "udp"]) {
    const error = errorOf(await announce(`${scheme}://${host}:80/announce`, REQUEST));
    assertEquals(error.code, "unreachable");
    assertMatch(error.message, /host name could not be resolved/);
  }
});

Deno.test("a tracker that accepts and never responds times out", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}/announce`;
  const error = errorOf(await announce(url, REQUEST, { timeoutMs: 50 }));
  listener.close();
  assertEquals(error, {
    code: "unreachable",
    message: "The tracker did not answer within 0.05 s",
  });
});

Deno.test("a tracker that stops in the middle of its response times out", async () => {
  const stream = new ReadableStream({
    start: (controller) => controller.enqueue(GOOD.slice(0, 5)),
  });
  await withTracker(() => new Response(stream), async (url) => {
    assertEquals(errorOf(await announce(url, REQUEST, { timeoutMs: 100 })).code, "unreachable");
  });
});

Deno.test("an announce can be aborted before and while it runs", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `http://127.0.0.1:${listener.addr.port}/announce`;
  const controller = new AbortController();
  const running = announce(url, REQUEST, { signal: controller.signal });
  await listener.accept().then((connection) => {
    controller.abort();
    connection.close();
  });
  const stopped = { code: "unreachable", message: "The announce was stopped" };
  assertEquals(errorOf(await running) as unknown, stopped);
  assertEquals(
    errorOf(await announce(url, REQUEST, { signal: controller.signal })) as unknown,
    stopped,
  );
  const udp = url.replace("http", "udp");
  assertEquals(
    errorOf(await announce(udp, REQUEST, { signal: controller.signal })) as unknown,
    stopped,
  );
  listener.close();
});

Deno.test("web pages, error statuses, refusals and garbage are distinguished", async () => {
  const html = { headers: { "content-type": "text/html" } };
  assertEquals(await errorFor(() => new Response("<html>Hello", html)), [
    "bad-answer",
    "The tracker answered with a web page, not with bencode; check its URL",
  ]);
  assertEquals(await errorFor(() => new Response("Oops", { status: 500 })), [
    "http-status",
    "The tracker answered with HTTP status 500",
  ]);
  assertEquals(await errorFor(() => new Response(body(GOOD), { status: 404 })), [
    "http-status",
    "The tracker answered with HTTP status 404",
  ]);
  const refusal = body(encodeBencode({ "failure reason": "Unregistered torrent" }));
  for (const status of [200, 403]) {
    assertEquals(await errorFor(() => new Response(refusal, { status })), [
      "refused",
      "The tracker refused: Unregistered torrent",
    ]);
  }
  assertEquals((await errorFor(() => new Response("")))[0], "bad-answer");
});

Deno.test("an endless response is cut off at the limit", async () => {
  let sent = 0;
  const endless = () =>
    new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(65_536).fill(0x31));
        sent += 65_536;
      },
    });
  const [code, message] = await errorFor(() => new Response(endless()));
  assertEquals([code, message], [
    "bad-answer",
    `The tracker's answer is longer than ${ANSWER_BYTES_MAX} bytes`,
  ]);
  assert(sent < 64 * ANSWER_BYTES_MAX, `${sent} bytes were sent`);
});

Deno.test("redirects are followed, but neither loops nor those to other protocols", async () => {
  await withTracker(
    (request) => {
      const { pathname, search } = new URL(request.url);
      return pathname === "/announce"
        ? new Response("moved", { status: 302, headers: { location: `/new${search}` } })
        : new Response(body(GOOD));
    },
    async (url) =>
      assertEquals(valueOf(await announce(url, REQUEST, { allowLocal: true })).intervalSeconds, 60),
  );

  const to = (location: string) => () => new Response("", { status: 301, headers: { location } });
  assertMatch((await errorFor(to("/announce")))[1], /redirects more than 5 times/);
  assertMatch((await errorFor(to("file:///etc/hostname")))[1], /invalid URL/);
  assertMatch((await errorFor(to("http://[")))[1], /invalid URL/);
  assertEquals((await errorFor(() => new Response(null, { status: 304 })))[0], "http-status");
});

Deno.test("implausible intervals are passed on; the announcer bounds them", async () => {
  const lies = encodeBencode({ interval: -5, "min interval": 86_400_000 });
  await withTracker(() => new Response(body(lies)), async (url) => {
    const answer = valueOf(await announce(url, REQUEST));
    assertEquals([answer.intervalSeconds, answer.minIntervalSeconds], [-5, 86_400_000]);
  });
});

Deno.test("a plain tracker behind an https URL is reported as a TLS failure", async () => {
  await withTracker(() => new Response(body(GOOD)), async (url) => {
    const error = errorOf(await announce(url.replace("http:", "https:"), REQUEST));
    assertEquals(error.code, "unreachable");
    assertMatch(error.message, /secure connection/);
  });
});

Deno.test("other schemes and invalid URLs are unsupported", async () => {
  for (const url of ["wss://t/announce", "file:///x", "no url", "", "udp://127.0.0.1/announce"]) {
    assertEquals(errorOf(await announce(url, REQUEST)).code, "unsupported");
  }
});

Deno.test("an announce whose connection breaks is retried once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const serving = (async () => {
    for await (const conn of listener) {
      await conn.read(new Uint8Array(4096));
      if (++connections === 2) {
        const head =
          `HTTP/1.1 200 OK\r\ncontent-length: ${GOOD.length}\r\nconnection: close\r\n\r\n`;
        await conn.write(new Uint8Array([...new TextEncoder().encode(head), ...GOOD]));
      }
      conn.close();
      if (connections === 2) return;
    }
  })();
  const answer = await announce(`http://127.0.0.1:${listener.addr.port}/announce`, REQUEST);
  await serving;
  assertEquals(valueOf(answer).intervalSeconds, 60);
});

Deno.test("gone trackers and retry times are reported", async () => {
  const answers = [
    [new Response("", { status: 410 }), [true, undefined]],
    [new Response("", { status: 503, headers: { "retry-after": "120" } }), [undefined, 120]],
    [new Response("", { status: 503, headers: { "retry-after": "soon" } }), [undefined, undefined]],
    [
      new Response(body(encodeBencode({ "failure reason": "No", "retry in": "never" }))),
      [true, undefined],
    ],
    [
      new Response(body(encodeBencode({ "failure reason": "No", "retry in": 3 })), { status: 410 }),
      [true, 180],
    ],
  ] as const;
  for (const [answer, expected] of answers) {
    await withTracker(() => answer, async (url) => {
      const { isGone, retryInSeconds } = errorOf(await announce(url, REQUEST));
      assertEquals([isGone, retryInSeconds], [...expected]);
    });
  }
});

Deno.test("error messages of failed announces are short", async () => {
  const long = "x".repeat(100_000);
  const refusal = body(encodeBencode({ "failure reason": long }));
  const answers = [
    () => new Response(refusal),
    () =>
      new Response("", { status: 301, headers: { location: `http://[${long.slice(0, 9_000)}` } }),
    () =>
      new Response("", { status: 301, headers: { location: `/announce/${long.slice(0, 9_000)}` } }),
    () => new Response(`d${long}`),
  ];
  for (const answer of answers) {
    const [, message] = await errorFor(answer);
    assert(message.length < 400, `${message.length} characters`);
  }
});

Deno.test("the request has the path and the Host of the URL", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const reading = (async () => {
    const conn = await listener.accept();
    const buffer = new Uint8Array(4_096);
    const size = await conn.read(buffer);
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${GOOD.length}\r\nconnection: close\r\n\r\n`;
    await conn.write(new Uint8Array([...new TextEncoder().encode(head), ...GOOD]));
    conn.close();
    return new TextDecoder().decode(buffer.subarray(0, size ?? 0));
  })();
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  valueOf(await announce(`http://Tracker.test:${port}/announce`, REQUEST, { lookup }));
  const [first, ...fields] = (await reading).split("\r\n");
  assertMatch(first!, /^GET \/announce\?info_hash=%00%FF%2B%25%20[^ ]* HTTP\/1\.1$/);
  const hosts = fields.filter((field) => /^host:/i.test(field));
  assertEquals(hosts.map((field) => field.toLowerCase()), [`host: tracker.test:${port}`]);
  listener.close();
});
