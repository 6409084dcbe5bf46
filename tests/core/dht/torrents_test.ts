import { assertEquals } from "@std/assert";
import { ANNOUNCE_INTERVAL_MS, LOOKUP_INTERVAL_MIN_MS } from "../../../core/dht/torrents.ts";
import { type Answered, at, idOf, optionsOf, Solo } from "./kit.ts";

const HASH = idOf(77);
const OTHER = at("10.0.0.2:1");
const JOIN = {
  kind: "join",
  infoHash: HASH,
  port: 7000,
  impliedPort: false,
  isSeed: false,
} as const;

type Query = Solo["queries"][number];

/** A node that answers every query and returns as many peers as are set. */
class Other {
  peers: string[] = [];
  lookups: number[] = [];
  announces: { port: number; isSeed: boolean }[] = [];

  readonly answer = ({ to, body, at }: Query): Answered | undefined => {
    if (to !== OTHER) return undefined;
    if (body.method === "get_peers") this.lookups.push(at);
    if (body.method === "announce_peer") {
      this.announces.push({ port: body.port, isSeed: body.isSeed });
    }
    return { id: idOf(9), token: new Uint8Array(2), nodes: [], values: this.peers };
  };
}

function startWith(other: Other): Solo {
  const solo = new Solo();
  solo.tell({ kind: "nodes", endpoints: [OTHER], areRouters: false });
  solo.run(4_000, other.answer);
  return solo;
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

Deno.test("while no peer is found, delays double up to the interval", () => {
  const other = new Other();
  const solo = startWith(other);
  solo.tell(JOIN);
  solo.run(60 * 60_000, other.answer);
  const waits = gaps(other.lookups);
  for (const [i, wait] of waits.slice(0, 8).entries()) {
    const most = 2_000 * 2 ** i;
    assertEquals(wait > 0.9 * most && wait <= most, true, `${i}: ${wait}`);
  }
  assertEquals(waits.every((wait) => wait <= ANNOUNCE_INTERVAL_MS), true);
  assertEquals(other.announces.length, other.lookups.length);
});

Deno.test("with peers, a torrent is announced once per interval, less up to a tenth", () => {
  const other = new Other();
  other.peers = [at("20.0.0.1:1"), at("20.0.0.2:1"), at("20.0.0.3:1")];
  const solo = startWith(other);
  solo.tell(JOIN);
  solo.run(3 * 60 * 60_000, other.answer);
  const waits = gaps(other.lookups);
  assertEquals(waits.length >= 12, true);
  for (const wait of waits) {
    assertEquals(
      wait > 0.9 * ANNOUNCE_INTERVAL_MS && wait <= ANNOUNCE_INTERVAL_MS,
      true,
      `${wait}`,
    );
  }
});

Deno.test("peers of one network are enough: the other, with few, does not hurry the next round", () => {
  const six = at("[2001:db8::2]:1");
  const rounds: number[] = [];
  const solo = new Solo(optionsOf(1, { versions: [4, 6] }));
  // Whichever address family is slower.
  for (const slower of [4, 6]) {
    const answer = ({ to, body, at: when }: Query): Answered | undefined => {
      if (body.method === "get_peers" && to === six) rounds.push(when);
      const values = to === six
        ? [at("[2001:db8::9]:1")]
        : [at("20.0.0.1:1"), at("20.0.0.2:1"), at("20.0.0.3:1")];
      return { id: idOf(9, to === six ? 6 : 4), token: new Uint8Array(2), nodes: [], values };
    };
    const endpoints = slower === 4 ? [six, OTHER] : [OTHER, six];
    solo.tell({ kind: "nodes", endpoints, areRouters: false });
    solo.run(4_000, answer);
    solo.tell({ ...JOIN, infoHash: idOf(70 + slower) });
    rounds.length = 0;
    solo.run(ANNOUNCE_INTERVAL_MS * 0.8, answer);
    assertEquals(rounds.length, 1, `IPv${slower} ends last`);
    solo.tell({ kind: "leave", infoHash: idOf(70 + slower) });
  }
});

Deno.test("joining again changes the announce and starts no lookup", () => {
  const other = new Other();
  other.peers = [at("20.0.0.1:1"), at("20.0.0.2:1")];
  const solo = startWith(other);
  solo.tell(JOIN);
  solo.run(1_000, other.answer);
  solo.tell({ ...JOIN, port: 7001, isSeed: true });
  solo.run(1_000, other.answer);
  assertEquals(other.announces, [{ port: 7000, isSeed: false }]);
  solo.run(ANNOUNCE_INTERVAL_MS, other.answer);
  assertEquals(other.announces.at(-1), { port: 7001, isSeed: true });
});

Deno.test("a torrent that needs peers is looked up at most once a minute", () => {
  const other = new Other();
  other.peers = [at("20.0.0.1:1"), at("20.0.0.2:1")];
  const solo = startWith(other);
  solo.tell({ kind: "want-peers", infoHash: HASH });
  solo.tell(JOIN);
  solo.run(1_000, other.answer);
  for (let i = 0; i < 300; i++) {
    solo.tell({ kind: "want-peers", infoHash: HASH });
    solo.run(1_000, other.answer);
  }
  assertEquals(gaps(other.lookups), Array(5).fill(LOOKUP_INTERVAL_MIN_MS));
});

Deno.test("a lookup without responses is retried with doubling delays", () => {
  const solo = new Solo();
  solo.tell({ kind: "nodes", endpoints: [OTHER], areRouters: false });
  solo.tell(JOIN);
  const asked: number[] = [];
  solo.run(10 * 60_000, ({ body, at }) => {
    if (body.method === "get_peers") asked.push(at);
    return undefined;
  });
  const waits = gaps(asked);
  assertEquals(waits.length >= 6, true, `${asked}`);
  for (let i = 1; i < waits.length; i++) assertEquals(waits[i]! >= waits[i - 1]!, true, `${waits}`);
  assertEquals(waits.at(-1)! > 60_000, true);
  // A user's request does not query failed nodes more often.
  const before = asked.length;
  for (let i = 0; i < 60; i++) {
    solo.tell({ kind: "want-peers", infoHash: HASH });
    solo.run(500, ({ body }) => void (body.method === "get_peers" && asked.push(0)));
  }
  assertEquals(asked.length - before <= 1, true);
});

Deno.test("without nodes, a torrent waits for the first one", () => {
  const solo = new Solo();
  solo.tell(JOIN);
  solo.run(30_000);
  const other = new Other();
  solo.tell({ kind: "nodes", endpoints: [OTHER], areRouters: false });
  solo.run(3_000, other.answer);
  assertEquals(other.announces.length >= 1, true);
});

Deno.test("of many torrents, eight are looked up at a time, in turn", () => {
  const other = new Other();
  other.peers = [at("20.0.0.1:1"), at("20.0.0.2:1")];
  const solo = startWith(other);
  for (let i = 0; i < 100; i++) solo.tell({ ...JOIN, infoHash: idOf(1, i) });
  assertEquals(solo.dht.lookups.size, 8);
  solo.run(100_000, other.answer);
  assertEquals([...solo.dht.torrents.values()].every(({ lookedUpAt }) => lookedUpAt > 0), true);
});

Deno.test("with thousands of torrents, the interval grows by a second for each", () => {
  const other = new Other();
  other.peers = [at("20.0.0.1:1"), at("20.0.0.2:1")];
  const solo = startWith(other);
  for (let i = 0; i < 2_000; i++) solo.tell({ ...JOIN, infoHash: idOf(1, i >> 8, i & 255) });
  const [first] = solo.dht.torrents.values();
  solo.run(1_000, other.answer);
  const wait = first!.nextAt - first!.lookedUpAt;
  assertEquals(wait > 0.9 * 2_000_000 && wait <= 2_000_000 + 1_000, true, `${wait}`);
  for (let i = 0; i < 9_000; i++) solo.tell({ ...JOIN, infoHash: idOf(2, i >> 8, i & 255) });
  assertEquals(solo.dht.torrents.size, 10_000);
});

Deno.test("a torrent that leaves during its lookup is not announced", () => {
  const other = new Other();
  const solo = startWith(other);
  solo.tell(JOIN);
  solo.tell({ kind: "leave", infoHash: HASH });
  solo.run(60_000, other.answer);
  assertEquals(other.announces, []);
});

Deno.test("cancelling affects one job only, and a job without nodes ends at once", () => {
  const solo = new Solo(optionsOf(1));
  solo.tell({ kind: "lookup", job: 1, infoHash: HASH, scrape: false });
  solo.tell({ kind: "get", job: 2, target: HASH, salt: new Uint8Array() });
  const told = solo.effects.filter(({ kind }) => kind === "lookup-done" || kind === "value");
  assertEquals(told.map((effect) => [effect.kind, "job" in effect && effect.job]), [
    ["lookup-done", 1],
    ["value", 2],
    ["lookup-done", 2],
  ]);
  const other = new Other();
  solo.tell({ kind: "nodes", endpoints: [OTHER], areRouters: false });
  solo.run(4_000, other.answer);
  solo.effects = [];
  solo.tell({ kind: "lookup", job: 3, infoHash: HASH, scrape: false });
  solo.tell({ kind: "lookup", job: 4, infoHash: HASH, scrape: false });
  solo.tell({ kind: "cancel", job: 3 });
  solo.run(10_000, other.answer);
  const jobs = solo.effects.flatMap((effect) => effect.kind === "lookup-done" ? [effect.job] : []);
  assertEquals(jobs, [4]);
});
