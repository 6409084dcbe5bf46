import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { type Bencodable, encodeBencode } from "../../../core/bencode/encode.ts";
import { byteText } from "../../../core/bencode/node.ts";
import { addressText } from "../../../core/bytes/address.ts";
import { fromHex } from "../../../core/bytes/hex.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import { PEERS_MAX } from "../../../core/tracker/answer.ts";
import {
  ANSWER_BYTES_MAX,
  buildAnnounceUrl,
  INTERVAL_SECONDS_DEFAULT,
  NAMED_PEERS_MAX,
  parseAnnounceAnswer,
} from "../../../core/tracker/http_codec.ts";
import { percentEncode } from "../../../core/tracker/percent.ts";
import { errorOf, valueOf } from "./unwrap.ts";
import type { AnnounceRequest } from "../../../core/tracker/types.ts";

const utf8 = new TextEncoder();

const REQUEST: AnnounceRequest = {
  infoHash: infoHashFromHex("123456789abcdef123456789abcdef123456789a")!,
  peerId: utf8.encode("-tt0100-abcdefgh &+/"),
  port: 6881,
  uploaded: 1,
  downloaded: 2,
  left: 3,
  event: undefined,
  numWant: 50,
  key: 0xbeef,
  trackerId: undefined,
};
const QUERY = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A" +
  "&peer_id=-tt0100-abcdefgh%20%26%2B%2F&port=6881&uploaded=1&downloaded=2&left=3" +
  "&compact=1&no_peer_id=1&numwant=50&key=0000beef";

function parseDict(dict: { [key: string]: Bencodable }) {
  return valueOf(parseAnnounceAnswer(encodeBencode(dict)));
}

function refusalOf(bytes: Uint8Array | string) {
  return errorOf(parseAnnounceAnswer(typeof bytes === "string" ? utf8.encode(bytes) : bytes));
}

function peersOf(bytes: Uint8Array): string[] {
  return valueOf(parseAnnounceAnswer(bytes)).peers.map(addressText);
}

Deno.test("the announce URL contains the bytes escaped and requests compact responses", () => {
  assertEquals(buildAnnounceUrl("http://t/announce", REQUEST), `http://t/announce?${QUERY}`);
});

Deno.test("event and tracker ID are sent if there are any", () => {
  const url = buildAnnounceUrl("http://t/a", { ...REQUEST, event: "started", trackerId: "\xff x" });
  assertEquals(url, `http://t/a?${QUERY}&event=started&trackerid=%FF%20x`);
});

Deno.test("an existing query is kept in front; a fragment is removed", () => {
  for (
    const [url, expected] of [
      ["http://t/a?pass=1%20x", "http://t/a?pass=1%20x&"],
      ["http://t/a?", "http://t/a?"],
      ["http://t/a?x&", "http://t/a?x&"],
      ["http://t/a#top", "http://t/a?"],
      ["http://t/key/a?b#c?d", "http://t/key/a?b&"],
    ] as const
  ) assertEquals(buildAnnounceUrl(url, REQUEST), expected + QUERY);
});

Deno.test("escaping round-trips every byte", () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => {
    const text = percentEncode(bytes);
    assertMatch(text, /^([A-Za-z0-9\-._~]|%[0-9A-F]{2})*$/);
    const read = text.replace(/%(..)/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    assertEquals(read, byteText(bytes));
  }));
});

Deno.test("compact peers of both families are parsed", () => {
  const answer = parseDict({
    interval: 1800,
    "min interval": 30,
    complete: 7,
    incomplete: 3,
    "tracker id": Uint8Array.of(0xff, 0x41),
    "warning message": "Soon closing",
    "external ip": Uint8Array.of(192, 0, 2, 9),
    peers: fromHex("0a0000011ae17f000001c8d5")!,
    peers6: fromHex("20010db80000000000000000000000011ae1")!,
  });
  assertEquals(answer, {
    intervalSeconds: 1800,
    minIntervalSeconds: 30,
    seeders: 7,
    leechers: 3,
    trackerId: "\xffA",
    warning: "Soon closing",
    externalIp: "192.0.2.9",
    peers: [
      { ip: "10.0.0.1", port: 6881 },
      { ip: "127.0.0.1", port: 51413 },
      { ip: "2001:db8::1", port: 6881 },
    ],
  });
});

