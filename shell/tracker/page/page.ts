/**
 * The tracker's page for people: what is shared, how many share it, and how to get it. Plain HTML that
 * needs no script; a small one updates the numbers. Names are not trusted, so every text is
 * escaped, and nothing but our own style and script may run.
 */
import { escape as escapeHtml } from "@std/html/entities";
import { identityOf } from "../../../core/tracker_server/catalog.ts";
import { createHash } from "node:crypto";
import { formatBytes, formatCount } from "../../../core/cli/format.ts";
import { printable } from "../../../core/cli/text.ts";
import { magnetLink } from "../../../core/metainfo/magnet.ts";
import {
  LIST_LIMIT_DEFAULT,
  type ListedTorrent,
  listEntries,
  type ListQuery,
  parseListQuery,
} from "../../../core/tracker_server/catalog.ts";
import type { StoreTotals } from "../../../core/tracker_server/types.ts";
import { CLIENT_NAME } from "../../version.ts";
import { type CatalogService, withSwarms } from "../catalog/routes.ts";
import { PAGE_SCRIPT } from "./script.ts";
import { PAGE_STYLE } from "./style.ts";
import type { Route } from "../http/route.ts";

/** Everything the page shows. */
export interface PageFacts {
  readonly announceUrl: string;
  readonly totals: StoreTotals;
  readonly query: ListQuery;
  /** Torrents that match, on all pages. */
  readonly total: number;
  readonly torrents: readonly ListedTorrent[];
}

/** The page's part of the table of routes. */
export function pageRoute({ catalog, shared, swarms }: CatalogService): Route {
  return {
    method: "GET",
    pattern: /^\/$/,
    async handle({ request, query, tracker }) {
      const asked = parseListQuery(query);
      if (!asked.ok) return new Response(`${asked.error}\n`, { status: 400 });
      await shared?.refresh();
      const { total, entries } = listEntries(catalog.list, asked.value);
      const html = renderPage({
        announceUrl: announceUrlOf(request),
        totals: tracker.backend.totals(),
        query: asked.value,
        total,
        torrents: await withSwarms(swarms, entries),
      });
      return new Response(html, { headers: PAGE_HEADERS });
    },
  };
}

/** The announce URL under the name that the reader uses for this tracker. */
export function announceUrlOf(request: Request): string {
  const isSecure = request.headers.get("x-forwarded-proto") === "https";
  return `${isSecure ? "https" : "http"}://${new URL(request.url).host}/announce`;
}

/** A whole HTML document. */
export function renderPage(facts: PageFacts): string {
  const { totals, query, announceUrl } = facts;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${query.text === "" ? "" : `${escapeHtml(query.text)} · `}tt tracker</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(LOGO)}">
<style>${PAGE_STYLE}</style>
<noscript><meta http-equiv="refresh" content="60"></noscript>
</head>
<body>
<div class="page">
<header>
<h1><a href="/">${LOGO}tt tracker</a></h1>
<p class="announce">Announce to <code>${escapeHtml(announceUrl)}</code></p>
</header>
<dl class="totals">
${totalBox("Active torrents", totals.swarms)}
${totalBox("Seeding now", totals.seeders)}
${totalBox("Downloading now", totals.leechers)}
${totalBox("Downloads finished", totals.completed)}
</dl>
<main>
<div class="bar">
<h2>Shared here <small id="total" data-live>${formatCount(facts.total, "torrent")}</small></h2>
<form action="/" role="search">
<input type="search" name="q" value="${escapeHtml(query.text)}" maxlength="200"
 placeholder="Search by name" aria-label="Search torrents by name">
<button>Search</button>
</form>
</div>
<div id="list">
${facts.torrents.length === 0 ? emptyList(facts) : torrentList(facts)}
${pageLinks(facts)}
</div>
</main>
<footer><span>${CLIENT_NAME.replace("/", " ")}</span> <a href="/torrents">List as JSON</a>
<a href="/stats">Numbers as JSON</a></footer>
</div>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function totalBox(label: string, count: number): string {
  const id = label.toLowerCase().replaceAll(" ", "-");
  return `<div><dt>${label}</dt><dd id="${id}" data-live>${digits(count)}</dd></div>`;
}

