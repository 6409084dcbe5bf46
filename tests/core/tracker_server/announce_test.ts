import { assert, assertEquals } from "@std/assert";
import { createRng } from "../../../core/bytes/random.ts";
import { infoHashFromHex } from "../../../core/metainfo/info_hash.ts";
import {
  type AnnounceQuery,
  answerAnnounce,
  NUM_WANT_DEFAULT,
  NUM_WANT_MAX,
} from "../../../core/tracker_server/announce.ts";
import {
  createSwarmStore,
  type Seat,
  type SwarmStore,
} from "../../../core/tracker_server/swarm.ts";
import { parseAnnounceAnswer } from "../../../core/tracker/http_codec.ts";
import {
  encodeAnnounceReply,
  encodeFailure,
  encodeScrapeReply,
} from "../../../core/tracker_server/http_codec.ts";
import { decodeBencode } from "../../../core/bencode/decode.ts";
import {
  asBytes,
  asInteger,
  asList,
  asText,
  byteText,
  dictGet,
} from "../../../core/bencode/node.ts";
import { addressText } from "../../../core/bytes/address.ts";
import { infoHashBytes } from "../../../core/metainfo/info_hash.ts";
import { errorOf, valueOf } from "../tracker/unwrap.ts";

const HASH = infoHashFromHex("0102030405060708090a0b0c0d0e0f1011121314")!;
const INTERVALS = { intervalSeconds: 300, minIntervalSeconds: 15 };
const rng = createRng(1);

function query(id: number, more: Partial<AnnounceQuery> = {}): AnnounceQuery {
  return {
    infoHash: HASH,
    peerId: `-tt0100-${id}`.padEnd(20, "\xff"),
    key: undefined,
    port: 7000 + id,
    isComplete: false,
    event: undefined,
    numWant: undefined,
    ip: undefined,
    ...more,
  };
}

function announce(store: SwarmStore, ip: string, facts: AnnounceQuery) {
  return valueOf(answerAnnounce(store, facts, ip, 0, rng));
}

function fill(store: SwarmStore, count: number): void {
  for (let id = 0; id < count; id++) announce(store, "192.0.2.1", query(id));
}

Deno.test("the counts are of the whole swarm, the asker included", () => {
  const store = createSwarmStore();
  announce(store, "192.0.2.1", query(1, { isComplete: true }));
  const reply = announce(store, "192.0.2.2", query(2));
  assertEquals([reply.seeders, reply.leechers, reply.completed], [1, 1, 0]);
  const done = announce(store, "192.0.2.2", query(2, { isComplete: true, event: "completed" }));
  assertEquals([done.seeders, done.leechers, done.completed], [2, 0, 1]);
});

Deno.test("completed with something left to download counts as no finished download", () => {
  const store = createSwarmStore();
  const reply = announce(store, "192.0.2.1", query(1, { event: "completed" }));
  assertEquals([reply.leechers, reply.completed], [1, 0]);
});

Deno.test("who stops is gone and is named nobody", () => {
  const store = createSwarmStore();
  fill(store, 3);
  const reply = announce(store, "192.0.2.1", query(1, { event: "stopped" }));
  assertEquals([reply.leechers, reply.peers[4].length], [2, 0]);
  const alone = announce(createSwarmStore(), "192.0.2.1", query(1, { event: "stopped" }));
  assertEquals([alone.seeders, alone.leechers, alone.completed], [0, 0, 0]);
});

Deno.test("as many peers are named as wanted, within the limit", () => {
  const store = createSwarmStore();
  fill(store, 300);
  for (
    const [numWant, expected] of [[undefined, NUM_WANT_DEFAULT], [0, 0], [3, 3], [
      2 ** 60,
      NUM_WANT_MAX,
    ]]
  ) {
    const reply = announce(store, "192.0.2.1", query(1, { numWant }));
    assertEquals(reply.peers[4].length, expected);
  }
});

Deno.test("peers of the asker's address family come first, the other family fills up", () => {
  const store = createSwarmStore();
  fill(store, 3);
  for (let id = 10; id < 15; id++) announce(store, "2001:db8::1", query(id));
  const four = announce(store, "192.0.2.1", query(1, { numWant: 4 }));
  assertEquals([four.peers[4].length, four.peers[6].length], [2, 2]);
  const six = announce(store, "2001:db8::1", query(11, { numWant: 4 }));
  assertEquals([six.peers[4].length, six.peers[6].length], [0, 4]);
});

