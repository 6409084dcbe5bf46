import { assert, assertEquals, assertMatch } from "@std/assert";
import { byteText } from "../../../../core/bencode/node.ts";
import { parseNetwork } from "../../../../core/tracker_server/access/networks.ts";
import {
  type RunningTracker,
  startTracker,
  type TrackerOptions,
} from "../../../../shell/tracker/server.ts";
import { interopTest } from "../../../support/requirements.ts";
import { openFiles, openSilentClients } from "./silent_clients_kit.ts";

const SILENT_CLIENTS = 10_000;
/** Other descriptors that the test's process has open. */
const OPEN_FILES_OF_OURS = 200;
const HASH = "%aa".repeat(20);

async function withTracker(
  options: Partial<TrackerOptions>,
  use: (tracker: RunningTracker) => Promise<void>,
): Promise<void> {
  const tracker = await startTracker({ host: "127.0.0.1", port: 0, ...options });
  try {
    await use(tracker);
  } finally {
    await tracker.stop();
  }
}

/** Path and query of an announce; `more` begins with "&". */
function announcePath(id: number, more = ""): string {
  return `/announce?info_hash=${HASH}&peer_id=${"p".repeat(18)}${String(id).padStart(2, "0")}` +
    `&port=${7000 + id}&left=1${more}`;
}

async function fetchBytes(tracker: RunningTracker, path: string, headers = {}): Promise<string> {
  const response = await fetch(new URL(path, tracker.url), { headers });
  return byteText(await response.bytes());
}

/** Sends `parts` one by one on a separate connection and reads until the tracker closes it. */
async function exchange(tracker: RunningTracker, ...parts: string[]): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port: tracker.port });
  for (const part of parts) {
    await conn.write(new TextEncoder().encode(part));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return byteText(await new Response(conn.readable).bytes());
}

function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: t", ...headers, "", ""].join("\r\n");
}

Deno.test("peers are compact unless compact=0 requests dictionaries", async () => {
  await withTracker({}, async (tracker) => {
    await fetchBytes(tracker, announcePath(1));
    assert((await fetchBytes(tracker, announcePath(2))).includes("5:peers6:\x7f\0\0\x01\x1bY"));
    const id = "p".repeat(18) + "01";
    assertMatch(
      await fetchBytes(tracker, announcePath(2, "&compact=0")),
      new RegExp(`5:peersld2:ip9:127.0.0.17:peer id20:${id}4:porti7001eee`),
    );
    assertMatch(
      await fetchBytes(tracker, announcePath(2, "&compact=0&no_peer_id=1")),
      /5:peersld2:ip9:127.0.0.14:porti7001eee/,
    );
    assertMatch(await fetchBytes(tracker, announcePath(2, "&numwant=0&trackerid=x")), /5:peers0:/);
  });
});

Deno.test("ip= from this machine is accepted only if enabled", async () => {
  for (const trustsIpParam of [false, true]) {
    await withTracker({ trustsIpParam }, async (tracker) => {
      await fetchBytes(tracker, announcePath(1, "&ip=203.0.113.9"));
      const named = await fetchBytes(tracker, announcePath(2));
      assertEquals(named.includes("\xcb\0\x71\x09"), trustsIpParam);
    });
  }
});

Deno.test("X-Forwarded-For is accepted from trusted proxies only", async () => {
  const headers = { "x-forwarded-for": "6.6.6.6, 203.0.113.9" };
  const trusted = { trustedProxies: [parseNetwork("127.0.0.0/8")!] };
  for (const options of [{}, trusted]) {
    await withTracker(options, async (tracker) => {
      const answer = await fetchBytes(tracker, announcePath(1), headers);
      const seen = "trustedProxies" in options ? "\xcb\0\x71\x09" : "\x7f\0\0\x01";
      assert(answer.includes(`11:external ip4:${seen}`), answer);
    });
  }
});

Deno.test("a scrape covers many torrents, and all of them only if enabled", async () => {
  for (const allowsFullScrape of [false, true]) {
    await withTracker({ allowsFullScrape }, async (tracker) => {
      await fetchBytes(tracker, announcePath(1));
      const known = `20:${
        "\xaa".repeat(20)
      }d8:completei0e10:downloadedi0e11:downloadersi1e10:incompletei1ee`;
      const all = await fetchBytes(tracker, "/scrape");
      assertEquals(
        all,
        allowsFullScrape ? `d5:filesd${known}ee` : "d14:failure reason20:info_hash is missinge",
      );
      const other = "%bb".repeat(20);
      const two = await fetchBytes(tracker, `/scrape?info_hash=${other}&info_hash=${HASH}`);
      const none = `20:${
        "\xbb".repeat(20)
      }d8:completei0e10:downloadedi0e11:downloadersi0e10:incompletei0ee`;
      assertEquals(two, `d5:filesd${known}${none}ee`);
    });
  }
});

