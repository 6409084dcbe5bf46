import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  formatMagnet,
  isMagnet,
  isSelected,
  type Magnet,
  MAGNET_LENGTH_MAX,
  parseMagnet,
  parsePeerAddress,
} from "../../../core/metainfo/magnet.ts";
import { URLS_MAX } from "../../../core/metainfo/announce_urls.ts";
import type { InfoHashV2 } from "../../../core/metainfo/identity.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import { formatIp } from "../../../core/bytes/ip.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const HASH = "d0d14c926e6e99761a2fdcff27b403d96376eff6" as InfoHash;
const HASH_V2 = "aa".repeat(32) as InfoHashV2;
const NOTHING = {
  identity: { v1: HASH, v2: undefined },
  name: undefined,
  trackers: [],
  webSeeds: [],
  peers: [],
  selectOnly: undefined,
};

const read = (text: string): Magnet => {
  const parsed = parseMagnet(text);
  if (!parsed.ok) throw new Error(`${text}: ${JSON.stringify(parsed.error)}`);
  return parsed.value;
};
const errorOf = (text: string) => {
  const parsed = parseMagnet(text);
  return parsed.ok ? undefined : parsed.error.code;
};

Deno.test("a link needs only an info hash, in hexadecimal of either case or base32", () => {
  assertEquals<unknown>(read(`magnet:?xt=urn:btih:${HASH}`), NOTHING);
  assertEquals<unknown>(read(` MAGNET:?xt=URN:BTIH:${HASH.toUpperCase()}\n`), NOTHING);
  // The value from a reference implementation of RFC 4648.
  assertEquals<unknown>(read("magnet:?xt=urn:btih:2DIUZETON2MXMGRP3T7SPNAD3FRXN37W"), NOTHING);
  assertEquals<unknown>(read("magnet:?xt=urn:btih:2diuzeton2mxmgrp3t7spnad3frxn37w"), NOTHING);
});

Deno.test("all parameters are parsed, percent-encoded or numbered, in any order", () => {
  const magnet = read(
    `magnet:?dn=Leaves+of%20Grass%2B&tr.1=udp%3A%2F%2Ft.example%3A1337&tr.2=http://b.example/announce` +
      `&ws=https%3A%2F%2Fweb.example%2Ff&x.pe=127.0.0.1:6881&x.pe=%5B2001%3Adb8%3A%3A1%5D%3A1` +
      `&so=6-8,0,2,7-9,3&xt.1=urn:btih:${HASH}&xt.2=urn:btmh:1220${HASH_V2}&xl=5&unknown`,
  );
  assertEquals(magnet, {
    identity: { v1: HASH, v2: HASH_V2 },
    name: "Leaves of Grass+",
    trackers: ["udp://t.example:1337", "http://b.example/announce"],
    webSeeds: ["https://web.example/f"],
    peers: [{ ip: "127.0.0.1", port: 6881 }, { ip: "2001:db8::1", port: 1 }],
    selectOnly: [{ first: 0, last: 0 }, { first: 2, last: 3 }, { first: 6, last: 9 }],
  });
  assertEquals([0, 1, 2, 5, 9].map((i) => isSelected(magnet.selectOnly, i)), [
    true,
    false,
    true,
    false,
    true,
  ]);
  assert(isSelected(undefined, 12));
});

Deno.test("links copied from HTML or with topics of other networks are parsed", () => {
  assertEquals(
    read(`magnet:?xt=urn:ed2k:31D6CFE0&amp;xt=urn:btih:${HASH}&amp;dn=a`).name,
    "a",
  );
});

Deno.test("unusable parameters are ignored, and control characters in names are replaced", () => {
  const magnet = read(
    `magnet:?xt=urn:btih:${HASH}&tr=javascript:1&tr=%zz&ws=ftp://a/b&x.pe=host.example:1` +
      `&x.pe=1.2.3.4:0&x.pe=1.2.3.4:70000&dn=a%1b%5B2Jb`,
  );
  assertEquals<unknown>(magnet, { ...NOTHING, name: "a[2Jb" });
  const many = Array.from(
    { length: 500 },
    (_, i) => `&tr=http://t${i}.example/&x.pe=1.2.3.4:${i + 1}`,
  );
  const flooded = read(`magnet:?xt=urn:btih:${HASH}${many.join("")}`);
  assertEquals([flooded.trackers.length, flooded.peers.length], [URLS_MAX, 100]);
});

Deno.test("invalid links are refused with a reason", () => {
  assertEquals(errorOf("http://a/"), "not-a-magnet");
  assertEquals(errorOf("magnet:"), "not-a-magnet");
  assertEquals(errorOf("magnet:?"), "info-hash-missing");
  assertEquals(errorOf("magnet:?xt=urn:sha1:AA"), "info-hash-missing");
  assertEquals(errorOf("magnet:?xt=urn:btih:12"), "info-hash-invalid");
  assertEquals(
    errorOf("magnet:?xt=urn:btih:2DIUZETON2MXMGRP3T7SPNAD3FRXN31!"),
    "info-hash-invalid",
  );
  assertEquals(errorOf(`magnet:?xt=urn:btmh:1320${HASH_V2}`), "info-hash-invalid");
  const other = HASH.replace("d", "e");
  assertEquals(errorOf(`magnet:?xt=urn:btih:${HASH}&xt=urn:btih:${other}`), "info-hash-conflict");
  assertEquals(errorOf(`magnet:?xt=urn:btih:${HASH}&xt=urn:btih:${HASH}`), undefined);
  for (const so of ["", "-1", "3-1", "1,,2", "a", "99999999999"]) {
    assertEquals(errorOf(`magnet:?xt=urn:btih:${HASH}&so=${so}`), "select-only-invalid");
  }
  assertEquals(errorOf(`magnet:?xt=urn:btih:${"x".repeat(MAGNET_LENGTH_MAX)}`), "magnet-too-long");
  const refused = parseMagnet("y".repeat(5_000));
  assert(!refused.ok && refused.error.found.length === 100);
});