function torrentList({ torrents, announceUrl }: PageFacts): string {
  const rows = torrents.map((torrent) => torrentRow(torrent, announceUrl));
  return `<ul class="torrents">\n${rows.join("\n")}\n</ul>`;
}

function torrentRow(torrent: ListedTorrent, announceUrl: string): string {
  const { infoHash, bytes, files, pieces, addedAt } = torrent;
  const name = escapeHtml(printable(torrent.name));
  const trackers = [...new Set([...torrent.trackers, announceUrl])];
  const magnet = magnetLink({
    ...torrent,
    identity: identityOf(torrent),
    announceTiers: trackers.map((url) => [url]),
  });
  const facts = [
    formatBytes(bytes),
    formatCount(files, "file"),
    formatCount(pieces, "piece"),
    `added <time datetime="${addedAt}">${addedAt.slice(0, 10)}</time>`,
  ];
  return `<li data-row="${infoHash}">
<div>
<h3><bdi>${name}</bdi></h3>
<p class="facts">${facts.map((fact) => `<span>${fact}</span>`).join(" ")}</p>
</div>
<ul class="swarm">
${swarmFigure("seeds", infoHash, torrent.seeders, "seeding")}
${swarmFigure("leeches", infoHash, torrent.leechers, "downloading")}
${swarmFigure("done", infoHash, torrent.completed, "finished")}
</ul>
<div class="ways">
<a class="first" href="/torrents/${infoHash}.torrent" aria-label="Torrent file of ${name}">Torrent</a>
<a href="${escapeHtml(magnet)}" aria-label="Magnet link of ${name}">Magnet</a>
</div>
</li>`;
}

function swarmFigure(kind: string, infoHash: string, count: number, label: string): string {
  const id = `${kind}-${infoHash}`;
  const some = count > 0 ? " some" : "";
  return `<li class="${kind}${some}"><b id="${id}" data-live>${digits(count)}</b>${label}</li>`;
}

function emptyList({ query, announceUrl }: PageFacts): string {
  if (query.text !== "" || query.offset > 0) {
    return `<div class="empty"><strong>Nothing matches</strong>
<p>Try fewer words, or look at <a href="/">everything that is shared</a>.</p></div>`;
  }
  return `<div class="empty"><strong>Nothing is shared yet</strong>
<p>Share a file or a folder, and it appears here:</p>
<p><code>tt seed PATH --tracker ${escapeHtml(announceUrl)}</code></p></div>`;
}

function pageLinks({ query, total, torrents }: PageFacts): string {
  const link = (offset: number, text: string) => {
    const parameters = new URLSearchParams();
    if (query.text !== "") parameters.set("q", query.text);
    if (query.limit !== LIST_LIMIT_DEFAULT) parameters.set("limit", String(query.limit));
    if (offset > 0) parameters.set("offset", String(offset));
    const search = parameters.toString();
    return `<a href="/${search === "" ? "" : `?${escapeHtml(search)}`}">${text}</a>`;
  };
  const end = query.offset + torrents.length;
  const newer = query.offset > 0 && torrents.length > 0;
  const older = end < total && torrents.length > 0;
  if (!newer && !older) return "";
  return `<nav aria-label="Pages">
${newer ? link(Math.max(0, query.offset - query.limit), "Newer") : "<span></span>"}
${older ? link(end, "Older") : ""}
</nav>`;
}

/** "12,345" */
function digits(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Two peers, and what passes between them. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" aria-hidden="true">
<rect width="32" height="32" rx="9" fill="#0b6e6e"/>
<path d="M10.5 8v10.5a4 4 0 0 0 4 4M7 12.5h7.5M21 8v10.5a4 4 0 0 0 4 4M17.5 12.5H25"
 fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"/>
</svg>`;

function sourceHash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

const PAGE_HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    `style-src ${sourceHash(PAGE_STYLE)}`,
    `script-src ${sourceHash(PAGE_SCRIPT)}`,
    "connect-src 'self'",
    "img-src data:",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};
