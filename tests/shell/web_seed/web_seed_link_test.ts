import { assert, assertEquals, assertMatch } from "@std/assert";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { WEB_SEED_IDLE_MS } from "../../../core/web_seed/judge.ts";
import type { WebSeedKind } from "../../../core/web_seed/urls.ts";
import { systemClock } from "../../../shell/clock.ts";
import { RateLimiter } from "../../../shell/net/rate_limiter.ts";
import { type WebSeedFailure, WebSeedLink } from "../../../shell/web_seed/web_seed_link.ts";
import { type Answer, FakeServer, sendRange } from "./fake_server.ts";
import { until as eventually } from "../../support/until.ts";

const BLOCK = 16_384;
const PIECE = 4 * BLOCK;
const SIZE = 10 * PIECE + 100;
const CONTENT = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >> 9)) & 0xff);

interface World {
  readonly server: FakeServer;
  readonly link: WebSeedLink;
  /** Bytes by their offset in the torrent. */
  readonly got: Uint8Array;
  /** Received blocks. */
  count(): number;
  /** Resolves with the failure, or undefined once `blocks` blocks have arrived. */
  until(blocks: number): Promise<WebSeedFailure | undefined>;
}

interface Setup {
  readonly answer: Answer;
  readonly kind?: WebSeedKind;
  readonly path?: string;
  readonly files?: readonly { path: string[]; length: number; pad?: boolean }[];
  readonly allowLocal?: boolean;
  readonly idleMs?: number;
  readonly lookup?: (host: string) => Promise<readonly string[]>;
  readonly host?: string;
}

async function withLink(setup: Setup, run: (world: World) => Promise<void>): Promise<void> {
  const server = new FakeServer(setup.answer);
  const got = new Uint8Array(SIZE);
  let count = 0;
  let wanted = Infinity;
  const done = Promise.withResolvers<WebSeedFailure | undefined>();
  let offset = 0;
  const files = (setup.files ?? [{ path: ["f"], length: SIZE }]).map((file) => {
    const placed = { pad: false, executable: false, ...file, offset };
    offset += file.length;
    return placed;
  });
  const base = setup.host === undefined ? server.url : server.url.replace("127.0.0.1", setup.host);
  const link = new WebSeedLink({
    url: `${base}${setup.path ?? "/f"}`,
    kind: setup.kind ?? "files",
    torrent: {
      infoHash: "ab".repeat(20) as InfoHash,
      files,
      isFolder: setup.files !== undefined,
      pieceLength: PIECE,
    },
    userAgent: "tt test",
    allowLocal: setup.allowLocal ?? false,
    lookup: setup.lookup,
    limit: new RateLimiter(undefined),
    clock: {
      ...systemClock,
      setTimeout: (callback, ms) =>
        setTimeout(callback, ms === WEB_SEED_IDLE_MS ? setup.idleMs ?? ms : ms),
    },
    owner: {
      block(piece, begin, bytes) {
        got.set(bytes, piece * PIECE + begin);
        count++;
      },
      turn() {
        if (count >= wanted) done.resolve(undefined);
      },
      failed: (failure) => done.resolve(failure),
    },
  });
  link.open();
  const until = (blocks: number) => {
    wanted = blocks;
    if (count >= wanted) done.resolve(undefined);
    return done.promise;
  };
  try {
    await run({ server, link, got, count: () => count, until });
  } finally {
    link.close();
    await server.close();
  }
}

/** Triples of the blocks of these pieces. */
function blocksOf(first: number, last: number): number[] {
  const blocks: number[] = [];
  for (let at = first * PIECE; at < Math.min(SIZE, (last + 1) * PIECE); at += BLOCK) {
    blocks.push(Math.floor(at / PIECE), at % PIECE, Math.min(BLOCK, SIZE - at));
  }
  return blocks;
}

const honest: Answer = (exchange) => sendRange(exchange, CONTENT);

Deno.test("pieces that follow each other are one request, on one kept connection", async () => {
  await withLink({ answer: honest }, async ({ server, link, got, until }) => {
    link.request(blocksOf(0, 3));
    link.request(blocksOf(5, 10));
    assertEquals(await until(16 + 21), undefined);
    assertEquals(server.requests, [`/f 0-${4 * PIECE - 1}`, `/f ${5 * PIECE}-${SIZE - 1}`]);
    assertEquals(server.connections, 1);
    assertEquals(got.subarray(5 * PIECE), CONTENT.subarray(5 * PIECE));
    assertEquals(got.subarray(0, 4 * PIECE), CONTENT.subarray(0, 4 * PIECE));
  });
});

