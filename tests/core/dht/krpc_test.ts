import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import type { KrpcMessage, QueryBody } from "../../../core/dht/krpc.ts";
import { DATAGRAM_SENT_MAX } from "../../../core/dht/krpc.ts";
import { decodeKrpc } from "../../../core/dht/krpc_decode.ts";
import { encodeError, encodeQuery, encodeResponse } from "../../../core/dht/krpc_encode.ts";
import { at, bytesOf, textOf } from "./kit.ts";

const OURS = "abcdefghij0123456789";
const THEIRS = "mnopqrstuvwxyz123456";
const HASH = "ABCDEFGHIJKLMNOPQRST";
const V = "1:v4:TT\x00\x01";

function decoded(text: string): KrpcMessage {
  const result = decodeKrpc(bytesOf(text));
  if (!result.ok) throw new Error(`Not decoded: ${result.error.code}`);
  return result.value;
}

function faultOf(text: string): string {
  const result = decodeKrpc(bytesOf(text));
  if (result.ok) return "ok";
  return "key" in result.error ? `${result.error.code} ${result.error.key}` : result.error.code;
}

/** A query, its bytes, and what decoding them yields besides the envelope. */
const QUERIES: [Exclude<QueryBody, { method: "unknown" }>, string][] = [
  [{ method: "ping" }, `d1:ad2:id20:${OURS}e1:q4:ping1:t2:aa${V}1:y1:qe`],
  [
    { method: "find_node", target: THEIRS, want: [] },
    `d1:ad2:id20:${OURS}6:target20:${THEIRS}e1:q9:find_node1:t2:aa${V}1:y1:qe`,
  ],
  [
    { method: "find_node", target: THEIRS, want: [4, 6] },
    `d1:ad2:id20:${OURS}6:target20:${THEIRS}4:wantl2:n42:n6ee1:q9:find_node1:t2:aa${V}1:y1:qe`,
  ],
  [
    { method: "get_peers", target: HASH, want: [], noSeeds: true, scrape: true },
    `d1:ad2:id20:${OURS}9:info_hash20:${HASH}6:noseedi1e6:scrapei1ee` +
    `1:q9:get_peers1:t2:aa${V}1:y1:qe`,
  ],
  [
    {
      method: "announce_peer",
      target: HASH,
      port: 6881,
      impliedPort: false,
      isSeed: true,
      token: bytesOf("tok\xff"),
    },
    `d1:ad2:id20:${OURS}12:implied_porti0e9:info_hash20:${HASH}4:porti6881e4:seedi1e` +
    `5:token4:tok\xffe1:q13:announce_peer1:t2:aa${V}1:y1:qe`,
  ],
  [
    { method: "get", target: HASH, want: [], sequence: 7 },
    `d1:ad2:id20:${OURS}3:seqi7e6:target20:${HASH}e1:q3:get1:t2:aa${V}1:y1:qe`,
  ],
  [
    {
      method: "put",
      token: bytesOf("tk"),
      item: { kind: "immutable", value: bytesOf("12:Hello World!") },
    },
    `d1:ad2:id20:${OURS}5:token2:tk1:v12:Hello World!e1:q3:put1:t2:aa${V}1:y1:qe`,
  ],
  [
    {
      method: "put",
      token: bytesOf("tk"),
      item: {
        kind: "mutable",
        value: bytesOf("l1:ai1ee"),
        publicKey: bytesOf("k".repeat(32)),
        signature: bytesOf("s".repeat(64)),
        salt: bytesOf("foobar"),
        sequence: 4,
        expectedSequence: 3,
      },
    },
    `d1:ad3:casi3e2:id20:${OURS}1:k32:${"k".repeat(32)}4:salt6:foobar3:seqi4e3:sig64:${
      "s".repeat(64)
    }5:token2:tk1:vl1:ai1eee1:q3:put1:t2:aa${V}1:y1:qe`,
  ],
];

for (const [body, bytes] of QUERIES) {
  Deno.test(`${body.method} is encoded and decoded as BEP 5 specifies`, () => {
    assertEquals(textOf(encodeQuery("aa", OURS, false, body)), bytes);
    const query = decoded(bytes);
    assertEquals(query, { kind: "query", transaction: "aa", id: OURS, isReadOnly: false, ...body });
  });
}

Deno.test("queries of a read-only node carry ro (BEP 43)", () => {
  const bytes = encodeQuery("aa", OURS, true, { method: "ping" });
  assertEquals(textOf(bytes), `d1:ad2:id20:${OURS}e1:q4:ping2:roi1e1:t2:aa${V}1:y1:qe`);
  assertEquals((decoded(textOf(bytes)) as { isReadOnly: boolean }).isReadOnly, true);
});

Deno.test("a response with all fields is encoded in order and decoded", () => {
  const answer = {
    nodes: [{ id: THEIRS, endpoint: at("192.0.2.1:6881") }],
    nodes6: [{ id: HASH, endpoint: at("[2001:db8::1]:6882") }],
    values: [at("192.0.2.7:1"), at("192.0.2.8:2")],
    token: bytesOf("token"),
    bloom: { seeds: new Uint8Array(256).fill(1), peers: new Uint8Array(256).fill(2) },
    item: {
      value: bytesOf("i5e"),
      publicKey: bytesOf("k".repeat(32)),
      signature: bytesOf("s".repeat(64)),
      sequence: 9,
    },
  };
  const bytes = encodeResponse("t\x00", OURS, at("192.0.2.9:9"), answer);
  const strict = decodeKrpc(bytes);
  assertEquals(strict, {
    ok: true,
    value: {
      kind: "response",
      transaction: "t\x00",
      id: OURS,
      nodes: [...answer.nodes, ...answer.nodes6],
      values: answer.values,
      token: answer.token,
      ownEndpoint: at("192.0.2.9:9"),
      bloom: answer.bloom,
      ...answer.item,
    },
  });
  assertEquals(
    textOf(encodeResponse("aa", OURS, at("192.0.2.9:9"), {})),
    `d2:ip6:\xc0\x00\x02\x09\x00\x091:rd2:id20:${OURS}e1:t2:aa${V}1:y1:re`,
  );
});

