import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CATALOG_TORRENT_BYTES_MAX } from "../../../../core/tracker_server/catalog.ts";
import { createMemoryStore, TorrentCatalog } from "../../../../shell/tracker/catalog/catalog.ts";
import type { Access } from "../../../../shell/tracker/catalog/access.ts";
import { pageRoute } from "../../../../shell/tracker/page/page.ts";
import { catalogRoutes } from "../../../../shell/tracker/catalog/routes.ts";
import type { Tracker } from "../../../../shell/tracker/tracker.ts";
import { createUploadGate } from "../../../../shell/tracker/catalog/upload.ts";
import { infoHashOf, torrent, type TorrentOptions } from "./torrents.ts";

const ORIGIN = "http://127.0.0.1:8000";
const COUNTS = { seeders: 2, leechers: 1, completed: 5 };
const PEER = { ip: "192.0.2.1", port: 6881, isSeeder: true };
const LOCAL: Access = { token: undefined, isLocal: true };
const TOKEN = "correct-horse";

interface Catalog {
  /** The response of the path; undefined when no route accepts the method. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  add(options: TorrentOptions): Promise<string>;
}

function openCatalog({
  access = LOCAL,
  store = createMemoryStore(),
  uploads = createUploadGate(),
} = {}): Catalog {
  const catalog = new TorrentCatalog(store);
  const swarms = {
    scrape: (hashes: readonly Uint8Array[]) => hashes.map(() => ({ ...COUNTS, downloaders: 1 })),
    listPeers: () => [PEER],
  };
  const service = { catalog, swarms, access, uploads };
  const routes = [...catalogRoutes(service), pageRoute(service)];
  const totals = { swarms: 1, peers: 3, ...COUNTS };
  const tracker = { backend: { totals: () => totals } } as unknown as Tracker;
  const ask = async (target: string, init: RequestInit = {}) => {
    const request = new Request(ORIGIN + target, init);
    const [path, query = ""] = target.split("?");
    for (const route of routes) {
      const match = route.pattern.exec(path!);
      if (match === null || route.method !== request.method) continue;
      return await route.handle({ request, match, query, remoteIp: "127.0.0.1", tracker });
    }
    throw new Error(`No route takes ${request.method} ${path}`);
  };
  return {
    ask,
    async add(options) {
      const bytes = torrent(options);
      const response = await ask("/torrents", post(bytes));
      assertEquals(response.status, 201);
      return infoHashOf(bytes);
    },
  };
}

function post(body: Uint8Array, headers: Record<string, string> = {}): RequestInit {
  return { method: "POST", body: body as BodyInit, headers };
}

/** An error is a status and one sentence of plain text. */
async function assertRefused(response: Response, status: number, pattern: RegExp): Promise<void> {
  assertEquals(response.status, status);
  assertStringIncludes(response.headers.get("content-type")!, "text/plain");
  const text = await response.text();
  assertMatch(text, pattern);
  assertEquals(text.trimEnd().split("\n").length, 1);
}

Deno.test("an uploaded torrent is listed with its swarm, and returned byte for byte", async () => {
  const { ask } = openCatalog();
  const bytes = torrent({ announce: "http://tracker.example/announce" });
  const infoHash = infoHashOf(bytes);
  const uploaded = await ask("/torrents", post(bytes));
  assertEquals(uploaded.status, 201);
  assertEquals((await uploaded.json()).infoHash, infoHash);
  assertEquals(uploaded.headers.get("location"), `/torrents/${infoHash}.torrent`);

  const { total, torrents } = await (await ask("/torrents")).json();
  assertEquals(total, 1);
  const { addedAt, ...listed } = torrents[0];
  assertMatch(addedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assertEquals(listed, {
    infoHash,
    name: "film.mkv",
    bytes: 1,
    pieceLength: 16_384,
    pieces: 1,
    files: 1,
    trackers: ["http://tracker.example/announce"],
    private: false,
    ...COUNTS,
  });

  const fetched = await ask(`/torrents/${infoHash}.torrent`);
  assertEquals(await fetched.bytes(), bytes);
  assertEquals(fetched.headers.get("content-type"), "application/x-bittorrent");
});

Deno.test("uploading a torrent again changes nothing", async () => {
  const { ask } = openCatalog();
  const statuses = [];
  for (let i = 0; i < 3; i++) statuses.push((await ask("/torrents", post(torrent()))).status);
  assertEquals(statuses, [201, 200, 200]);
  assertEquals((await (await ask("/torrents")).json()).total, 1);
});

Deno.test("the list can be searched, and queried for an exact name", async () => {
  const { ask, add } = openCatalog();
  await add({ name: "Big Film.mkv", salt: 1 });
  await add({ name: "small film.mkv", salt: 2 });
  const names = async (query: string) => {
    const { torrents } = await (await ask(`/torrents?${query}`)).json();
    return torrents.map(({ name }: { name: string }) => name);
  };
  assertEquals(await names("q=big"), ["Big Film.mkv"]);
  assertEquals(await names("q=film"), ["small film.mkv", "Big Film.mkv"]);
  assertEquals(await names("name=Big%20Film.mkv"), ["Big Film.mkv"]);
  await assertRefused(await ask("/torrents?limit=99999"), 400, /limit must be a number/);
});

Deno.test("a private torrent is not listed, but found by its info hash", async () => {
  const { ask, add } = openCatalog();
  const infoHash = await add({ isPrivate: true });
  assertEquals((await (await ask("/torrents")).json()).total, 0);
  assert(!(await (await ask("/")).text()).includes("film.mkv"));
  assertEquals((await ask(`/torrents/${infoHash}.torrent`)).status, 200);
});

Deno.test("the peers of a torrent can be queried", async () => {
  const { ask, add } = openCatalog();
  const infoHash = await add({});
  const swarm = await (await ask(`/torrents/${infoHash}/peers`)).json();
  assertEquals(swarm, { infoHash, name: "film.mkv", ...COUNTS, peers: [PEER] });
});

Deno.test("a removed torrent is gone", async () => {
  const { ask, add } = openCatalog();
  const infoHash = await add({});
  assertEquals((await ask(`/torrents/${infoHash}`, { method: "DELETE" })).status, 204);
  await assertRefused(await ask(`/torrents/${infoHash}.torrent`), 404, /No torrent/);
  const again = await ask(`/torrents/${infoHash}`, { method: "DELETE" });
  await assertRefused(again, 404, /No torrent/);
});

Deno.test("an invalid or unknown info hash is reported", async () => {
  const { ask } = openCatalog();
  await assertRefused(await ask("/torrents/zz.torrent"), 400, /40 hexadecimal digits/);
  await assertRefused(await ask(`/torrents/${"0".repeat(39)}/peers`), 400, /40 hexadecimal/);
  await assertRefused(await ask(`/torrents/${"0".repeat(40)}`), 404, /No torrent 0/);
});

Deno.test("an invalid torrent is refused with a reason", async () => {
  const { ask } = openCatalog();
  for (
    const [body, pattern] of [
      ["", /not a valid torrent file/],
      ["<html>", /not a valid torrent file/],
      ["de", /no info dictionary/],
      ["l".repeat(100_000), /nested too deeply/],
      [`l${"le".repeat(3_300_000)}e`, /too many values/],
    ] as const
  ) {
    const response = await ask("/torrents", post(new TextEncoder().encode(body)));
    await assertRefused(response, 400, pattern);
  }
});

Deno.test("names and trackers in the list have length limits", async () => {
  const { ask } = openCatalog();
  const named = (length: number) => ask("/torrents", post(torrent({ name: "x".repeat(length) })));
  await assertRefused(await named(1_001), 400, /name has 1001 characters/);
  assertEquals((await named(1_000)).status, 201);
  const urls = [..."ab"].map((letter) => `http://${letter.repeat(letter === "a" ? 2_000 : 9)}/`);
  const tiers = Array.from({ length: 100 }, (_, i) => urls.map((url) => url + i));
  const body = torrent({ tiers });
  assertEquals((await ask("/torrents", post(body))).status, 201);
  const { torrents } = await (await ask("/torrents?q=film")).json();
  assertEquals(torrents[0].trackers.length, 20);
  assertEquals(torrents[0].trackers[0], "http://bbbbbbbbb/0");
});

Deno.test("an upload of two gigabytes is refused before a byte of it is read", async () => {
  const { ask } = openCatalog();
  let pulled = 0;
  const body = new ReadableStream({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(65_536));
    },
  }, { highWaterMark: 0 });
  const headers = { "content-length": String(2 * 1024 ** 3) };
  const response = await ask("/torrents", { method: "POST", body, headers });
  await assertRefused(response, 413, /more than 8388608 bytes/);
  assertEquals(pulled, 0);
});

