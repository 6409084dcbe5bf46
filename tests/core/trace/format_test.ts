/** Rows round-trip; lines that are not rows are rejected. */
import { assertEquals, assertMatch } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createFullBitfield } from "../../../core/bytes/bitfield.ts";
import { createGeometry } from "../../../core/metainfo/geometry.ts";
import type { Event } from "../../../core/torrent/protocol.ts";
import { PSEUDONYM_INFO_HASH } from "../../../core/trace/pseudonyms.ts";
import type { RecordedOptions } from "../../../core/trace/protocol_shapes.ts";
import { formatHash, hashValue, NO_EFFECTS } from "../../../core/bytes/value_hash.ts";
import {
  decodeHeader,
  decodeRow,
  describeTraceError,
  encodeHeader,
  encodeRow,
  type Row,
} from "../../../core/trace/format.ts";

const OPTIONS: RecordedOptions = {
  infoHash: PSEUDONYM_INFO_HASH,
  geometry: createGeometry(100_000, 32_768),
  peerId: new Uint8Array(20).fill(7),
  port: 1,
  clientName: "tt test",
  announceTiers: [["http://tracker-1.invalid/announce"]],
  isPrivate: false,
  have: createFullBitfield(4),
  uploadedBefore: 5,
  downloadedBefore: 6,
  waivedBefore: true,
  shareRule: { percent: 12.5, strict: true },
  seedRatio: 1.5,
  seedTimeMs: undefined,
  seed: 0xffff_ffff,
};

const bytes = fc.uint8Array({ maxLength: 40 });
const count = fc.nat();
const address = fc.record({ ip: fc.ipV4(), port: fc.integer({ min: 1, max: 65_535 }) });
const event: fc.Arbitrary<Event> = fc.oneof(
  fc.constantFrom<Event>({ kind: "start" }, { kind: "timer" }, { kind: "stop" }),
  fc.record({
    kind: fc.constant("peers-found" as const),
    addresses: fc.array(address),
    source: fc.constantFrom("user" as const, "tracker" as const, "dht" as const),
  }),
  fc.record({
    kind: fc.constant("connected" as const),
    peer: count,
    job: fc.option(count, { nil: undefined }),
    address,
    peerId: fc.uint8Array({ minLength: 20, maxLength: 20 }),
    features: fc.record({ fast: fc.boolean(), extended: fc.boolean(), dht: fc.boolean() }),
  }),
  fc.record({
    kind: fc.constant("message" as const),
    peer: count,
    message: fc.oneof(
      fc.record({ kind: fc.constant("bitfield" as const), bits: bytes }),
      fc.record({ kind: fc.constant("extended" as const), id: count, payload: bytes }),
      fc.record({
        kind: fc.constantFrom("request" as const, "cancel" as const, "reject" as const),
        piece: count,
        begin: count,
        length: count,
      }),
    ),
  }),
  fc.record({ kind: fc.constant("violated" as const), peer: count, why: fc.string() }),
);
const row: fc.Arbitrary<Row> = fc.oneof(
  fc.double({ min: 0, max: 1e12, noNaN: true }).map((at): Row => ({ kind: "time", at })),
  fc.tuple(count, count, count, count).map(([peer, piece, begin, length]): Row => {
    return { kind: "block", peer, piece, begin, length };
  }),
  event.map((event): Row => ({ kind: "event", event })),
  fc.nat(0xffff_ffff).map((hash): Row => ({ kind: "settle", hash: formatHash(hash) })),
  fc.constant<Row>({ kind: "end" }),
);

Deno.test("rows round-trip, one per line", () => {
  fc.assert(fc.property(row, (row) => {
    const line = encodeRow(row);
    assertEquals(line.includes("\n"), false);
    assertEquals(strip(decodeRow(line)), strip(row));
  }));
});

Deno.test("the header round-trips", () => {
  const header = decodeHeader(encodeHeader({ at: 0.1, options: OPTIONS }));
  assertEquals(strip(header.ok && header.value), strip({ at: 0.1, options: OPTIONS }));
});