Deno.test("long responses are compressed on request, short ones never", async () => {
  await withTracker({ allowsFullScrape: true }, async (tracker) => {
    for (let i = 10; i < 50; i++) {
      await fetchBytes(tracker, announcePath(i).replace(HASH, `%${i}`.repeat(20)));
    }
    const ask = async (path: string, ...headers: string[]) => {
      const text = await exchange(tracker, get(path, "Connection: close", ...headers));
      return /content-encoding: gzip/i.test(text);
    };
    assertEquals(await ask("/scrape", "Accept-Encoding: gzip"), true);
    assertEquals(await ask("/scrape"), false);
    assertEquals(await ask(announcePath(1), "Accept-Encoding: gzip"), false);
    const { length } = await fetchBytes(tracker, "/scrape");
    assert(length > 40 * 60, "the runtime's client asks for gzip and unpacks it");
  });
});

Deno.test("denied and unregistered torrents are refused, but stopped is accepted", async () => {
  const hash = "aa".repeat(20);
  await withTracker({ isRegistered: (infoHash) => infoHash !== hash }, async (tracker) => {
    assertMatch(await fetchBytes(tracker, announcePath(1)), /not registered on this tracker/);
    assertMatch(await fetchBytes(tracker, announcePath(1, "&event=stopped")), /^d8:complete/);
  });
  await withTracker({ denied: new Set([hash]) as never }, async (tracker) => {
    assertMatch(await fetchBytes(tracker, announcePath(1)), /not allowed on this tracker/);
  });
});

Deno.test("exceeded limits on peers and rates are refusals with a reason", async () => {
  await withTracker({ peersMax: 1 }, async (tracker) => {
    await fetchBytes(tracker, announcePath(1));
    assertMatch(await fetchBytes(tracker, announcePath(2)), /as many peers as it can hold/);
  });
  await withTracker({ totalRate: 1 }, async (tracker) => {
    const answers: string[] = [];
    for (let i = 0; i < 12; i++) answers.push(await fetchBytes(tracker, announcePath(1)));
    assertMatch(answers.join(), /too much to do/);
  });
});

Deno.test("requests on one connection are answered in order, however their bytes are split", async () => {
  await withTracker({}, async (tracker) => {
    const requests = get(announcePath(1)) + get("/healthz") + get("/nothing") +
      get(announcePath(2), "Connection: close") + get("/healthz");
    const answers = await exchange(tracker, requests);
    const parts = await exchange(tracker, ...requests.match(/[^]{1,37}/g)!);
    for (const text of [answers, parts]) {
      const statuses = [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status);
      assertEquals(statuses, ["200", "200", "404", "200"]);
      assert(text.includes("5:peers6:"), "the second peer is named the first");
    }
  });
});

Deno.test("HEAD gets no body, and other methods get the allowed ones", async () => {
  await withTracker({}, async (tracker) => {
    const head = "HEAD /healthz HTTP/1.1\r\nConnection: close\r\n\r\n";
    assertMatch(await exchange(tracker, head), /^HTTP\/1\.1 200 [^]*content-length: 3\r\n\r\n$/);
    const post = "POST /announce HTTP/1.1\r\nContent-Length: 2\r\n\r\nxx";
    assertMatch(await exchange(tracker, post + get("/", "Connection: close")), /^HTTP\/1\.1 405 /);
  });
});

Deno.test("an invalid HTTP request is refused with one sentence, and the connection closed", async () => {
  await withTracker({}, async (tracker) => {
    const status = async (text: string) =>
      /^HTTP\/1\.1 (\d+) /.exec(await exchange(tracker, text))?.[1];
    assertEquals(await status("\x13BitTorrent protocol\r\n\r\n\r\n"), "400");
    assertEquals(await status("GET ftp://elsewhere/ HTTP/1.1\r\n\r\n"), "400");
    assertEquals(await status(`GET /${"x".repeat(20_000)} HTTP/1.1\r\n\r\n`), "431");
    assertEquals(await status(get("/", "Transfer-Encoding: chunked")), "411");
    for (const path of ["/", "/announce", "/scrape"]) {
      assertEquals(await status(get(path, "bad header")), "400");
      assertEquals(await status(get(path, "Content-Length : 0")), "400");
      assertEquals(await status(get(path, "Transfer-Encoding : chunked")), "400");
      assertEquals(await status(get(path, "X: a\rb")), "400");
      assertEquals(await status(get(path, "X: a\0b")), "400");
      assertEquals(await status(get(path, "Host: second")), "400");
    }
    assertEquals(await status("GET http://t/healthz HTTP/1.1\r\nConnection: close\r\n\r\n"), "200");
    assertMatch(
      await exchange(tracker, get(`/announce?x=${"y".repeat(9_000)}`, "Connection: close")),
      /longer than/,
    );
  });
});