Deno.test("peer addresses are IP addresses with a port", () => {
  assertEquals(parsePeerAddress("[::1]:5"), { ip: "::1", port: 5 });
  for (const text of ["::1:5", "1.2.3.4", "[1.2.3]:4", "a:1", "1.2.3.4:", "01.2.3.4:5"]) {
    assertEquals(parsePeerAddress(text), undefined, text);
  }
});

const hex = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => toHex(value));
const anyMagnet: fc.Arbitrary<Magnet> = fc.record({
  identity: fc.record({
    v1: fc.option(hex(20) as fc.Arbitrary<InfoHash>, { nil: undefined }),
    v2: hex(32) as fc.Arbitrary<InfoHashV2>,
  }),
  name: fc.option(fc.stringMatching(/^[!-~é漢&=+%#]{1,40}$/), { nil: undefined }),
  trackers: fc.uniqueArray(fc.webUrl({ withQueryParameters: true }), { maxLength: 4 }),
  webSeeds: fc.uniqueArray(fc.webUrl({ withFragments: true }), { maxLength: 4 }),
  peers: fc.uniqueArray(
    fc.record({
      ip: fc.oneof(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
      ).map(formatIp),
      port: fc.integer({ min: 1, max: 65_535 }),
    }),
    { selector: (peer) => `${peer.ip} ${peer.port}`, maxLength: 4 },
  ),
  selectOnly: fc.option(
    fc.uniqueArray(fc.nat(1_000), { minLength: 1, maxLength: 5 }).map((starts) =>
      starts.sort((a, b) => a - b).map((at) => ({ first: 3 * at, last: 3 * at + 1 }))
    ),
    { nil: undefined },
  ),
});

Deno.test("formatting and parsing round-trips any link", () => {
  fc.assert(
    fc.property(anyMagnet, (magnet) => {
      const text = formatMagnet(magnet);
      assert(isMagnet(text));
      assertEquals(read(text), magnet);
    }),
    fuzzParameters,
  );
});

Deno.test("any text is parsed or refused", () => {
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom("xt=", "urn:btih:", HASH, "&", "so=", "x.pe=", "tr=", "%", "1-2", ",", "dn="),
      fc.string({ maxLength: 8 }),
    ),
    { maxLength: 20 },
  );
  fc.assert(
    fc.property(pieces, (parts) => {
      const parsed = parseMagnet(`magnet:?${parts.join("")}`);
      if (parsed.ok) assertEquals(read(formatMagnet(parsed.value)), parsed.value);
      else assert(parsed.error.found.length <= 100);
    }),
    fuzzParameters,
  );
});

Deno.test("links keep to their limits, and values that cannot be unescaped stay as they are", () => {
  const link = (length: number) => {
    const start = `magnet:?xt=urn:btih:${HASH}&x=`;
    return start + "y".repeat(length - start.length);
  };
  assertEquals(errorOf(link(MAGNET_LENGTH_MAX)), undefined);
  assertEquals(errorOf(link(MAGNET_LENGTH_MAX + 1)), "magnet-too-long");
  assertEquals(errorOf(`magnet:?xt=${HASH}%`), "info-hash-missing");
  assertEquals(read(`magnet:?xt=urn:btih:${HASH}&=x&a&x.pe=%zz`).peers, []);
  const both = `xt=urn:btmh:1220${HASH_V2}`;
  assertEquals(read(`magnet:?${both}&${both}`).identity, { v1: undefined, v2: HASH_V2 });
  assertEquals(errorOf(`magnet:?${both}&xt=urn:btmh:1220${"bb".repeat(32)}`), "info-hash-conflict");
});

Deno.test("the ports of peers are 1 to 65535", () => {
  const port = (text: string) => parsePeerAddress(`192.0.2.1:${text}`)?.port;
  assertEquals(["0", "1", "65535", "65536"].map(port), [undefined, 1, 65_535, undefined]);
});

Deno.test("base32 is read bit by bit", () => {
  // RFC 4648: five bits a letter, the first one the highest.
  const hash = read(`magnet:?xt=urn:btih:${"AE".repeat(16)}`).identity.v1!;
  const bits = "0000000100".repeat(16);
  const bytes = bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2).toString(16).padStart(2, "0"));
  assertEquals<string>(hash, bytes.join(""));
  assertEquals<string>(read(`magnet:?xt=urn:btih:${"7".repeat(32)}`).identity.v1!, "ff".repeat(20));
});