Deno.test("a run over several files requests each file, and nothing for padding", async () => {
  const files = [
    { path: ["t", "a"], length: 1_000 },
    { path: ["t", "pad"], length: PIECE - 1_000, pad: true },
    { path: ["t", "b c"], length: SIZE - PIECE },
  ];
  const content = CONTENT.slice();
  content.fill(0, 1_000, PIECE);
  const answer: Answer = (exchange) =>
    sendRange(exchange, exchange.path === "/t/a" ? content.slice(0, 1_000) : content.slice(PIECE));
  await withLink({ answer, files, path: "" }, async ({ server, link, got, until }) => {
    link.request(blocksOf(0, 1));
    assertEquals(await until(8), undefined);
    assertEquals(server.requests, ["/t/a 0-999", `/t/b%20c 0-${PIECE - 1}`]);
    assertEquals(got.subarray(0, 2 * PIECE), content.subarray(0, 2 * PIECE));
  });
});

Deno.test("a server that closes after each response is requested on a new connection", async () => {
  const answer: Answer = async (exchange) => {
    await sendRange(exchange, CONTENT);
    return "close";
  };
  await withLink({ answer }, async ({ server, link, until, count }) => {
    for (const piece of [0, 2, 4]) {
      link.request(blocksOf(piece, piece));
      await eventually(() => count() % 4 === 0 && count() > 0, "the piece is there");
    }
    assertEquals(await until(12), undefined);
    assert(server.connections >= 3);
  });
});

Deno.test("redirects are followed and remembered, up to a limit", async () => {
  const answer: Answer = async (exchange) => {
    if (exchange.path === "/real") return await sendRange(exchange, CONTENT);
    await exchange.send("HTTP/1.1 302 Found\r\nLocation: /real\r\nContent-Length: 2\r\n\r\nno");
  };
  await withLink({ answer }, async ({ server, link, until }) => {
    link.request(blocksOf(0, 0));
    link.request(blocksOf(2, 2));
    assertEquals(await until(8), undefined);
    assertEquals(server.requests.filter((request) => request.startsWith("/f")).length, 1);
    assertEquals(server.connections, 1);
  });
  const loop: Answer = async (exchange) => {
    await exchange.send("HTTP/1.1 302 Found\r\nLocation: /f\r\nContent-Length: 0\r\n\r\n");
  };
  await withLink({ answer: loop }, async ({ link, until, server }) => {
    link.request(blocksOf(0, 0));
    assertMatch((await until(4))!.why, /without end/);
    assertEquals(server.requests.length, 6);
  });
});

Deno.test("a partial range is accepted, and the rest requested", async () => {
  const answer: Answer = async (exchange) => {
    const [from, last] = exchange.range!;
    const end = Math.min(last, from + 20_000);
    await sendRange({ ...exchange, range: [from, end] }, CONTENT);
  };
  await withLink({ answer }, async ({ link, got, until }) => {
    link.request(blocksOf(0, 1));
    assertEquals(await until(8), undefined);
    assertEquals(got.subarray(0, 2 * PIECE), CONTENT.subarray(0, 2 * PIECE));
  });
});