Deno.test("announces and scrapes may name the whole URL as their target", async () => {
  await withTracker({}, async (tracker) => {
    const ask = async (path: string) =>
      await exchange(
        tracker,
        `GET http://any.host:80${path} HTTP/1.1\r\nConnection: close\r\n\r\n`,
      );
    assertMatch(await ask(announcePath(1)), /^HTTP\/1\.1 200 [^]*10:incompletei1e/);
    assertMatch(await ask(`/scrape?info_hash=${HASH}`), /^HTTP\/1\.1 200 [^]*10:incompletei1e/);
    assertMatch(await ask("/announced"), /^HTTP\/1\.1 404 /);
    const posted = `POST ${announcePath(1)} HTTP/1.1\r\nConnection: close\r\n\r\n`;
    assertMatch(await exchange(tracker, posted), /^HTTP\/1\.1 405 /);
  });
});

Deno.test("an unread request body does not affect the response", async () => {
  await withTracker({}, async (tracker) => {
    const size = 3_000_000;
    const text = await exchange(
      tracker,
      `POST /nothing HTTP/1.1\r\nContent-Length: ${size}\r\n\r\n`,
      "x".repeat(size),
    );
    assertMatch(text, /^HTTP\/1\.1 404 /);
  });
});

Deno.test("a failing route responds with a sentence, and others continue", async () => {
  const routes = [{
    method: "GET" as const,
    pattern: /^\/broken$/,
    handle: () => {
      throw new Error("secret");
    },
  }];
  await withTracker({ routes }, async (tracker) => {
    const text = await fetchBytes(tracker, "/broken");
    assertEquals(text, "This tracker made a mistake, try again later\n");
    assertEquals(await fetchBytes(tracker, "/healthz"), "ok\n");
  });
});

await interopTest({
  name: "ten thousand idle connections delay nothing, and are closed at the stop",
  needs: [openFiles(SILENT_CLIENTS + OPEN_FILES_OF_OURS)],
  async fn() {
    const tracker = await startTracker({ host: "127.0.0.1", port: 0 });
    await using silent = await openSilentClients(tracker.port, SILENT_CLIENTS);
    try {
      assertMatch(await fetchBytes(tracker, announcePath(1)), /^d8:complete/);
      assertEquals(await fetchBytes(tracker, "/healthz"), "ok\n");
    } finally {
      await tracker.stop();
    }
    assertEquals(await silent.ended(), SILENT_CLIENTS);
  },
});

/** An address of this machine that is not loopback, as seen by other machines. */
function ownAddress(): string | undefined {
  return Deno.networkInterfaces()
    .find(({ family, address }) => family === "IPv4" && !address.startsWith("127."))?.address;
}

Deno.test("a seeder on the tracker's machine is returned with the address that was contacted", async () => {
  const own = ownAddress();
  if (own === undefined) return;
  await withTracker({ host: "0.0.0.0" }, async (tracker) => {
    await fetchBytes(tracker, announcePath(1));
    const packed = (ip: string) => ip.split(".").map((part) => String.fromCharCode(Number(part)));
    const near = await fetchBytes(tracker, announcePath(2));
    assert(near.includes(`${packed("127.0.0.1").join("")}\x1bY`));
    const response = await fetch(`http://${own}:${tracker.port}${announcePath(3)}`);
    const far = byteText(await response.bytes());
    assert(
      far.includes(`${packed(own).join("")}\x1bY`),
      "the seeder by the address of the interface",
    );
    assert(!far.includes("\x7f\0\0\x01"), "and nobody by a loopback address");
  });
});

Deno.test("scrapes, list and page count towards the rate limit, statistics do not", async () => {
  let now = 0;
  const routes = [{
    method: "GET" as const,
    pattern: /^\/torrents$/,
    handle: () => new Response("a list"),
  }];
  await withTracker({ addressRate: 1, now: () => now, routes }, async (tracker) => {
    const ask = async (path: string) => {
      const response = await fetch(new URL(path, tracker.url));
      return [response.status, await response.text()] as const;
    };
    for (let i = 0; i < 10; i++) await ask(i % 2 === 0 ? `/scrape?info_hash=${HASH}` : "/torrents");
    assertMatch((await ask(`/scrape?info_hash=${HASH}`))[1], /failure reason.*asks too often/);
    assertEquals((await ask("/torrents"))[0], 429);
    for (const path of ["/stats", "/metrics", "/healthz"]) assertEquals((await ask(path))[0], 200);
    now = 60_000;
    assertEquals((await ask("/torrents"))[0], 200);
  });
});

Deno.test("ip= behind a trusted proxy applies if the proxy's client may use it", async () => {
  const trustedProxies = [parseNetwork("127.0.0.0/8")!];
  await withTracker({ trustedProxies, trustsIpParam: true }, async (tracker) => {
    const announceFor = async (forwarded: string, id: number, ip: string) => {
      const headers = { "x-forwarded-for": forwarded };
      await fetchBytes(tracker, announcePath(id, `&ip=${ip}`), headers);
    };
    await announceFor("10.0.0.7", 1, "198.51.100.1");
    await announceFor("203.0.113.7", 2, "198.51.100.2");
    const answer = await fetchBytes(tracker, announcePath(3, "&compact=0"));
    assert(answer.includes("198.51.100.1"), "a client of a private network is believed");
    assert(!answer.includes("198.51.100.2"), "a public one is not");
    assert(answer.includes("203.0.113.7"));
  });
});
