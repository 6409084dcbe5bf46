import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { infoHashV2FromHex, truncatedInfoHash } from "../../../core/metainfo/identity.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import type { Metainfo } from "../../../core/metainfo/types.ts";
import {
  addEntry,
  type Catalog,
  type CatalogEntry,
  catalogEntry,
  createCatalog,
  findEntry,
  identityOf,
  infoHashesOf,
  isCatalogFull,
  LIST_LIMIT_DEFAULT,
  LIST_LIMIT_MAX,
  listEntries,
  parseListQuery,
  removeEntry,
  SEARCH_LENGTH_MAX,
} from "../../../core/tracker_server/catalog.ts";

function hash(number: number): InfoHash {
  return number.toString(16).padStart(40, "0") as InfoHash;
}

function entry(number: number, name: string, isPrivate = false): CatalogEntry {
  return {
    infoHash: hash(number),
    name,
    bytes: 1,
    pieceLength: 16_384,
    pieces: 1,
    files: 1,
    isPrivate,
    trackers: [],
    addedAt: number,
  };
}

function catalogOf(...entries: readonly CatalogEntry[]): Catalog {
  const catalog = createCatalog();
  for (const one of entries) addEntry(catalog, one);
  return catalog;
}

/** Names found by the query after "?". */
function find(catalog: Catalog, query: string): string[] {
  const parsed = parseListQuery(query);
  if (!parsed.ok) throw new Error(parsed.error);
  return listEntries(catalog, parsed.value).entries.map(({ name }) => name);
}

Deno.test("the newest torrents are listed first", () => {
  const catalog = catalogOf(entry(1, "old"), entry(2, "middle"), entry(3, "new"));
  assertEquals(find(catalog, ""), ["new", "middle", "old"]);
});

Deno.test("a search finds names that contain all its words, in any case and order", () => {
  const catalog = catalogOf(entry(1, "Ubuntu 24.04 desktop.iso"), entry(2, "debian 12.iso"));
  assertEquals(find(catalog, "q=ISO"), ["debian 12.iso", "Ubuntu 24.04 desktop.iso"]);
  assertEquals(find(catalog, "q=desktop+ubuntu"), ["Ubuntu 24.04 desktop.iso"]);
  assertEquals(find(catalog, "q=desktop+debian"), []);
  assertEquals(find(catalog, "q=%EF%BC%A4ebian"), ["debian 12.iso"]);
});

Deno.test("a search for an info hash finds that torrent", () => {
  const catalog = catalogOf(entry(1, "one"), entry(2, "two"));
  assertEquals(find(catalog, `q=${hash(2).toUpperCase()}`), ["two"]);
});

Deno.test("an exact name finds all torrents with that name and no others", () => {
  const catalog = catalogOf(
    entry(1, "film"),
    entry(2, "film 2"),
    entry(3, "film"),
    entry(4, "Film"),
  );
  assertEquals(find(catalog, "name=film"), ["film", "film"]);
});

Deno.test("a private torrent is not listed and found only by its info hash", () => {
  const catalog = catalogOf(entry(1, "secret", true), entry(2, "open"));
  assertEquals(find(catalog, ""), ["open"]);
  assertEquals(find(catalog, "name=secret"), []);
  assertEquals(find(catalog, `q=${hash(1)}`), []);
  assertEquals(findEntry(catalog, hash(1))?.name, "secret");
});

Deno.test("the pages of a list together are the list", () => {
  fc.assert(fc.property(
    fc.array(fc.boolean(), { maxLength: 30 }),
    fc.integer({ min: 1, max: 7 }),
    (privates, limit) => {
      const catalog = catalogOf(...privates.map((isPrivate, i) => entry(i, `n${i}`, isPrivate)));
      const whole = find(catalog, "");
      const parts: string[] = [];
      for (let offset = 0; offset < privates.length; offset += limit) {
        const query = { name: undefined, text: "", offset, limit };
        const page = listEntries(catalog, query);
        assertEquals(page.total, whole.length);
        parts.push(...page.entries.map(({ name }) => name));
      }
      assertEquals(parts, whole);
    },
  ));
});

Deno.test("adding an existing torrent keeps its entry and position", () => {
  const catalog = catalogOf(entry(1, "first"), entry(2, "second"));
  addEntry(catalog, { ...entry(1, "again"), addedAt: 9 });
  assertEquals(find(catalog, ""), ["second", "first"]);
});

Deno.test("a removed torrent is gone", () => {
  const catalog = catalogOf(entry(1, "one"), entry(2, "two"));
  assertEquals(removeEntry(catalog, hash(1)), true);
  assertEquals(removeEntry(catalog, hash(1)), false);
  assertEquals(find(catalog, ""), ["two"]);
});

Deno.test("a full catalog refuses new torrents", () => {
  const catalog = createCatalog(1);
  assertEquals(isCatalogFull(catalog), false);
  addEntry(catalog, entry(1, "one"));
  assertEquals(isCatalogFull(catalog), true);
});