Deno.test("a client's word on its address counts from this machine and private networks only", () => {
  const seatAfter = (remoteIp: string, ip: string) => {
    const store = createSwarmStore();
    announce(store, remoteIp, query(1, { ip }));
    const seat: Seat = [...store.seats.values()][0]!;
    return [...seat.address].slice(0, -2).map((c) => c.charCodeAt(0)).join(".");
  };
  assertEquals(seatAfter("127.0.0.1", "198.51.100.7"), "198.51.100.7");
  assertEquals(seatAfter("10.1.1.1", "198.51.100.7"), "198.51.100.7");
  assertEquals(seatAfter("203.0.113.1", "198.51.100.7"), "203.0.113.1");
  assertEquals(seatAfter("127.0.0.1", "host.example.com"), "127.0.0.1");
});

Deno.test("a full tracker says so", () => {
  const store = createSwarmStore(1);
  announce(store, "192.0.2.1", query(1));
  assertEquals(
    errorOf(answerAnnounce(store, query(2), "192.0.2.1", 0, rng)),
    "This tracker is full, try again later",
  );
});

Deno.test("a compact answer is understood by our own client", () => {
  const store = createSwarmStore();
  announce(store, "192.0.2.9", query(1, { isComplete: true }));
  announce(store, "2001:db8::9", query(2));
  const reply = announce(store, "192.0.2.1", query(3));
  const compact = encodeAnnounceReply(reply, { compact: true, wantsPeerIds: true }, INTERVALS);
  assertEquals(valueOf(parseAnnounceAnswer(compact)), {
    intervalSeconds: 300,
    minIntervalSeconds: 15,
    seeders: 1,
    leechers: 2,
    peers: [{ ip: "192.0.2.9", port: 7001 }, { ip: "2001:db8::9", port: 7002 }],
    trackerId: undefined,
    warning: undefined,
    externalIp: "192.0.2.1",
  });
});

Deno.test("a dictionary answer names address, port and, if wanted, the peer id", () => {
  const store = createSwarmStore();
  announce(store, "192.0.2.9", query(1));
  announce(store, "2001:db8::9", query(2));
  const reply = announce(store, "192.0.2.1", query(3));
  for (const wantsPeerIds of [true, false]) {
    const bytes = encodeAnnounceReply(reply, { compact: false, wantsPeerIds }, INTERVALS);
    const peers = asList(dictGet(valueOf(decodeBencode(bytes)), "peers"))!;
    assertEquals(peers.map((peer) => asText(dictGet(peer, "ip"))), ["192.0.2.9", "2001:db8::9"]);
    assertEquals(peers.map((peer) => asInteger(dictGet(peer, "port"))), [7001, 7002]);
    const id = asBytes(dictGet(peers[0], "peer id"));
    assertEquals(id && byteText(id), wantsPeerIds ? query(1).peerId : undefined);
    const { peers: read } = valueOf(parseAnnounceAnswer(bytes));
    assertEquals(read.map(addressText), ["192.0.2.9:7001", "[2001:db8::9]:7002"]);
  }
});

Deno.test("a failure carries its reason", () => {
  assertEquals(byteText(encodeFailure("No")), "d14:failure reason2:Noe");
});

Deno.test("a scrape counts each swarm, and zero for one that is not there", () => {
  const store = createSwarmStore();
  announce(store, "192.0.2.1", query(1, { isComplete: true, event: "completed" }));
  announce(store, "192.0.2.1", query(2));
  const absent = infoHashFromHex("ff".repeat(20))!;
  const answer = valueOf(decodeBencode(encodeScrapeReply(store, [HASH, absent])));
  const numbers = [HASH, absent].map((hash) => {
    const file = dictGet(dictGet(answer, "files"), byteText(infoHashBytes(hash)));
    assert(file !== undefined);
    return ["complete", "incomplete", "downloaded"].map((key) => asInteger(dictGet(file, key)));
  });
  assertEquals(numbers, [[1, 1, 1], [0, 0, 0]]);
});
