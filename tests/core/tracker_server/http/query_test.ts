import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import { fromHex } from "../../../../core/bytes/hex.ts";
import { fail, ok, type Result } from "../../../../core/bytes/result.ts";
import { infoHashFromBytes } from "../../../../core/metainfo/info_hash.ts";
import { buildAnnounceUrl } from "../../../../core/tracker/http_codec.ts";
import { percentEncode } from "../../../../core/tracker/percent.ts";
import {
  createHttpAnnounceQuery,
  type HttpAnnounceQuery,
  QUERY_LENGTH_MAX,
  readAnnounceQuery,
  readScrapeQuery,
  SCRAPE_HASHES_MAX,
} from "../../../../core/tracker_server/http/query.ts";
import { NUM_WANT_MAX } from "../../../../core/tracker_server/types.ts";
import { errorOf, valueOf } from "../../tracker/unwrap.ts";

const HASH_TEXT = "%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A";
const HASH = fromHex("123456789abcdef123456789abcdef123456789a")!;
const SANE: Record<string, string> = {
  info_hash: HASH_TEXT,
  peer_id: "-tt0100-abcdefghijkl",
  port: "6881",
  uploaded: "0",
  downloaded: "0",
  left: "5",
};

/** The bytes of `text` within others, as they are in a buffer. */
function embed(text: string): [bytes: Uint8Array, start: number, end: number] {
  const bytes = new TextEncoder().encode(`GET /?${text} HTTP/1.1&port=1`);
  return [bytes, 6, 6 + new TextEncoder().encode(text).length];
}

function parseAnnounceQuery(text: string): Result<HttpAnnounceQuery, string> {
  const query = createHttpAnnounceQuery();
  const problem = readAnnounceQuery(...embed(text), query);
  return problem === undefined ? ok(query) : fail(problem);
}

function parseScrapeQuery(text: string): Result<Uint8Array[], string> {
  return readScrapeQuery(...embed(text));
}