Deno.test("a list query is validated, and errors are described", () => {
  const defaults = { name: undefined, text: "", offset: 0, limit: LIST_LIMIT_DEFAULT };
  assertEquals(parseListQuery("unknown=1"), { ok: true, value: defaults });
  for (
    const bad of [
      `q=${"x".repeat(SEARCH_LENGTH_MAX + 1)}`,
      "offset=-1",
      "offset=9999999999",
      `limit=${LIST_LIMIT_MAX + 1}`,
      "limit=",
      "limit=1e3",
    ]
  ) {
    assertEquals(parseListQuery(bad).ok, false, bad);
  }
});

Deno.test("hybrids are found by each of their hashes, complete or truncated", () => {
  const v2 = infoHashV2FromHex("cd".repeat(32))!;
  const cut = truncatedInfoHash(v2);
  const only = infoHashV2FromHex("ef".repeat(32))!;
  const catalog = catalogOf(
    { ...entry(1, "hybrid"), infoHashV2: v2 },
    { ...entry(2, "v2"), infoHash: truncatedInfoHash(only), infoHashV2: only },
    entry(3, "v1"),
  );
  assertEquals(findEntry(catalog, cut)?.name, "hybrid");
  assertEquals(findEntry(catalog, hash(1))?.name, "hybrid");
  for (const text of [v2, cut, hash(1)]) assertEquals(find(catalog, `q=${text}`), ["hybrid"]);
  assertEquals(find(catalog, `q=${only}`), ["v2"]);
  assertEquals(infoHashesOf(catalog), [hash(1), cut, truncatedInfoHash(only), hash(3)]);
  assertEquals(identityOf({ ...entry(1, "hybrid"), infoHashV2: v2 }), { v1: hash(1), v2 });
  removeEntry(catalog, hash(1));
  assertEquals([findEntry(catalog, cut), findEntry(catalog, hash(1))], [undefined, undefined]);
});

/** What `catalogEntry` reads of a torrent. */
function torrentOf(files: readonly [length: number, pad: boolean][], tiers: string[][] = []) {
  return {
    infoHash: hash(1),
    identity: { v1: hash(1), v2: undefined },
    name: "name",
    geometry: { pieceLength: 32_768, pieceCount: 3 },
    isPrivate: true,
    files: files.map(([length, pad]) => ({ length, pad })),
    announceTiers: tiers,
  } as unknown as Metainfo;
}

Deno.test("an entry has the size and number of a torrent's files, padding left out", () => {
  const { bytes, files, pieceLength, pieces, isPrivate, addedAt } = catalogEntry(
    torrentOf([[100, false], [28, true], [7, false]]),
    9,
  );
  assertEquals([bytes, files, pieceLength, pieces, isPrivate, addedAt], [
    107,
    2,
    32_768,
    3,
    true,
    9,
  ]);
  assertEquals(catalogEntry(torrentOf([]), 9).bytes, 0);
});

Deno.test("an entry lists some trackers, none of them too long", () => {
  const url = (length: number) => "http://t/".padEnd(length, "a");
  const listed = (...tiers: string[][]) => catalogEntry(torrentOf([], tiers), 0).trackers;
  assertEquals(listed(["a", "b"], ["c"]), ["a", "b", "c"]);
  const longest = Array.from({ length: 4_000 }, (_, length) => url(length + 20))
    .findLastIndex((text) => listed([text]).length === 1) + 20;
  assertEquals(listed([url(longest + 1), url(longest)]), [url(longest)]);
  const many = Array.from({ length: 1_000 }, (_, i) => `http://${i}/`);
  const all = listed(many);
  assertEquals(all, many.slice(0, all.length));
  assertEquals(all.length > 1 && all.length < 1_000, true);
});

Deno.test("a hybrid that was removed is found by neither hash, and its v2 hash may be used again", () => {
  const v2 = infoHashV2FromHex("5c".repeat(32))!;
  const catalog = catalogOf({ ...entry(1, "hybrid"), infoHashV2: v2 });
  assertEquals(findEntry(catalog, truncatedInfoHash(v2))?.name, "hybrid");
  removeEntry(catalog, hash(1));
  assertEquals(catalog.keysByV2.size, 0);
  addEntry(catalog, { ...entry(1, "v1 only") });
  assertEquals(findEntry(catalog, truncatedInfoHash(v2)), undefined);
});

Deno.test("texts and counts of a query have limits that they may reach", () => {
  const isRead = (query: string) => parseListQuery(query).ok;
  assertEquals(isRead(`q=${"a".repeat(SEARCH_LENGTH_MAX)}`), true);
  assertEquals(isRead(`q=${"a".repeat(SEARCH_LENGTH_MAX + 1)}`), false);
  assertEquals([isRead(`limit=${LIST_LIMIT_MAX}`), isRead(`limit=${LIST_LIMIT_MAX + 1}`)], [
    ...[true, false],
  ]);
});
