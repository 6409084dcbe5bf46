/** Who may change the catalog, by real requests to a tracker on a loopback address. */
import { assertEquals } from "@std/assert";
import { startTracker } from "../../../../shell/tracker/server.ts";
import { openTrackerData } from "../../../../shell/tracker/tracker_data.ts";

/** Statuses of requests to remove a missing torrent, with these header lines each. */
async function statuses(heads: readonly (readonly string[])[]): Promise<(string | undefined)[]> {
  const host = "127.0.0.1";
  const settings = { path: undefined, host, catalogToken: undefined, intervalSeconds: 300 };
  const data = openTrackerData({ ...settings, onProblem: () => {} });
  const { backend, routes } = data;
  const tracker = await startTracker({ host, port: 0, backend, routes });
  const found: (string | undefined)[] = [];
  for (const head of heads) {
    using conn = await Deno.connect({ hostname: host, port: tracker.port });
    const lines = [`DELETE /torrents/${"0".repeat(40)} HTTP/1.1`, "Connection: close", ...head];
    await conn.write(new TextEncoder().encode([...lines, "", ""].join("\r\n")));
    const answer = await new Response(conn.readable).text();
    found.push(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  }
  await tracker.stop();
  await data.close();
  return found;
}

Deno.test("changes need a Host of this machine; a missing or odd one is refused", async () => {
  const allowed = ["localhost", "localhost:8000", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"];
  const refused = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example:8000",
    "192.168.1.5",
    "[::2]",
    "localhost:x",
    "localhost:80:80",
    "[localhost]",
    ".",
  ];
  const hostOf = (host: string) => [`Host: ${host}`];
  assertEquals(await statuses(allowed.map(hostOf)), allowed.map(() => "404"));
  assertEquals(await statuses(refused.map(hostOf)), refused.map(() => "403"));
  assertEquals(await statuses([[], ["Host:"]]), ["403", "403"]);
  assertEquals(await statuses([["Host: localhost", "Host: localhost"], ["Host: a/b"]]), [
    "400",
    "400",
  ]);
});

Deno.test("changes requested by a web page are refused, by Origin or Sec-Fetch-Site", async () => {
  const host = "Host: localhost";
  assertEquals(
    await statuses([
      [host, "Origin: http://localhost"],
      [host, "Origin: null"],
      [host, "Sec-Fetch-Site: cross-site"],
      [host, "Sec-Fetch-Site: same-site"],
      [host, "Sec-Fetch-Site: same-origin"],
      [host, "Sec-Fetch-Site: none"],
      [host, "X-Forwarded-For: 127.0.0.1"],
    ]),
    ["403", "403", "403", "403", "403", "404", "403"],
  );
});
