/**
 * The catalog over HTTP. A refusal is a status and one sentence of plain text; everything else is JSON
 * or the bytes of a `.torrent`.
 *
 *     GET    /torrents?q=&name=&offset=&limit=   the public list
 *     POST   /torrents                           takes a .torrent
 *     GET    /torrents/INFOHASH.torrent          one torrent
 *     GET    /torrents/INFOHASH/peers            who is in its swarm
 *     GET    /torrents/INFOHASH                  its line of the list
 *     DELETE /torrents/INFOHASH                  takes it out
 */
import { infoHashBytes, infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import {
  CATALOG_TORRENT_BYTES_MAX,
  type CatalogEntry,
  type ListedTorrent,
  listEntries,
  parseListQuery,
} from "../../../core/tracker_server/catalog.ts";
import { NUM_WANT_MAX } from "../../../core/tracker_server/types.ts";
import { now } from "../../clock.ts";
import { tooLarge, type TorrentCatalog } from "./catalog.ts";
import { type Access, refuseChange } from "./access.ts";
import type { Route } from "../http/route.ts";
import type { SharedCatalog } from "./shared_catalog.ts";
import type { SwarmBackend } from "../store/store.ts";
import type { UploadError, UploadGate } from "./upload.ts";

const LIST = /^\/torrents\/?$/;
const ENTRY = /^\/torrents\/([^/.]+)$/;
const FILE = /^\/torrents\/([^/.]+)\.torrent$/;
const PEERS = /^\/torrents\/([^/.]+)\/peers$/;

/** What the catalog asks the swarms. */
export type SwarmFigures = Pick<SwarmBackend, "scrape" | "listPeers">;

export interface CatalogService {
  readonly catalog: TorrentCatalog;
  /** Where other trackers have the same catalog. */
  readonly shared?: SharedCatalog | undefined;
  readonly swarms: SwarmFigures;
  readonly access: Access;
  readonly uploads: UploadGate;
}

/** The catalog's part of the table of routes. */
export function catalogRoutes(service: CatalogService): Route[] {
  const one = (handle: (entry: CatalogEntry) => Response | Promise<Response>): Route["handle"] => {
    return async ({ match }) => {
      const infoHash = infoHashFromHex(match[1]!);
      if (infoHash === undefined) return refusal(400, "An info hash is 40 hexadecimal digits");
      const entry = await findTorrent(service, infoHash);
      return entry === undefined ? unknown(infoHash) : handle(entry);
    };
  };
  return [
    { method: "GET", pattern: LIST, handle: ({ query }) => answerList(service, query) },
    { method: "POST", pattern: LIST, handle: ({ request }) => answerUpload(service, request) },
    { method: "GET", pattern: FILE, handle: one((entry) => answerTorrent(service, entry)) },
    { method: "GET", pattern: PEERS, handle: one((entry) => answerPeers(service, entry)) },
    { method: "GET", pattern: ENTRY, handle: one((entry) => answerEntry(service, entry)) },
    {
      method: "DELETE",
      pattern: ENTRY,
      handle: (asked) => {
        const refused = refuseChange(service.access, asked.request);
        if (refused !== undefined) return refusal(refused.status, refused.message);
        return one((entry) => answerRemoval(service, entry))(asked);
      },
    },
  ];
}

/** An entry of the catalog, though another tracker had it a moment before us. */
export async function findTorrent(
  { catalog, shared }: Pick<CatalogService, "catalog" | "shared">,
  infoHash: InfoHash,
): Promise<CatalogEntry | undefined> {
  if (catalog.find(infoHash) === undefined) await shared?.refresh();
  return catalog.find(infoHash);
}

/** Entries with the figures of their swarms, in the same order. */
export async function withSwarms(
  swarms: SwarmFigures,
  entries: readonly CatalogEntry[],
): Promise<ListedTorrent[]> {
  const hashes = entries.map(({ infoHash }) => infoHashBytes(infoHash));
  const counts = await swarms.scrape(hashes, now());
  return entries.map(({ isPrivate, addedAt, ...entry }, i) => {
    const { seeders, leechers, completed } = counts[i]!;
    const added = new Date(addedAt * 1000).toISOString().replace(".000", "");
    return { ...entry, private: isPrivate, seeders, leechers, completed, addedAt: added };
  });
}

async function answerList(service: CatalogService, query: string): Promise<Response> {
  const asked = parseListQuery(query);
  if (!asked.ok) return refusal(400, asked.error);
  await service.shared?.refresh();
  const { total, entries } = listEntries(service.catalog.list, asked.value);
  const torrents = await withSwarms(service.swarms, entries);
  return json({ total, offset: asked.value.offset, torrents });
}

async function answerUpload(service: CatalogService, request: Request): Promise<Response> {
  const refused = refuseChange(service.access, request);
  if (refused !== undefined) return refusal(refused.status, refused.message);
  const body = await service.uploads.read(request, CATALOG_TORRENT_BYTES_MAX);
  if (!body.ok) return bodyRefusal(body.error);
  await service.shared?.refresh();
  const added = service.catalog.add(body.value);
  if (!added.ok) return refusal(added.error.status, added.error.message);
  const { entry, isNew } = added.value;
  if (isNew) await service.shared?.publish(entry.infoHash);
  const [torrent] = await withSwarms(service.swarms, [entry]);
  const location = `/torrents/${entry.infoHash}.torrent`;
  return json({ ...torrent, isNew }, { status: isNew ? 201 : 200, headers: { location } });
}

async function answerRemoval(
  { catalog, shared }: CatalogService,
  { infoHash }: CatalogEntry,
): Promise<Response> {
  if (await shared?.withdraw(infoHash) === false) {
    return refusal(
      503,
      "The tracker's database is unreachable and would restore the torrent; try again later",
    );
  }
  catalog.remove(infoHash);
  return new Response(null, { status: 204 });
}

function answerTorrent({ catalog }: CatalogService, entry: CatalogEntry): Response {
  const bytes = catalog.bytes(entry.infoHash);
  if (bytes === undefined) return unknown(entry.infoHash);
  return new Response(bytes as BodyInit, {
    headers: {
      "content-type": "application/x-bittorrent",
      "content-disposition": disposition(`${entry.name}.torrent`),
      "x-content-type-options": "nosniff",
      "cache-control": "no-cache",
    },
  });
}

async function answerEntry({ swarms }: CatalogService, entry: CatalogEntry): Promise<Response> {
  const [torrent] = await withSwarms(swarms, [entry]);
  return json(torrent);
}

/** Returns no more than an announce does: some of the peers, to clients with the info hash. */
async function answerPeers({ swarms }: CatalogService, entry: CatalogEntry): Promise<Response> {
  if (swarms.listPeers === undefined) return refusal(501, "This tracker's store can't list peers");
  const peers = await swarms.listPeers(infoHashBytes(entry.infoHash), NUM_WANT_MAX);
  const [torrent] = await withSwarms(swarms, [entry]);
  const { infoHash, name, seeders, leechers, completed } = torrent!;
  return json({ infoHash, name, seeders, leechers, completed, peers });
}

/** Plain ASCII for old clients, the name itself for the others. Spec: RFC 6266, 4.3; RFC 8187. */
function disposition(fileName: string): string {
  const safe = fileName.replace(/[/\\]/g, "_");
  const plain = safe.replace(/[^\x20-\x7e]|["%]/g, "_");
  const exact = encodeURIComponent(safe).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${exact}`;
}

function bodyRefusal(error: UploadError): Response {
  switch (error) {
    case "too-large": {
      const { status, message } = tooLarge();
      return refusal(status, message);
    }
    case "too-slow":
      return refusal(408, "The torrent did not arrive in time; send it again");
    case "busy":
      return refusal(503, "Too many torrents are arriving at once; send it again in a moment");
    case "broken":
      return refusal(400, "The torrent arrived incomplete; send it again");
  }
}

function unknown(infoHash: InfoHash): Response {
  return refusal(404, `No torrent ${infoHash} is in the catalog; the list is at /torrents`);
}

function refusal(status: number, message: string): Response {
  const headers: Record<string, string> = { "content-type": "text/plain; charset=utf-8" };
  if (status === 401) headers["www-authenticate"] = "Bearer";
  if (status === 503) headers["retry-after"] = "1";
  return new Response(`${message}\n`, { status, headers });
}

function json(value: unknown, init: ResponseInit = {}): Response {
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff" };
  return Response.json(value, { ...init, headers: { ...headers, ...init.headers } });
}
