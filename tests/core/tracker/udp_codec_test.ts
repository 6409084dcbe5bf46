import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { addressText } from "../../../core/bytes/address.ts";
import { fromHex, toHex } from "../../../core/bytes/hex.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import {
  decodeUdpAnswer,
  encodeAnnounceRequest,
  encodeConnectRequest,
  udpTimeoutMs,
  URL_DATA_BYTES_MAX,
} from "../../../core/tracker/udp_codec.ts";
import { valueOf } from "./unwrap.ts";
import type { AnnounceAnswer, AnnounceRequest } from "../../../core/tracker/types.ts";

const REQUEST: AnnounceRequest = {
  infoHash: infoHashFromHex("ab".repeat(20))!,
  peerId: new TextEncoder().encode("-tt0100-abcdefghijkl"),
  port: 6882,
  uploaded: 3,
  downloaded: 2 ** 32 + 1,
  left: Number.MAX_SAFE_INTEGER,
  event: "stopped",
  numWant: 50,
  key: 0xdeadbeef,
  trackerId: undefined,
};
const CONNECTION_ID = fromHex("0102030405060708")!;

function decode(hex: string, version: 4 | 6 = 4) {
  return decodeUdpAnswer(fromHex(hex)!, version);
}

function announceAnswer(hex: string, version: 4 | 6 = 4): AnnounceAnswer {
  const answer = valueOf(decode(hex, version));
  if (answer.kind !== "announce") throw new Error(`Not an announce answer: ${answer.kind}`);
  return answer.answer;
}

Deno.test("a connect request contains protocol ID, action and transaction ID", () => {
  assertEquals(toHex(encodeConnectRequest(0xfedcba98)), "000004172710198000000000fedcba98");
});

Deno.test("a partial seed is told of by HTTP alone, for UDP has no number for it", () => {
  const bytes = encodeAnnounceRequest(CONNECTION_ID, 1, { ...REQUEST, event: "paused" }, "");
  assertEquals(toHex(bytes.subarray(80, 84)), "00000000");
});

Deno.test("an announce request has each field at its offset", () => {
  const bytes = encodeAnnounceRequest(CONNECTION_ID, 0x12345678, REQUEST, "");
  const fields = [
    "0102030405060708",
    "00000001",
    "12345678",
    "ab".repeat(20),
    toHex(REQUEST.peerId),
    "0000000100000001", // downloaded
    "001fffffffffffff", // left
    "0000000000000003", // uploaded
    "00000003", // stopped
    "00000000", // address
    "deadbeef",
    "00000032",
    "1ae2",
  ];
  assertEquals(toHex(bytes), fields.join(""));
});

Deno.test("each event has its number", () => {
  const events = [undefined, "completed", "started", "stopped"] as const;
  for (const [number, event] of events.entries()) {
    assertEquals(encodeAnnounceRequest(CONNECTION_ID, 1, { ...REQUEST, event }, "")[83], number);
  }
});

Deno.test("path and query are sent as options of up to 255 bytes, longer ones omitted", () => {
  const tail = (data: string) =>
    encodeAnnounceRequest(CONNECTION_ID, 1, REQUEST, data).subarray(98);
  assertEquals(toHex(tail("/a?b")), "0204" + toHex(new TextEncoder().encode("/a?b")));
  const long = tail("x".repeat(300));
  assertEquals([long[0], long[1], long[257], long[258], long.length], [2, 255, 2, 45, 304]);
  assertEquals(tail("x".repeat(URL_DATA_BYTES_MAX + 1)).length, 0);
});

Deno.test("a connect response contains the connection ID", () => {
  assertEquals(decode("00000000123456780102030405060708"), {
    ok: true,
    value: { kind: "connect", transactionId: 0x12345678, connectionId: CONNECTION_ID },
  });
});

Deno.test("an announce response contains counts and peers of the packet's address family", () => {
  const head = "0000000112345678000007080000000300000007";
  const { intervalSeconds, seeders, leechers, peers } = announceAnswer(
    head + "0a0000011ae1c0a80102c8d5" + "0a00",
  );
  assertEquals([intervalSeconds, seeders, leechers], [1800, 7, 3]);
  assertEquals(peers.map(addressText), ["10.0.0.1:6881", "192.168.1.2:51413"]);

  const six = announceAnswer(head + "20010db80000000000000000000000011ae1", 6);
  assertEquals(six.peers.map(addressText), ["[2001:db8::1]:6881"]);
});

Deno.test("an error response contains the tracker's message", () => {
  assertEquals(decode("0000000312345678626164"), {
    ok: true,
    value: { kind: "error", transactionId: 0x12345678, message: "bad" },
  });
});

Deno.test("short packets and unknown actions are distinguished", () => {
  for (
    const [hex, wanted] of [["00", 8], ["0000000012345678", 16], ["0000000112345678", 20]] as const
  ) {
    assertEquals(decode(hex), {
      ok: false,
      error: { code: "udp-too-short", size: hex.length / 2, wanted },
    });
  }
  assertEquals(decode("0000000912345678"), {
    ok: false,
    error: { code: "udp-unknown-action", action: 9 },
  });
});

Deno.test("no packet makes the decoder throw", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(4), (bytes, action) => {
    decodeUdpAnswer(bytes, 4);
    decodeUdpAnswer(Uint8Array.of(0, 0, 0, action, ...bytes), 6);
  }));
});

Deno.test("timeouts start at 15 s and double, up to n = 8", () => {
  assertEquals([0, 1, 2, 8, 9].map(udpTimeoutMs), [15_000, 30_000, 60_000, 3_840_000, 3_840_000]);
});

Deno.test("the examples of BEP 15 are encoded and decoded", () => {
  assertEquals(toHex(encodeConnectRequest(0x12345678)), "00000417271019800000000012345678");
  const infoHash = "aa".repeat(20);
  const request = encodeAnnounceRequest(fromHex("0102030405060708")!, 0x12345678, {
    infoHash: infoHashFromHex(infoHash)!,
    peerId: new TextEncoder().encode("-XX0001-abcdefghijkl"),
    port: 6881,
    uploaded: 300,
    downloaded: 100,
    left: 200,
    event: "started",
    numWant: -1,
    key: 0xdeadbeef,
    trackerId: undefined,
  }, "");
  const peerId = "2d5858303030312d6162636465666768696a6b6c";
  assertEquals(
    toHex(request),
    `01020304050607080000000112345678${infoHash}${peerId}` +
      "000000000000006400000000000000c8000000000000012c" +
      "0000000200000000deadbeefffffffff1ae1",
  );
  const answer = announceAnswer(
    "00000001123456780000070800000003000000070a0000011ae1c0a80102c8d5",
  );
  assertEquals([answer.intervalSeconds, answer.leechers, answer.seeders], [1_800, 3, 7]);
  assertEquals(answer.peers.map(addressText), ["10.0.0.1:6881", "192.168.1.2:51413"]);
  assertEquals(valueOf(decode("0000000312345678626164")).kind, "error");
});

Deno.test("over UDP the interval is also the min interval", () => {
  const bytes = new Uint8Array(20);
  bytes[3] = 1;
  new DataView(bytes.buffer).setUint32(8, 1_700);
  const decoded = valueOf(decodeUdpAnswer(bytes, 4));
  const told = decoded.kind === "announce" ? decoded.answer : undefined;
  assertEquals([told?.intervalSeconds, told?.minIntervalSeconds], [1_700, 1_700]);
});
