/** The tracker's side of UDP, byte by byte. Spec: BEP 15. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { createByteWriter, writeBytes, writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { fromHex, toHex } from "../../../../core/bytes/hex.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import type { AnnounceReply } from "../../../../core/tracker_server/types.ts";
import {
  claimedIpOf,
  classifyPacket,
  createConnectionIds,
  createUdpAnnounceQuery,
  readUdpAnnounce,
  readUdpScrape,
  transactionOf,
  writeConnectAnswer,
  writeUdpAnnounceAnswer,
  writeUdpError,
  writeUdpScrapeAnswer,
} from "../../../../core/tracker_server/udp/codec.ts";

const SECRET = Int32Array.of(11, -22, 33, -44);
const IP = parseIp("192.0.2.7")!;
const IP6 = parseIp("2001:db8::7")!;
const TRANSACTION = 0xfedcba98;

const bytes = (text: string) => fromHex(text.replaceAll(/\s/g, ""))!;
const word = (value: number) => (value >>> 0).toString(16).padStart(8, "0");
const written = (write: (writer: ReturnType<typeof createByteWriter>) => void) => {
  const writer = createByteWriter(4);
  writeBytes(writer, Uint8Array.of(1, 2, 3));
  write(writer);
  return toHex(writtenBytes(writer));
};

/** A connection id of ours, in hex. */
function connect(ip: Uint8Array, now: number, secret = SECRET): string {
  const ids = createConnectionIds(secret);
  const answer = written((writer) => writeConnectAnswer(writer, TRANSACTION, ip, ids, now));
  assertEquals([answer.length, answer.slice(0, 16)], [32, "00000000fedcba98"]);
  return answer.slice(16);
}

const HASH = "ab".repeat(20), PEER_ID = "cd".repeat(20);

/** Everything that an announce carries. */
function announce(id: string, about: Record<string, string> = {}): Uint8Array {
  const fields = {
    ...{ action: word(1), transaction: word(TRANSACTION), hash: HASH, peerId: PEER_ID },
    ...{ downloaded: "0000000000000005", left: "0000000000000006", uploaded: "0000000000000007" },
    ...{ event: word(0), ip: word(0), key: "01020304", wanted: word(-1), port: "1ae1" },
    ...about,
  };
  return bytes(id + Object.values(fields).join(""));
}

function read(about: Record<string, string> = {}, ip = IP) {
  const query = createUdpAnnounceQuery();
  const problem = readUdpAnnounce(announce("00".repeat(8), about), ip, query);
  return { ...query, problem };
}

const ids = () => createConnectionIds(SECRET);

Deno.test("a connect asks with the protocol's number, and is ignored with another", () => {
  const packet = bytes("0000041727101980 00000000 fedcba98");
  assertEquals(classifyPacket(packet, IP, ids(), 0), "connect");
  assertEquals(transactionOf(packet), TRANSACTION);
  for (const at of [0, 3, 4, 7]) {
    const wrong = packet.slice();
    wrong[at]! ^= 1;
    assertEquals(classifyPacket(wrong, IP, ids(), 0), "ignored");
  }
  assertEquals(classifyPacket(packet.subarray(0, 15), IP, ids(), 0), "ignored");
});

Deno.test("a question counts with an id that was given to its address, for two minutes at least", () => {
  for (const ip of [IP, IP6]) {
    for (
      const [given, asked, expected] of [
        [0, 0, "announce"],
        [0, 119, "announce"],
        [59, 179, "announce"],
        [59, 180, "stale"],
        [60, 239, "announce"],
        [60, 240, "stale"],
        // An id of the future is none of ours.
        [120, 59, "stale"],
      ] as const
    ) {
      const packet = announce(connect(ip, given));
      assertEquals(classifyPacket(packet, ip, ids(), asked), expected, `${given} s, ${asked} s`);
    }
  }
});

Deno.test("an id given to another address, or by another tracker, is stale; so is one with any wrong bit", () => {
  const id = connect(IP, 0);
  for (const other of ["192.0.2.8", "193.0.2.7", "2001:db8::7"]) {
    assertEquals(classifyPacket(announce(id), parseIp(other)!, ids(), 0), "stale");
  }
  for (let index = 0; index < SECRET.length; index++) {
    const secret = SECRET.with(index, 5);
    assertNotEquals(connect(IP, 0, secret), id);
    assertEquals(classifyPacket(announce(id), IP, createConnectionIds(secret), 0), "stale");
  }
  for (let at = 0; at < 8; at++) {
    const packet = announce(id);
    packet[at]! ^= 0x80;
    assertEquals(classifyPacket(packet, IP, ids(), 0), "stale");
  }
  const near = connect(IP6, 0), far = parseIp("2001:db8::8")!;
  assertEquals(classifyPacket(announce(near), far, ids(), 0), "stale");
  assertNotEquals(connect(IP, 0).slice(0, 8), connect(IP, 60).slice(0, 8));
});