/** A valid query with some values replaced, or omitted where undefined. */
function queryWith(changes: Record<string, string | undefined> = {}): string {
  return Object.entries({ ...SANE, ...changes })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`).join("&");
}

function refusal(changes: Record<string, string | undefined>): string {
  return errorOf(parseAnnounceQuery(queryWith(changes)));
}

Deno.test("a minimal announce is parsed, with defaults", () => {
  assertEquals(valueOf(parseAnnounceQuery(queryWith())), {
    infoHash: HASH,
    peerId: new TextEncoder().encode("-tt0100-abcdefghijkl"),
    ip: new Uint8Array(0),
    port: 6881,
    isComplete: false,
    event: undefined,
    numWant: 50,
    wantsBothFamilies: true,
    wantsPeerIds: false,
    isCompact: true,
    claimedIp: undefined,
  });
});

Deno.test("optional parameters of an announce are parsed", () => {
  const query = valueOf(parseAnnounceQuery(queryWith({
    left: "0",
    event: "completed",
    numwant: "7",
    key: "0badcafe",
    ip: "192.0.2.1",
    compact: "0",
    no_peer_id: "1",
    supportcrypto: "1",
    odd: "%zz",
  })));
  assertEquals(
    [query.isComplete, query.event, query.numWant, query.claimedIp],
    [true, "completed", 7, "192.0.2.1"],
  );
  assertEquals([query.isCompact, query.wantsPeerIds], [false, false]);
});

Deno.test("announces of our client round-trip, for any bytes", () => {
  const twenty = fc.uint8Array({ minLength: 20, maxLength: 20 });
  fc.assert(fc.property(twenty, twenty, fc.nat(2 ** 32 - 1), (hash, peerId, key) => {
    const url = buildAnnounceUrl("http://t/announce", {
      infoHash: infoHashFromBytes(hash),
      peerId,
      port: 1,
      uploaded: 1,
      downloaded: Number.MAX_SAFE_INTEGER,
      left: 0,
      event: "started",
      numWant: 9,
      key,
      trackerId: undefined,
    });
    const query = valueOf(parseAnnounceQuery(url.split("?")[1]!));
    assertEquals([query.infoHash, query.peerId], [hash, peerId]);
    assertEquals([query.event, query.isComplete, query.numWant], ["started", true, 9]);
  }));
});

Deno.test("missing required parameters are named", () => {
  for (const name of ["info_hash", "peer_id", "port", "left"]) {
    assertEquals(refusal({ [name]: undefined }), `${name} is missing`);
  }
  assertEquals(errorOf(parseAnnounceQuery("")), "info_hash is missing");
  valueOf(parseAnnounceQuery(queryWith({ uploaded: undefined, downloaded: undefined })));
});

Deno.test("hashes and peer IDs of other sizes than 20 bytes are refused", () => {
  for (const name of ["info_hash", "peer_id"]) {
    for (const size of [0, 19, 21, 40]) {
      assertEquals(
        refusal({ [name]: "%00".repeat(size) }),
        `${name} must be 20 bytes, not ${size}`,
      );
    }
  }
});

Deno.test("invalid escapes are refused", () => {
  for (const value of ["%", "%1", "%zz", "a%", "\u00e9"]) {
    assertMatch(refusal({ info_hash: value }), /^info_hash is not escaped properly/);
    assertMatch(refusal({ port: value }), /^port (is not escaped properly|must be a number)/);
  }
});

Deno.test("of a repeated parameter the first one counts", () => {
  const once = valueOf(parseAnnounceQuery(queryWith()));
  for (const name of Object.keys(SANE)) {
    for (const again of [SANE[name], "1", "%zz", ""]) {
      const repeated = `${queryWith()}&${name}=${again}`;
      assertEquals(valueOf(parseAnnounceQuery(repeated)), once);
    }
  }
});

Deno.test("a negative count means unknown", () => {
  const negative = valueOf(parseAnnounceQuery(queryWith({ left: "-1", numwant: "-1" })));
  assertEquals([negative.isComplete, negative.numWant], [false, 50]);
  assertEquals(valueOf(parseAnnounceQuery(queryWith({ left: "-0" }))).isComplete, false);
  assertMatch(refusal({ port: "-1" }), /^port must be a number/);
});

Deno.test("a stopped announce needs neither port nor left", () => {
  const stopped = { event: "stopped", left: undefined, port: undefined };
  const query = valueOf(parseAnnounceQuery(queryWith(stopped)));
  assertEquals([query.event, query.port, query.isComplete], ["stopped", 0, false]);
  assertEquals(refusal({ ...stopped, event: "started" }), "port is missing");
  assertEquals(refusal({ ...stopped, peer_id: undefined }), "peer_id is missing");
});

Deno.test("invalid and enormous numbers are refused", () => {
  for (const name of ["port", "left", "uploaded", "downloaded", "numwant"]) {
    for (const value of ["", "-", "--1", "-x", "1.5", "1e3", "0x1", "many", "9".repeat(21), "+1"]) {
      assertMatch(refusal({ [name]: value }), new RegExp(`^${name} must be a number`));
    }
  }
  const largest = valueOf(parseAnnounceQuery(queryWith({ left: "18446744073709551615" })));
  assertEquals(largest.isComplete, false, "some clients send this for a size they don't know");
});

Deno.test("port 0 and ports above 65535 are refused", () => {
  for (const port of ["0", "00", "65536", "99999"]) {
    assertEquals(refusal({ port }), "port must be a number from 1 to 65535");
  }
  assertEquals(valueOf(parseAnnounceQuery(queryWith({ port: "65535" }))).port, 65_535);
});

Deno.test("a reused query object keeps nothing of the previous announce", () => {
  const query = createHttpAnnounceQuery();
  const full = queryWith({ event: "stopped", numwant: "3", compact: "0", ip: "192.0.2.1" });
  assertEquals(readAnnounceQuery(...embed(full), query), undefined);
  assertEquals(query.wantsPeerIds, true);
  assertEquals(readAnnounceQuery(...embed(queryWith()), query), undefined);
  assertEquals(query, valueOf(parseAnnounceQuery(queryWith())));
});

Deno.test("escaped digits are parsed, and numwant is capped", () => {
  const query = valueOf(parseAnnounceQuery(queryWith({ port: "%36881", numwant: "100000" })));
  assertEquals([query.port, query.numWant], [6881, NUM_WANT_MAX]);
  assertMatch(refusal({ port: "%2536" }), /^port must be a number/);
});

Deno.test("an unknown event counts as none", () => {
  for (const event of ["pausing", "", "none", "STARTED"]) {
    assertEquals(valueOf(parseAnnounceQuery(queryWith({ event }))).event, undefined);
  }
});

Deno.test("a query that is too long is refused, whichever part is long", () => {
  valueOf(parseAnnounceQuery(queryWith({ key: "k".repeat(1_000) })));
  assertMatch(refusal({ padding: "x".repeat(QUERY_LENGTH_MAX) }), /^The query is longer/);
  assertMatch(errorOf(parseScrapeQuery("x".repeat(QUERY_LENGTH_MAX + 1))), /^The query is longer/);
});

Deno.test("a scrape contains one or many info hashes", () => {
  const query = `info_hash=${HASH_TEXT}&x&info_hash=${percentEncode(new Uint8Array(20))}`;
  assertEquals(valueOf(parseScrapeQuery(query)), [HASH, new Uint8Array(20)]);
  const most = Array(SCRAPE_HASHES_MAX).fill(`info_hash=${"%AB".repeat(20)}`).join("&");
  assertEquals(valueOf(parseScrapeQuery(most)).length, SCRAPE_HASHES_MAX);
});

Deno.test("a scrape with invalid or too many hashes is refused", () => {
  assertMatch(errorOf(parseScrapeQuery("info_hash=abc")), /must be 20 bytes, not 3/);
  assertMatch(errorOf(parseScrapeQuery("info_hash=%")), /not escaped properly/);
  const many = Array(SCRAPE_HASHES_MAX + 1).fill(`info_hash=${HASH_TEXT}`).join("&");
  assertMatch(errorOf(parseScrapeQuery(many)), /may name 74 info hashes and no more/);
});

Deno.test("no query makes the parser throw", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom(...Object.keys(SANE), "=", "&", "%", HASH_TEXT),
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    const query = pieces.join("");
    const announce = parseAnnounceQuery(query);
    assert(announce.ok || announce.error.length > 0);
    parseScrapeQuery(query);
    parseAnnounceQuery(`${queryWith()}&${query}`);
  }));
});

Deno.test("a query that is used again keeps nothing of the announce before", () => {
  const query = createHttpAnnounceQuery();
  const fill = (changes: Record<string, string | undefined>) => {
    const problem = readAnnounceQuery(...embed(queryWith(changes)), query);
    const { port, isComplete, event, numWant, wantsPeerIds, isCompact, claimedIp } = query;
    return [problem, port, isComplete, event, numWant, wantsPeerIds, isCompact, claimedIp];
  };
  const all = {
    ...{ left: "0", event: "started", numwant: "7", compact: "0", ip: "192.0.2.1", port: "80" },
  };
  assertEquals(fill(all), [undefined, 80, true, "started", 7, true, false, "192.0.2.1"]);
  assertEquals(fill({ event: "stopped", port: undefined, left: undefined }), [
    ...[undefined, 0, false, "stopped", 50, false, true, undefined],
  ]);
  const { isComplete, wantsPeerIds, isCompact, numWant } = createHttpAnnounceQuery();
  assertEquals([isComplete, wantsPeerIds, isCompact, numWant], [false, false, true, 50]);
});

Deno.test("a query may have its greatest length, wherever in the buffer it stands", () => {
  const text = queryWith();
  const padded = (length: number) => `${text}&x=`.padEnd(length, "y");
  for (const before of [0, 5, QUERY_LENGTH_MAX]) {
    const isRead = (length: number) => {
      const bytes = new TextEncoder().encode("z".repeat(before) + padded(length));
      return readAnnounceQuery(bytes, before, bytes.length, createHttpAnnounceQuery()) ===
        undefined;
    };
    assertEquals([isRead(QUERY_LENGTH_MAX), isRead(QUERY_LENGTH_MAX + 1)], [true, false]);
    const scraped = (length: number) => {
      const bytes = new TextEncoder().encode("z".repeat(before) + "x".repeat(length));
      return readScrapeQuery(bytes, before, bytes.length).ok;
    };
    assertEquals([scraped(QUERY_LENGTH_MAX), scraped(QUERY_LENGTH_MAX + 1)], [true, false]);
  }
});

Deno.test("escapes have two hexadecimal digits, in any case", () => {
  const hash = (text: string) => parseAnnounceQuery(queryWith({ info_hash: text }));
  const twenty = (first: string) => first + "a".repeat(19);
  for (
    const [text, byte] of [["%7e", 0x7e], ["%7E", 0x7e], ["%0f", 15], ["%F0", 0xf0], [
      "+",
      0x20,
    ]] as const
  ) {
    assertEquals(valueOf(hash(twenty(text))).infoHash[0], byte, text);
  }
  for (const text of ["%g0", "%0g", "%", "%1", "% 1", "%-1"]) {
    assertEquals(hash("a".repeat(19) + text).ok, false, text);
  }
});

Deno.test("text parameters may hold all of ASCII, as it is or escaped, and nothing else", () => {
  const claimed = (text: string) => {
    const parsed = parseAnnounceQuery(queryWith({ ip: text }));
    return parsed.ok ? parsed.value.claimedIp : undefined;
  };
  assertEquals([claimed("a\x7fb"), claimed("a%7Fb"), claimed("a%41b")], [
    "a\x7fb",
    "a\x7fb",
    "aAb",
  ]);
  assertEquals([claimed("a%4"), claimed("a%"), claimed("a%4g"), claimed("a%g4")], [
    ...[undefined, undefined, undefined, undefined],
  ]);
  assertEquals(claimed("aéb"), undefined);
});

Deno.test("an escape ends within its value, whatever stands behind that in the buffer", () => {
  const query = createHttpAnnounceQuery();
  const read = (value: string, behind: string) => {
    const text = `${queryWith()}&ip=${value}`;
    const bytes = new TextEncoder().encode(text + behind);
    return [readAnnounceQuery(bytes, 0, text.length, query) === undefined, query.claimedIp];
  };
  assertEquals(read("%41", "1"), [true, "A"]);
  for (const value of ["%4", "%"]) assertEquals(read(value, "1111"), read(value, "&&&&"), value);
  const hash = (value: string, behind: string) => {
    const { info_hash: _, ...rest } = SANE;
    const others = Object.entries(rest).map(([name, other]) => `${name}=${other}`).join("&");
    const text = `${others}&info_hash=${value}`;
    const bytes = new TextEncoder().encode(text + behind);
    return readAnnounceQuery(bytes, 0, text.length, query) === undefined;
  };
  assertEquals([hash("a".repeat(19) + "%41", "1"), hash("a".repeat(19) + "%4", "1")], [
    true,
    false,
  ]);
});