Deno.test("an upload without a length is read up to the limit", async () => {
  const { ask } = openCatalog();
  let size = 0;
  let isCancelled = false;
  const body = new ReadableStream({
    pull(controller) {
      size += 65_536;
      controller.enqueue(new Uint8Array(65_536));
    },
    cancel: () => void (isCancelled = true),
  }, { highWaterMark: 0 });
  const response = await ask("/torrents", { method: "POST", body });
  await assertRefused(response, 413, /more than 8388608 bytes/);
  assert(size <= CATALOG_TORRENT_BYTES_MAX + 2 * 65_536);
  assert(isCancelled);
});

Deno.test("a stalled upload is aborted, and its slot is free again", async () => {
  const uploads = createUploadGate({ timeoutMs: 1, uploadsMax: 1 });
  const { ask } = openCatalog({ uploads });
  const stalled = ask("/torrents", { method: "POST", body: new ReadableStream() });
  const busy = await ask("/torrents", post(torrent()));
  await assertRefused(busy, 503, /Too many torrents/);
  await assertRefused(await stalled, 408, /did not arrive in time/);
  assertEquals((await ask("/torrents", post(torrent()))).status, 201);
});

Deno.test("a full catalog reports it", async () => {
  const { ask } = openCatalog({ store: createMemoryStore(150) });
  assertEquals((await ask("/torrents", post(torrent({ salt: 1 })))).status, 201);
  await assertRefused(await ask("/torrents", post(torrent({ salt: 2 }))), 507, /full/);
});