Deno.test("dictionary peers are parsed; host names and invalid ports are omitted", () => {
  const peers = [
    { ip: "10.0.0.1", "peer id": "x".repeat(20), port: 6881 },
    { ip: "2001:DB8:0::1", port: 1 },
    { ip: "peer.example.com", port: 6881 },
    { ip: "10.0.0.2", port: 0 },
    { ip: "10.0.0.2", port: 65_536 },
    { ip: "10.0.0.2" },
    { port: 5 },
    { ip: 7, port: "x" },
    "odd",
  ];
  assertEquals(peersOf(encodeBencode({ peers } as unknown as Bencodable)), [
    "10.0.0.1:6881",
    "[2001:db8::1]:1",
  ]);
});

Deno.test("duplicate peers, port 0 and a partial last entry are omitted", () => {
  const packed = fromHex("0a0000011ae1" + "0a0000011ae1" + "0a0000020000" + "0a00")!;
  assertEquals(peersOf(encodeBencode({ peers: packed })), ["10.0.0.1:6881"]);
});

Deno.test("peers beyond the limit are omitted", () => {
  const packed = new Uint8Array(6 * (PEERS_MAX + 10)).fill(1);
  for (let i = 0; i < PEERS_MAX + 10; i++) new DataView(packed.buffer).setUint16(6 * i, i);
  assertEquals(peersOf(encodeBencode({ peers: packed })).length, PEERS_MAX);
});

Deno.test("missing and invalid fields do not invalidate the response", () => {
  const empty = {
    intervalSeconds: INTERVAL_SECONDS_DEFAULT,
    minIntervalSeconds: undefined,
    seeders: undefined,
    leechers: undefined,
    peers: [],
    trackerId: undefined,
    warning: undefined,
    externalIp: undefined,
  };
  assertEquals(parseDict({}), empty);
  assertEquals(
    parseDict({
      interval: "soon",
      complete: -1,
      incomplete: [],
      peers: 5,
      peers6: {},
      "external ip": "12",
      "tracker id": 1,
      "warning message": [],
    }),
    empty,
  );
});

Deno.test("unsorted keys and trailing data are tolerated", () => {
  const bytes = utf8.encode("d5:peers6:iiiipp8:intervali60ee\r\n");
  assertEquals(peersOf(bytes), ["105.105.105.105:28784"]);
});

Deno.test("a failure reason is a refusal, with control characters removed", () => {
  assertEquals(refusalOf("d14:failure reason2:noe"), {
    code: "refused",
    message: "The tracker refused: no",
  });
  assertEquals(
    refusalOf(encodeBencode({ "failure reason": "a\x1b[31m\nb" })).message.slice(21),
    "a [31m b",
  );
  assertEquals(
    refusalOf(encodeBencode({ "failure reason": "" })).message,
    "The tracker refused without a reason",
  );
  const latin = encodeBencode({ "failure reason": Uint8Array.of(0xe9, 0x74, 0xe9) });
  assertEquals(refusalOf(latin).message, "The tracker refused: été");
  assert(refusalOf(encodeBencode({ "failure reason": "x".repeat(9999) })).message.length < 400);
});

Deno.test("a response that is not bencoded is described", () => {
  for (const page of ["<!DOCTYPE html><p>Hello", "\n <html>"]) {
    assertMatch(refusalOf(page).message, /web page, not with bencode/);
  }
  assertMatch(refusalOf("").message, /not bencode: it stops in the middle/);
  assertMatch(refusalOf("Not found").message, /not bencode/);
  assertMatch(refusalOf("le").message, /not a dictionary/);
  assertEquals(refusalOf(new Uint8Array(ANSWER_BYTES_MAX + 1)).code, "bad-answer");
});

Deno.test("no response makes the parser throw", () => {
  const sane = encodeBencode({
    interval: 1800,
    peers: [{ ip: "10.0.0.1", port: 5 }],
    "tracker id": "x",
  });
  fc.assert(fc.property(fc.nat(sane.length - 1), fc.uint8Array({ minLength: 1 }), (at, patch) => {
    const bytes = sane.slice();
    bytes.set(patch.subarray(0, bytes.length - at), at);
    parseAnnounceAnswer(bytes);
    parseAnnounceAnswer(patch);
  }));
});

Deno.test("the announced address is sent if there is one", () => {
  const url = buildAnnounceUrl("http://t/a", REQUEST, "2001:db8::1");
  assertEquals(url, `http://t/a?${QUERY}&ip=2001%3Adb8%3A%3A1`);
});

Deno.test("a tracker ID over a kilobyte is dropped", () => {
  const sized = (size: number) => parseDict({ "tracker id": "x".repeat(size) }).trackerId?.length;
  assertEquals([sized(1_024), sized(1_025)], [1_024, undefined]);
});