Deno.test("a BEP 17 script is requested piece by piece, with the pause that it asks for", async () => {
  const answer: Answer = async ({ path, send, head }) => {
    assert(!/^Range:/m.test(head));
    const query = new URLSearchParams(path.split("?")[1]!);
    const piece = Number(query.get("piece"));
    if (piece === 2) {
      await send("HTTP/1.1 503 Busy\r\nContent-Length: 3\r\n\r\n45\n");
      return;
    }
    const [from, last] = query.get("ranges")!.split("-").map(Number);
    const bytes = CONTENT.subarray(piece * PIECE + from!, piece * PIECE + last! + 1);
    await send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`, bytes);
  };
  const setup: Setup = { answer, kind: "script", path: "/seed.php", allowLocal: true };
  await withLink(setup, async ({ link, got, until }) => {
    link.request(blocksOf(0, 2));
    const failure = await until(12);
    assertEquals([failure?.kind, failure?.waitMs], ["wait", 45_000]);
    assertEquals(got.subarray(0, 2 * PIECE), CONTENT.subarray(0, 2 * PIECE));
  });
});

/** What a server may do wrong, and the expected verdict with its reason. */
const FAILURES: [string, Answer, "wait" | "drop", RegExp][] = [
  [
    "answers with the whole file",
    async ({ send }) => {
      await send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`, CONTENT);
    },
    "drop",
    /whole file/,
  ],
  [
    "answers with HTML",
    async ({ send }) => {
      await send("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>");
    },
    "drop",
    /6 bytes/,
  ],
  [
    "has a file of another size",
    async ({ send }) => {
      const head =
        "HTTP/1.1 206 Partial\r\nContent-Length: 5\r\nContent-Range: bytes 65536-65540/9";
      await send(`${head}\r\n\r\n12345`);
    },
    "drop",
    /9 bytes/,
  ],
  [
    "sends too little",
    async (exchange) => {
      const [from, last] = exchange.range!;
      await exchange.send(
        `HTTP/1.1 206 Partial\r\nContent-Length: ${last - from + 1}\r\n` +
          `Content-Range: bytes ${from}-${last}/${SIZE}\r\n\r\n`,
        CONTENT.subarray(from, from + 10),
      );
      return "close";
    },
    "wait",
    /closed/,
  ],
  ["closes at once", () => Promise.resolve("close"), "wait", /closed/],
  [
    "sends nothing",
    async ({ conn }) => {
      await conn.read(new Uint8Array(1));
      return "close";
    },
    "wait",
    /sends nothing/,
  ],
  [
    "sends a head without end",
    async ({ send }) => {
      await send("HTTP/1.1 200 OK\r\n", new Uint8Array(64 * 1024).fill(0x61));
    },
    "drop",
    /not HTTP/,
  ],
  [
    "is no web server",
    async ({ send }) => await send("SSH-2.0-OpenSSH\r\n\r\n"),
    "drop",
    /not HTTP/,
  ],
  [
    "does not have it",
    async ({ send }) => await send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    "drop",
    /404/,
  ],
  [
    "is busy",
    async ({ send }) => {
      await send("HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n");
    },
    "wait",
    /503/,
  ],
  [
    "encodes the content",
    async ({ send }) => {
      await send(
        "HTTP/1.1 206 P\r\nContent-Encoding: gzip\r\nContent-Range: bytes 65536-65537/9\r\n\r\n",
      );
    },
    "drop",
    /encodes/,
  ],
];

for (const [what, answer, kind, why] of FAILURES) {
  Deno.test(`a server that ${what} is reported once, and none of its bytes count`, async () => {
    await withLink({ answer, idleMs: 200 }, async ({ link, until, count }) => {
      link.request(blocksOf(1, 2));
      const failure = await until(8);
      assertEquals(failure?.kind, kind);
      assertMatch(failure!.why, why);
      assertEquals(count(), 0);
    });
  });
}

Deno.test("at local addresses requests have no query, and redirects to them are refused", async () => {
  await withLink({ answer: honest, path: "/f?key=1" }, async ({ link, until, server }) => {
    link.request(blocksOf(0, 0));
    const failure = await until(4);
    assertEquals(failure?.kind, "drop");
    assertMatch(failure!.why, /local address/);
    assertEquals(server.requests, []);
  });
  const lookup = () => Promise.resolve(["127.0.0.1"]);
  const named: Setup = { answer: honest, path: "/f?key=1", host: "seed.example", lookup };
  await withLink(named, async ({ link, until, server }) => {
    link.request(blocksOf(0, 0));
    assertEquals((await until(4))?.kind, "drop");
    assertEquals(server.requests, []);
  });
  await withLink({ ...named, allowLocal: true }, async ({ link, until }) => {
    link.request(blocksOf(0, 0));
    assertEquals(await until(4), undefined);
  });
});

Deno.test("a block taken back before its request is sent never arrives", async () => {
  const gate = Promise.withResolvers<void>();
  const answer: Answer = async (exchange) => {
    await gate.promise;
    await sendRange(exchange, CONTENT);
  };
  await withLink({ answer }, async ({ link, until, server }) => {
    link.request(blocksOf(0, 0));
    await eventually(() => server.requests.length > 0, "the first request arrives");
    link.request(blocksOf(2, 2));
    for (let begin = 0; begin < PIECE; begin += BLOCK) link.cancel(2, begin);
    gate.resolve();
    assertEquals(await until(4), undefined);
    assertEquals(server.requests.length, 1);
  });
});