Deno.test("announces and scrapes have a least size; what else comes is ignored", () => {
  const id = connect(IP, 0);
  const whole = announce(id);
  assertEquals(whole.length, 98);
  assertEquals(classifyPacket(whole.subarray(0, 97), IP, ids(), 0), "ignored");
  const longer = bytes(toHex(whole) + "0200");
  assertEquals(classifyPacket(longer, IP, ids(), 0), "announce", "with options of BEP 41");
  const scrape = bytes(`${id}${word(2)}${word(TRANSACTION)}${HASH}`);
  assertEquals(classifyPacket(scrape, IP, ids(), 0), "scrape");
  assertEquals(classifyPacket(scrape.subarray(0, 35), IP, ids(), 0), "ignored");
  for (const action of [3, 4, 255]) {
    const packet = announce(id, { action: word(action) });
    assertEquals(classifyPacket(packet, IP, ids(), 0), "ignored");
  }
});

Deno.test("an announce is read field by field", () => {
  const { problem, infoHash, peerId, ...query } = read();
  assertEquals([problem, toHex(infoHash), toHex(peerId)], [undefined, HASH, PEER_ID]);
  assertEquals(query, {
    ...{ ip: IP, port: 6_881, isComplete: false, event: undefined, numWant: 50 },
    ...{ wantsBothFamilies: false, wantsPeerIds: false },
  });
  assertEquals(read({ port: "ffff" }).port, 65_535);
  assertEquals(read({ port: "0000" }).problem, "port must be a number from 1 to 65535");
});

Deno.test("who has nothing left is complete", () => {
  const left = (value: string) => read({ left: value }).isComplete;
  assertEquals(left("0000000000000000"), true);
  for (const value of ["0000000000000001", "0000000100000000", "8000000000000000"]) {
    assertEquals(left(value), false, value);
  }
  assertEquals(read({ left: "0".repeat(16), downloaded: "f".repeat(16) }).isComplete, true);
});

Deno.test("events are none, completed, started, stopped and paused", () => {
  const events = [0, 1, 2, 3, 4, 5].map((event) => read({ event: word(event) }).event);
  assertEquals(events, [undefined, "completed", "started", "stopped", "paused", undefined]);
});

Deno.test("as many peers are named as are wanted, up to what an answer of one packet has room for", () => {
  const wanted = (count: number, ip = IP) => read({ wanted: word(count) }, ip).numWant;
  assertEquals([0, 1, 49, 199, 200, 201, 1_000].map((count) => wanted(count)), [
    ...[0, 1, 49, 199, 200, 200, 200],
  ]);
  assertEquals([-1, -2, -(2 ** 31)].map((count) => wanted(count)), [50, 50, 50]);
  // 20 bytes, then 18 for each: 76 of them are 1,388 bytes.
  assertEquals([75, 76, 77, 1_000].map((count) => wanted(count, IP6)), [75, 76, 76, 76]);
});

Deno.test("an announce may name an address of its own", () => {
  assertEquals(claimedIpOf(announce("00".repeat(8))), undefined);
  assertEquals(claimedIpOf(announce("00".repeat(8), { ip: "c0000209" })), parseIp("192.0.2.9"));
  assertEquals(claimedIpOf(announce("00".repeat(8), { ip: "00000001" })), parseIp("0.0.0.1"));
});

Deno.test("a scrape names as many torrents as it has room for, up to a limit", () => {
  const hash = (i: number) => word(i).repeat(5);
  const scrape = (count: number, rest = "") =>
    readUdpScrape(
      bytes("00".repeat(16) + Array.from({ length: count }, (_, i) => hash(i)).join("") + rest),
    ).map(toHex);
  assertEquals(scrape(3), [hash(0), hash(1), hash(2)]);
  assertEquals(scrape(2, "abcd"), [hash(0), hash(1)], "the rest of a hash is none");
  const most = readUdpScrape(new Uint8Array(16 + 20 * 200)).length;
  assertEquals([scrape(most).length, scrape(most + 1).length], [most, most]);
});

Deno.test("answers begin with action and transaction, in place of what was in the buffer", () => {
  const peers = (text: string) => {
    const writer = createByteWriter(1);
    writeBytes(writer, bytes(text));
    return writer;
  };
  const reply: AnnounceReply = {
    ...{ seeders: 3, leechers: 70_000, completed: 9, warning: undefined },
    ...{ peers: peers("c00002071ae1"), peers6: peers("ff".repeat(18)), peerIds: peers("") },
  };
  const answer = (ip: Uint8Array, about: Partial<AnnounceReply> = {}) =>
    written((writer) =>
      writeUdpAnnounceAnswer(writer, TRANSACTION, { ...reply, ...about }, 1_800, ip)
    );
  const head = "00000001 fedcba98 00000708 00011170 00000003".replaceAll(" ", "");
  assertEquals(answer(IP), `${head}c00002071ae1`);
  assertEquals(answer(IP6), `${head}${"ff".repeat(18)}`);
  assertEquals(answer(IP, { peers: peers("") }), head);
  const swarms = [
    ...[{ seeders: 1, completed: 2, leechers: 3, downloaders: 9 }],
    ...[{ seeders: 4, completed: 5, leechers: 6, downloaders: 9 }],
  ];
  assertEquals(
    written((writer) => writeUdpScrapeAnswer(writer, TRANSACTION, swarms)),
    "00000002fedcba98" + [1, 2, 3, 4, 5, 6].map(word).join(""),
  );
  assertEquals(
    written((writer) => writeUdpError(writer, TRANSACTION, "no")),
    "00000003fedcba986e6f",
  );
});