Deno.test("an invalid line is refused: damaged, of a wrong type, or missing a field", () => {
  for (
    const line of [
      ...["", "{", "null", "true", "[1,2,3]", "[1,2,3,4,5]", "[1,2,3,-4]", "[1,2,3,0.5]"],
      ...['["1",2,3,4]', '"abcdefgh"', '"ABCDEF01"', '"End"', "{}", '{"kind":"party"}', "1e999"],
      ...['{"kind":"message","peer":1}', '{"kind":"piece-checked","job":1,"matches":"yes"}'],
      ...['{"kind":"constructor"}', '{"kind":"message","peer":1,"message":{"kind":"have"}}'],
      '{"kind":"message","peer":1,"message":{"kind":"bitfield","bits":{"hex":"0"}}}',
      '{"kind":"announced","job":1,"result":{"ok":true}}',
      '{"kind":"announced","job":1,"result":{"ok":false,"error":{"code":"odd","message":""}}}',
      '{"kind":"peers-found","addresses":[{"ip":1,"port":1}]}',
    ]
  ) assertEquals(decodeRow(line), undefined, line);
});

Deno.test("a truncated or modified line gives a row or none, and never an exception", () => {
  fc.assert(fc.property(row, fc.nat(), fc.string({ maxLength: 3 }), (row, at, noise) => {
    const line = encodeRow(row);
    const cut = at % (line.length + 1);
    decodeRow(line.slice(0, cut) + noise + line.slice(cut + 1));
    decodeHeader(line.slice(0, cut));
  }));
});

Deno.test("a wrong, unsupported or inconsistent header is refused", () => {
  const codeOf = (line: string) => {
    const header = decodeHeader(line);
    return header.ok ? "ok" : header.error.code;
  };
  const line = encodeHeader({ at: 1, options: OPTIONS });
  assertEquals(codeOf(line), "ok");
  for (const other of ["", "d8:announce", "{}", "[]", '{"tt":"torrent"}']) {
    assertEquals(codeOf(other), "not-a-trace", other);
  }
  assertEquals(codeOf(line.replace('"version":2', '"version":1')), "trace-version");
  const wrong: [string, string][] = [
    ['"pieceCount":4', '"pieceCount":5'],
    ['"count":4', '"count":3'],
    ['"totalSize":100000', '"totalSize":0'],
    ['"pieceLength":32768', '"pieceLength":0'],
    ['"pieceLength":32768', '"pieceLength":1e300'],
    ['{"hex":"f0"}', '{"hex":"ff"}'],
    ['{"hex":"f0"}', '"f0"'],
    [PSEUDONYM_INFO_HASH, "abc"],
    ['"strict":true', '"strict":1'],
    ['"at":1', '"at":"1"'],
  ];
  for (const [from, to] of wrong) {
    assertEquals(line.includes(from), true, from);
    assertEquals(codeOf(line.replace(from, to)), "trace-row", `${from} to ${to}`);
  }
});

Deno.test("a trace error says what to do", () => {
  assertMatch(describeTraceError({ code: "not-a-trace" }), /make one with/);
  assertMatch(describeTraceError({ code: "trace-version", version: 9 }), /version is 9/);
  assertMatch(describeTraceError({ code: "trace-row", line: 12 }), /line 12/);
});

Deno.test("the hash distinguishes values and ignores the order of fields", () => {
  const hash = (...values: unknown[]) => values.reduce<number>(hashValue, NO_EFFECTS);
  const values = [
    ...[0, 1, -1, 0.5, 2 ** 32, "", "1", "a", true, false, [], [0], [[0]], [0, 0], {}, { a: 1 }],
    ...[{ b: 1 }, { a: [1] }, { a: "1" }, new Uint8Array(0), new Uint8Array(1)],
  ];
  assertEquals(new Set(values.map((value) => hash(value))).size, values.length);
  assertEquals(hash({ a: 1, b: 2 }), hash({ b: 2, a: 1, c: undefined }));
  assertEquals(hash(1, 2) === hash(2, 1), false);
  fc.assert(fc.property(fc.array(fc.nat()), fc.nat(), fc.nat(31), (list, at, bit) => {
    fc.pre(list.length > 0);
    const changed = list.map((item, i) => i === at % list.length ? (item ^ (1 << bit)) : item);
    assertEquals(hash(list) === hash(changed), false);
  }));
});

