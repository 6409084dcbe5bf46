import { assert } from "@std/assert";
import fc from "../support/fast_check.ts";
import { at, bytesOf, idOf, optionsOf } from "../core/dht/kit.ts";
import { decodeKrpc } from "../../core/dht/krpc_decode.ts";
import { encodeQuery, encodeResponse } from "../../core/dht/krpc_encode.ts";
import type { DhtEffect } from "../../core/dht/protocol.ts";
import { decodeSavedNode } from "../../core/dht/saved_node.ts";
import { createDht } from "../../core/dht/state.ts";
import { nextDeadline, step } from "../../core/dht/step.ts";
import { hostile } from "./hostile_bytes.ts";
import { fuzzParameters } from "./runs.ts";

const ID = idOf(9);
const TARGET = idOf(7);
const good = fc.constantFrom(
  encodeQuery("aa", ID, false, { method: "find_node", target: TARGET, want: [4, 6] }),
  encodeQuery("aa", ID, false, {
    method: "get_peers",
    target: TARGET,
    want: [],
    noSeeds: true,
    scrape: true,
  }),
  encodeQuery("aa", ID, false, {
    method: "put",
    token: new Uint8Array(8),
    item: { kind: "immutable", value: bytesOf("d1:ai1ee") },
  }),
  encodeResponse("aa", ID, at("20.0.0.9:1"), {
    nodes: [{ id: TARGET, endpoint: at("21.0.0.1:1") }],
    values: [at("22.0.0.1:1")],
    token: new Uint8Array(8),
  }),
);

Deno.test("no bytes make the parsers of datagrams and saved nodes throw", () => {
  fc.assert(
    fc.property(hostile(good), (bytes) => {
      decodeKrpc(bytes);
      decodeSavedNode(bytes);
    }),
    fuzzParameters,
  );
});

Deno.test("no datagrams make the node throw, exceed its send limits, or grow forever", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(hostile(good), fc.nat(255), fc.nat(60_000)), { maxLength: 60 }),
      (packets) => {
        const dht = createDht(optionsOf(1), 0);
        const effects: DhtEffect[] = [];
        step(dht, { kind: "start" }, 0, effects);
        step(dht, { kind: "lookup", job: 1, infoHash: TARGET, scrape: true }, 0, effects);
        let now = 0;
        for (const [bytes, host, ms] of packets) {
          now += ms;
          effects.length = 0;
          const from = at(`20.0.${host}.1:1`);
          step(dht, { kind: "datagram", from, bytes }, now, effects);
          const sentBack = effects.filter((effect) => effect.kind === "send" && effect.to === from);
          assert(sentBack.length <= 3, "an answer, a check and a lookup's query");
          assert(nextDeadline(dht, now).at > -Infinity);
        }
        assert(dht.networks[0]!.upkeep.heard.size <= 600);
      },
    ),
    fuzzParameters,
  );
});