Deno.test("a torrent that cannot be saved is refused, not listed, and may be sent again", async () => {
  const store = createMemoryStore();
  let isBroken = true;
  const put: typeof store.put = (entry, bytes) => {
    if (isBroken) throw new Error("database or disk is full");
    store.put(entry, bytes);
  };
  const { ask } = openCatalog({ store: { ...store, put } });
  await assertRefused(await ask("/torrents", post(torrent())), 507, /disk is full/);
  assertEquals((await (await ask("/torrents")).json()).total, 0);
  isBroken = false;
  assertEquals((await ask("/torrents", post(torrent()))).status, 201);
});

Deno.test("with a token, only clients that present it can change the catalog, also locally", async () => {
  const { ask } = openCatalog({ access: { token: TOKEN, isLocal: true } });
  const bytes = torrent();
  const path = `/torrents/${infoHashOf(bytes)}`;
  for (
    const authorization of ["", "Bearer ", "Bearer wrong", `Basic ${TOKEN}`, `Bearer ${TOKEN}x`]
  ) {
    const response = await ask("/torrents", post(bytes, { authorization }));
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    await assertRefused(response, 401, /needs its token/);
  }
  const headers = { authorization: `Bearer ${TOKEN}` };
  assertEquals((await ask("/torrents", post(bytes, headers))).status, 201);
  await assertRefused(await ask(path, { method: "DELETE" }), 401, /needs its token/);
  assertEquals((await ask(path, { method: "DELETE", headers })).status, 204);
});

Deno.test("without a token, a tracker on other addresses is read-only", async () => {
  const { ask } = openCatalog({ access: { token: undefined, isLocal: false } });
  await assertRefused(await ask("/torrents", post(torrent())), 403, /--catalog-token/);
  assertEquals((await ask("/torrents")).status, 200);
});

Deno.test("web pages and proxies do not count as programs of this machine", async () => {
  const { ask } = openCatalog();
  for (
    const headers of [
      { origin: "http://evil.example" },
      { "x-forwarded-for": "203.0.113.9" },
      { forwarded: "for=203.0.113.9" },
    ]
  ) {
    assertEquals((await ask("/torrents", post(torrent(), headers as never))).status, 403);
  }
});