Deno.test("hundreds of thousands of empty dictionaries are refused before they cost memory", () => {
  for (const one of ["de", "le", "0:", "i0e"]) {
    const error = refusalOf(`d5:peersl${one.repeat(300_000)}ee`);
    assertEquals(error.code, "bad-answer");
    assertMatch(error.message, /too many values/);
  }
});

Deno.test("dictionary peers are accepted up to the limit", () => {
  const peers = Array.from({ length: PEERS_MAX }, (_, i) => {
    return { ip: `10.0.${i >> 8}.${i & 255}`, "peer id": "x".repeat(20), port: 1 };
  });
  assertEquals(parseDict({ peers }).peers.length, PEERS_MAX);
});

Deno.test("a refusal may carry a retry time", () => {
  const retryOf = (more: { [key: string]: Bencodable }) => {
    const { isGone, retryInSeconds } = refusalOf(
      encodeBencode({ "failure reason": "No", ...more }),
    );
    return isGone ? "never" : retryInSeconds;
  };
  assertEquals(retryOf({ "retry in": "never" }), "never");
  assertEquals(retryOf({ "retry in": 5 }), 300);
  assertEquals(retryOf({ "retry in": "5" }), 300);
  assertEquals(retryOf({ interval: 1800 }), 1800);
  assertEquals(retryOf({ interval: 1800, "min interval": 60 }), 60);
  assertEquals(retryOf({ "retry in": 5, "min interval": 900 }), 900);
  for (const odd of [-1, 0, "", "soon", "-5", []]) {
    assertEquals(retryOf({ "retry in": odd }), undefined);
  }
});

Deno.test("peers named by host name are kept separate from addresses", () => {
  const named = (peers: Bencodable) => parseDict({ peers }).namedPeers;
  assertEquals(
    named([
      { ip: "peer.example.com", port: 6881 },
      { ip: "10.0.0.1", port: 1 },
      { ip: "localhost", port: 2 },
    ]),
    [{ host: "peer.example.com", port: 6881 }, { host: "localhost", port: 2 }],
  );
  const odd = ["", " ", "a b", "-a.de", "1.2.3", "010.0.0.1", "127.1", "a/b", "a..b", "x\0y", "é"];
  assertEquals(named(odd.map((ip) => ({ ip, port: 1 }))), undefined);
  assertEquals(named([{ ip: "a.de", port: 0 }, { ip: "a.de", port: 65_536 }]), undefined);
  assertEquals(named([{ ip: `${"a.".repeat(130)}de`, port: 1 }]), undefined);
  const many = Array.from({ length: 1_000 }, (_, i) => ({ ip: `p${i}.example`, port: 1 }));
  assertEquals(named(many)?.length, NAMED_PEERS_MAX);
});

Deno.test("ports of peers are 1 to 65535, whether they have addresses or names", () => {
  for (const [port, isTaken] of [[0, false], [1, true], [65_535, true], [65_536, false]] as const) {
    const { peers, namedPeers = [] } = parseDict({
      peers: [{ ip: "192.0.2.1", port }, { ip: "peer.test", port }],
    });
    assertEquals([peers.length, namedPeers.length], isTaken ? [1, 1] : [0, 0], `${port}`);
  }
  const { peers, namedPeers } = parseDict({
    peers: [{ ip: "192.0.2.1" }, { ip: "peer.test" }, {}],
  });
  assertEquals([peers, namedPeers], [[], undefined]);
});

Deno.test("counts are 0 or more, and unknown otherwise", () => {
  const counts = (value: Bencodable) => {
    const { seeders, leechers } = parseDict({ complete: value, incomplete: value, peers: "" });
    return [seeders, leechers];
  };
  assertEquals([counts(0), counts(5)], [[0, 0], [5, 5]]);
  for (const value of [-1, "5", []]) assertEquals(counts(value), [undefined, undefined]);
});

Deno.test("a retry time is a number of minutes above 0, as a number or as digits", () => {
  const retry = (value: Bencodable) =>
    errorOf(parseAnnounceAnswer(encodeBencode({ "failure reason": "no", "retry in": value })))
      .retryInSeconds;
  assertEquals([1, "1", 30, "30"].map((value) => retry(value)), [60, 60, 1_800, 1_800]);
  for (const value of [0, "0", -1, "1e3", " 5", "", "soon", "1234567890"]) {
    assertEquals(retry(value), undefined, `${value}`);
  }
});
