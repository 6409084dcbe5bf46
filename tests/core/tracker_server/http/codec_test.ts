/** The tracker's answers over HTTP, compared with the text that the BEPs describe. */
import { assertEquals } from "@std/assert";
import { createByteWriter, writeBytes, writtenBytes } from "../../../../core/bytes/byte_writer.ts";
import { parseIp } from "../../../../core/bytes/ip.ts";
import {
  encodeFailure,
  encodeScrapeReply,
  writeAscii,
  writeCompactReply,
  writeDictionaryReply,
} from "../../../../core/tracker_server/http/codec.ts";
import type { AnnounceReply } from "../../../../core/tracker_server/types.ts";

const INTERVALS = { intervalSeconds: 1_800, minIntervalSeconds: 60 };
const IP = parseIp("65.66.67.68")!;
const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);
const buffer = (text: string) => {
  const writer = createByteWriter(1);
  writeBytes(writer, Uint8Array.from(text, (char) => char.charCodeAt(0)));
  return writer;
};

type Parts = Partial<Record<"peers" | "peers6" | "peerIds", string>> & { warning?: string };

function reply(
  { peers = "", peers6 = "", peerIds = "", warning }: Parts,
  completed = 0,
): AnnounceReply {
  return {
    ...{ seeders: 2, leechers: 10, completed, warning },
    ...{ peers: buffer(peers), peers6: buffer(peers6), peerIds: buffer(peerIds) },
  };
}

/** What is appended to a buffer in use. */
function written(write: (writer: ReturnType<typeof createByteWriter>) => void): string {
  const writer = buffer("before:");
  write(writer);
  return latin1(writtenBytes(writer)).slice("before:".length);
}

const compact = (parts: Parts, ip = IP, completed = 0) =>
  written((writer) => writeCompactReply(writer, reply(parts, completed), INTERVALS, ip));
const dictionary = (parts: Parts) =>
  written((writer) => writeDictionaryReply(writer, reply(parts), INTERVALS, IP));

const NUMBERS = "d8:completei2e10:downloadedi0e11:external ip4:ABCD10:incompletei10e" +
  "8:intervali1800e12:min intervali60e5:peers";

Deno.test("a compact answer has all keys in their order, and peers as one string", () => {
  assertEquals(compact({}), `${NUMBERS}0:e`);
  assertEquals(compact({ peers: "abcdef" }), `${NUMBERS}6:abcdefe`);
  assertEquals(
    compact({ peers: "abcdef", peers6: "q".repeat(18) }),
    `${NUMBERS}6:abcdef6:peers618:${"q".repeat(18)}e`,
  );
  const ip6 = compact({}, parseIp("4142:4344:4546:4748:494a:4b4c:4d4e:4f50")!);
  assertEquals(ip6.includes("11:external ip16:ABCDEFGHIJKLMNOP10:incomplete"), true);
});

Deno.test("peers of any number are copied whole", () => {
  for (const count of [1, 10, 11, 16, 17, 33, 200]) {
    const peers = Array.from({ length: 6 * count }, (_, i) => String.fromCharCode(i & 255)).join(
      "",
    );
    assertEquals(compact({ peers }), `${NUMBERS}${peers.length}:${peers}e`, `${count} peers`);
  }
  for (const size of [63, 64, 65]) {
    const peers = "x".repeat(size);
    assertEquals(compact({ peers }), `${NUMBERS}${size}:${peers}e`);
  }
});

Deno.test("numbers are written in decimal", () => {
  for (const count of [0, 1, 9, 10, 11, 99, 100, 101, 999, 1_000, 123_456_789, 4_294_967_295]) {
    assertEquals(compact({}, IP, count).includes(`10:downloadedi${count}e11:`), true, `${count}`);
  }
});

Deno.test("a warning follows the peers, as UTF-8", () => {
  assertEquals(compact({ warning: "old" }), `${NUMBERS}0:15:warning message3:olde`);
  assertEquals(dictionary({ warning: "é" }), `${NUMBERS}le15:warning message2:\u00c3\u00a9e`);
});

Deno.test("a list of dictionaries names address, id and port of each peer, first those of IPv4", () => {
  const one = "\x7f\x00\x00\x01\x1a\xe1", two = "\x0a\x00\x00\x02\x00\x50";
  const six = "\x20\x01\x0d\xb8" + "\x00".repeat(11) + "\x01\x01\x00";
  assertEquals(
    dictionary({ peers: one + two, peers6: six }),
    `${NUMBERS}ld2:ip9:127.0.0.14:porti6881eed2:ip8:10.0.0.24:porti80eed2:ip11:2001:db8::14:porti256eeee`,
  );
  const ids = ["A", "B", "C"].map((letter) => letter.repeat(20));
  const id = (i: number) => `7:peer id20:${ids[i]}`;
  assertEquals(
    dictionary({ peers: one + two, peers6: six, peerIds: ids.join("") }),
    `${NUMBERS}ld2:ip9:127.0.0.1${id(0)}4:porti6881eed2:ip8:10.0.0.2${id(1)}4:porti80ee` +
      `d2:ip11:2001:db8::1${id(2)}4:porti256eeee`,
  );
});

Deno.test("a scrape answer has the counts of each torrent, a failure its reason", () => {
  const counts = { seeders: 1, completed: 2, leechers: 4, downloaders: 3 };
  const hash = (letter: string) => Uint8Array.from(letter.repeat(20), (char) => char.charCodeAt(0));
  const text = (letter: string) =>
    `20:${letter.repeat(20)}d8:completei1e10:downloadedi2e11:downloadersi3e10:incompletei4ee`;
  assertEquals(
    latin1(encodeScrapeReply([[hash("b"), counts], [hash("a"), counts]])),
    `d5:filesd${text("a")}${text("b")}ee`,
  );
  assertEquals(latin1(encodeScrapeReply([])), "d5:filesdee");
  assertEquals(latin1(encodeFailure("no such torrent")), "d14:failure reason15:no such torrente");
});

Deno.test("text is appended as it is", () => {
  assertEquals(written((writer) => writeAscii(writer, "HTTP/1.1")), "HTTP/1.1");
});