Deno.test("names with traversal or scripts stay text", async () => {
  const { ask, add } = openCatalog();
  const climbing = await add({ name: "../../x", salt: 1 });
  const script = await add({ name: `<script>alert("1")</script>`, salt: 2 });
  const file = await ask(`/torrents/${climbing}.torrent`);
  assertEquals(
    file.headers.get("content-disposition"),
    `attachment; filename=".._.._x.torrent"; filename*=UTF-8''.._.._x.torrent`,
  );
  const quoted = (await ask(`/torrents/${script}.torrent`)).headers.get("content-disposition")!;
  assertStringIncludes(quoted, `filename="<script>alert(_1_)<_script>.torrent"`);
  const page = await (await ask("/")).text();
  assertStringIncludes(page, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;");
  assertEquals(page.match(/<script>/g)!.length, 1);
});

Deno.test("names in any script are usable as names of downloaded files", async () => {
  const { ask, add } = openCatalog();
  const infoHash = await add({ name: "año (1)" });
  assertEquals(
    (await ask(`/torrents/${infoHash}.torrent`)).headers.get("content-disposition"),
    `attachment; filename="a_o (1).torrent"; filename*=UTF-8''a%C3%B1o%20%281%29.torrent`,
  );
});

Deno.test("the page shows each torrent with its swarm, a magnet link and a download", async () => {
  const { ask, add } = openCatalog();
  const infoHash = await add({});
  const response = await ask("/");
  const page = await response.text();
  assertStringIncludes(page, "film.mkv");
  assertStringIncludes(page, `href="/torrents/${infoHash}.torrent"`);
  const tracker = encodeURIComponent(`${ORIGIN}/announce`);
  assertStringIncludes(
    page,
    `href="magnet:?xt=urn:btih:${infoHash}&amp;dn=film.mkv&amp;tr=${tracker}"`,
  );
  assertStringIncludes(page, `<b id="seeds-${infoHash}" data-live>2</b>`);
});

Deno.test("the page's policy allows only its own script and style", async () => {
  const { ask } = openCatalog();
  const response = await ask("/");
  const policy = response.headers.get("content-security-policy")!;
  assertStringIncludes(policy, "default-src 'none'");
  assert(!policy.includes("unsafe"));
  const page = await response.text();
  for (const tag of ["style", "script"]) {
    const inline = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page)![1]!;
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(inline));
    const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
    assertStringIncludes(policy, `${tag}-src 'sha256-${hash}'`);
  }
});

Deno.test("the page has search, paging, and a notice when it is empty", async () => {
  const { ask, add } = openCatalog();
  assertStringIncludes(await (await ask("/")).text(), `tt seed PATH --tracker ${ORIGIN}/announce`);
  for (const salt of [1, 2, 3]) await add({ name: `film ${salt}`, salt });
  const first = await (await ask("/?limit=2&q=film")).text();
  assertStringIncludes(first, "film 3");
  assert(!first.includes("film 1"));
  assertStringIncludes(first, `href="/?q=film&amp;limit=2&amp;offset=2">Older`);
  const second = await (await ask("/?limit=2&q=film&offset=2")).text();
  assertStringIncludes(second, "film 1");
  assertStringIncludes(second, `href="/?q=film&amp;limit=2">Newer`);
  assertStringIncludes(
    await (await ask("/?q=%22%3E%3Cb%3E")).text(),
    `value="&quot;&gt;&lt;b&gt;"`,
  );
});

Deno.test("the first button of a torrent is its file, followed by the magnet link", async () => {
  const { ask } = openCatalog();
  await ask("/torrents", post(torrent({ name: "film.mkv" })));
  const html = await (await ask("/")).text();
  const buttons = [...html.matchAll(/<a[^>]*aria-label="(Torrent file|Magnet link) of film/g)];
  assertEquals(buttons.map(([, which]) => which), ["Torrent file", "Magnet link"]);
  assertEquals(buttons.map(([tag]) => tag.includes('class="first"')), [true, false]);
});