/** Without undefined fields: JSON has none. */
function strip(value: unknown): unknown {
  const plain = (_: string, item: unknown) => item instanceof Uint8Array ? [...item] : item;
  return JSON.parse(JSON.stringify(value, plain));
}

Deno.test("a header whose sizes and counts contradict each other is refused, at the edges too", () => {
  const MIB = 1024 * 1024;
  const geometry = (totalSize: number, pieceLength: number) => ({
    ...createGeometry(totalSize, pieceLength),
  });
  const isRead = (about: Partial<RecordedOptions>) =>
    decodeHeader(encodeHeader({ at: 0, options: { ...OPTIONS, ...about } })).ok;
  const have = (count: number) => createFullBitfield(count);
  const plain = { geometry: geometry(100_000, 32_768), have: have(4) };
  assertEquals(isRead(plain), true);
  assertEquals(isRead({ ...plain, geometry: undefined }), false);
  assertEquals(isRead({ ...plain, have: undefined }), false);
  assertEquals(isRead({ geometry: undefined, have: undefined }), true);
  assertEquals(isRead({ ...plain, have: have(5) }), false);
  assertEquals(isRead({ ...plain, have: { bytes: Uint8Array.of(0xff), count: 4 } }), false);
  for (const [length, expected] of [[4, true], [3, false], [5, false], [0, false]] as const) {
    assertEquals(isRead({ ...plain, priorities: new Uint8Array(length) }), expected, `${length}`);
  }
  assertEquals(isRead({ geometry: geometry(7, 1), have: have(7) }), true, "pieces of a byte");
  assertEquals(isRead({ geometry: { ...geometry(7, 1), pieceLength: 0 }, have: have(7) }), false);
  assertEquals(isRead({ geometry: geometry(4 * MIB, MIB), have: have(4) }), true);
});

Deno.test("the trees of a v2 torrent are those of its pieces, in files that are not empty", () => {
  const BLOCK = 16_384;
  const isRead = (hashTrees: RecordedOptions["hashTrees"], pieceLength = BLOCK, count = 4) =>
    decodeHeader(
      encodeHeader({
        at: 0,
        options: {
          ...OPTIONS,
          geometry: createGeometry(count * pieceLength, pieceLength),
          have: createFullBitfield(count),
          hashTrees,
        },
      }),
    ).ok;
  const trees = (fileLengths: number[], missingLayers: number[] = []) => ({
    ...{ fileLengths, missingLayers, layersRequired: true },
  });
  assertEquals(isRead(trees([4 * BLOCK])), true);
  assertEquals(isRead(trees([3 * BLOCK - 5, 7], [0, 1])), true, "each file begins a piece");
  assertEquals(isRead(trees([BLOCK, BLOCK, BLOCK + 1])), true);
  for (const lengths of [[3 * BLOCK], [5 * BLOCK], [4 * BLOCK, 1], [], [4 * BLOCK, 0]]) {
    assertEquals(isRead(trees(lengths)), false, `${lengths}`);
  }
  assertEquals(isRead(trees([4 * BLOCK], [1])), false, "no such file");
  assertEquals(isRead(trees([4 * BLOCK / 2]), BLOCK / 2), false, "less than a block");
  assertEquals(isRead(trees([4 * 24_576]), 24_576), false, "no power of two");
  assertEquals(isRead(trees([8 * BLOCK]), 2 * BLOCK), true);
});

Deno.test("metadata that comes later is looked at as that of the header is", () => {
  const content = { geometry: createGeometry(100_000, 32_768), have: createFullBitfield(4) };
  const read = (about: object) => {
    const event = { kind: "metadata", isPrivate: false, ...content, ...about } as unknown as Event;
    return decodeRow(encodeRow({ kind: "event", event }).trimEnd());
  };
  const row = read({});
  assertEquals(row?.kind, "event");
  assertEquals(
    (row as { event: typeof content }).event.have,
    content.have,
    "bytes are bytes again",
  );
  assertEquals(read({ have: createFullBitfield(5) }), undefined);
  assertEquals(read({ priorities: new Uint8Array(3) }), undefined);
});