Deno.test("an error round-trips with its code", () => {
  const bytes = encodeError("aa", at("192.0.2.9:9"), 203, "Protocol error");
  assertEquals(
    textOf(bytes),
    `d1:eli203e14:Protocol errore2:ip6:\xc0\x00\x02\x09\x00\x091:t2:aa${V}1:y1:ee`,
  );
  const ownEndpoint = at("192.0.2.9:9");
  assertEquals(decoded(textOf(bytes)), {
    kind: "error",
    transaction: "aa",
    code: 203,
    ownEndpoint,
  });
});

Deno.test("a query without a required argument is refused with the argument's name", () => {
  const query = (args: string, method: string) =>
    `d1:ad2:id20:${OURS}${args}e1:q${method.length}:${method}1:t2:aa1:y1:qe`;
  assertEquals(faultOf("hello"), "krpc-bencode");
  assertEquals(faultOf("x".repeat(2_000)), "krpc-bencode");
  assertEquals(faultOf("le"), "krpc-envelope");
  assertEquals(faultOf("d1:t2:aa1:y1:xe"), "krpc-envelope");
  assertEquals(faultOf(`d1:t33:${"a".repeat(33)}1:y1:qe`), "krpc-envelope");
  assertEquals(faultOf("d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe"), "krpc-id");
  assertEquals(faultOf("d1:rde1:t2:aa1:y1:re"), "krpc-id");
  assertEquals(faultOf(query("", "find_node")), "krpc-argument target");
  assertEquals(faultOf(query("", "get_peers")), "krpc-argument info_hash");
  const announce = (more: string) => query(`9:info_hash20:${HASH}${more}`, "announce_peer");
  assertEquals(faultOf(announce("4:porti1e")), "krpc-argument token");
  assertEquals(faultOf(announce("5:token1:x")), "krpc-argument port");
  assertEquals(faultOf(announce("4:porti0e5:token1:x")), "krpc-argument port");
  assertEquals(faultOf(announce("4:porti65536e5:token1:x")), "krpc-argument port");
  assertEquals(faultOf(announce("4:porti65535e5:token1:x")), "ok");
  assertEquals(faultOf(query(`5:token1:x`, "put")), "krpc-argument v");
  // The keys of a stored value must be sorted, those of the message need not be.
  assertEquals(faultOf(query(`5:token1:x1:vd1:b0:1:a0:e`, "put")), "krpc-argument v");
  assertEquals(faultOf(query(`5:token1:x1:v1001:${"v".repeat(1001)}`, "put")), "krpc-value-size");
  const mutable = `1:k32:${"k".repeat(32)}4:salt65:${"s".repeat(65)}3:seqi1e3:sig64:${
    "s".repeat(64)
  }5:token1:x1:vi1e`;
  assertEquals(faultOf(query(mutable, "put")), "krpc-salt-size");
  assertEquals(faultOf(query("", "vote")), "ok");
});

Deno.test("implied_port makes the port optional", () => {
  const text = `d1:ad2:id20:${OURS}12:implied_porti1e9:info_hash20:${HASH}5:token1:xe` +
    "1:q13:announce_peer1:t2:aa1:y1:qe";
  assertEquals((decoded(text) as { impliedPort: boolean }).impliedPort, true);
});

Deno.test("lists with a partial last entry are read up to it", () => {
  const text = `d1:rd2:id20:${OURS}5:nodes27:${THEIRS}\x01\x02\x03\x04\x00\x05x6:values` +
    "l6:\x01\x02\x03\x04\x00\x055:short18:0123456789abcdef\x00\x07i5eee1:t2:aa1:y1:re";
  const response = decoded(text) as Extract<KrpcMessage, { kind: "response" }>;
  assertEquals(response.nodes, [{ id: THEIRS, endpoint: at("1.2.3.4:5") }]);
  assertEquals(response.values, ["\x01\x02\x03\x04\x00\x05", "0123456789abcdef\x00\x07"]);
});

Deno.test("truncated input gives an error code, never an exception", () => {
  for (const [, bytes] of QUERIES) {
    for (let size = 0; size < bytes.length; size++) {
      assertEquals(decodeKrpc(bytesOf(bytes.slice(0, size))).ok, false);
    }
  }
});

Deno.test("responses to all queries fit a datagram", () => {
  fc.assert(
    fc.property(fc.nat(50), fc.nat(32), (count, size) => {
      const values = Array.from({ length: count }, () => at("192.0.2.1:1"));
      const nodes = Array.from(
        { length: 8 },
        () => ({ id: OURS, endpoint: values[0] ?? at("1.1.1.1:1") }),
      );
      const transaction = "t".repeat(size);
      const bytes = encodeResponse(transaction, OURS, at("192.0.2.1:1"), {
        nodes,
        values,
        token: new Uint8Array(8),
      });
      return bytes.length <= DATAGRAM_SENT_MAX;
    }),
    { seed: 1, numRuns: 100 },
  );
});
