/** The rule about local addresses, over real sockets. */
import { assertEquals, assertMatch } from "@std/assert";
import { encodeBencode } from "../../../core/bencode/encode.ts";
import { announce } from "../../../shell/announce/announce.ts";
import { errorOf, valueOf } from "../../core/tracker/unwrap.ts";
import { announceRequest } from "./request.ts";

const REQUEST = announceRequest(1, { event: "started" });
const GOOD = encodeBencode({ interval: 60, peers: "" });

/** A server of this machine; `use` gets its origin and its requests. */
async function withServer(
  answer: (request: Request) => Response,
  use: (port: number, asked: string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(new URL(request.url).pathname);
    return answer(request);
  });
  try {
    await use(server.addr.port, asked);
  } finally {
    await server.shutdown();
  }
}

const tracker = () => new Response(GOOD as BodyInit);

Deno.test("a torrent cannot cause requests to pages of this machine, by address or by name", async () => {
  await withServer(tracker, async (port, asked) => {
    const lookup = () => Promise.resolve(["127.0.0.1"]);
    for (const host of ["127.0.0.1", "evil.test", "2130706433", "[::ffff:127.0.0.1]"]) {
      for (const rest of ["/reboot", "/announce?passkey=1", "/x/announce", "/"]) {
        const url = `http://${host}:${port}${rest}`;
        const error = errorOf(await announce(url, REQUEST, { lookup }));
        assertEquals(error.code, "forbidden", url);
      }
    }
    assertEquals(asked, []);
  });
});

Deno.test("trackers of this machine work by default, and --allow-local lifts the restriction", async () => {
  await withServer(tracker, async (port, asked) => {
    valueOf(await announce(`http://127.0.0.1:${port}/announce`, REQUEST));
    valueOf(await announce(`http://127.0.0.1:${port}/x?y=1`, REQUEST, { allowLocal: true }));
    assertEquals(asked, ["/announce", "/x"]);
  });
});

Deno.test("a local tracker can redirect only within the rule", async () => {
  await withServer(({ url }) => {
    const { pathname, search } = new URL(url);
    const location = pathname === "/announce" && !search.includes("again") ? "/reboot" : "/";
    return new Response("", { status: 302, headers: { location } });
  }, async (port, asked) => {
    const error = errorOf(await announce(`http://127.0.0.1:${port}/announce`, REQUEST));
    assertEquals(error.code, "forbidden");
    assertEquals(asked, ["/announce"]);
  });
});

Deno.test("of several addresses of a name only the allowed ones are contacted", async () => {
  await withServer(tracker, async (port, asked) => {
    // Nothing listens at the other one, which is a documentation address, not a local one.
    const lookup = () => Promise.resolve(["127.0.0.1"]);
    const url = `http://rebind.test:${port}/reboot`;
    assertMatch(errorOf(await announce(url, REQUEST, { lookup })).message, /--allow-local/);
    assertEquals(asked, []);
  });
});
