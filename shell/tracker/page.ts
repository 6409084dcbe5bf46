/** The tracker's page for people: what runs here, and its numbers. */
import type { TrackerStats } from "./status_routes.ts";

/** Plain HTML without scripts, from numbers only. */
export function statusPage(stats: TrackerStats): Response {
  const html = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>tt tracker</title>
<h1>tt tracker</h1>
<p>A BitTorrent tracker. Point a client at <code>/announce</code> on this address.</p>
<table>
<tr><th scope="row">Swarms</th><td>${stats.swarms}</td></tr>
<tr><th scope="row">Seeders</th><td>${stats.seeders}</td></tr>
<tr><th scope="row">Leechers</th><td>${stats.leechers}</td></tr>
<tr><th scope="row">Downloads finished</th><td>${stats.completed}</td></tr>
</table>
</html>
`;
  return new Response(html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": "default-src 'none'",
    },
  });
}
