import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { addressText, type PeerAddress } from "../../../core/bytes/address.ts";
import {
  createPeerExchange,
  type PeerExchange,
  PEX_EARLY_MAX,
  PEX_EARLY_MS,
  PEX_FIRST_MS,
  PEX_INTERVAL_MS,
  PEX_TAKEN_MAX,
  PEX_TOLD_MAX,
  planPex as planFrom,
  receivePex,
} from "../../../core/swarm/peer_exchange.ts";
import { type Contacts, createContacts, updateContacts } from "../../../core/swarm/contacts.ts";
import { PEX_CONTACTS_MAX, type PexContact } from "../../../core/wire/ut_pex.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const contact = (i: number): PexContact => ({
  address: { ip: `8.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, port: 6881 },
  flags: 0,
});

/** A peer's exchange in a swarm that is told of nothing but `connected`. */
function createPeer(now = 0) {
  return { exchange: createPeerExchange(now), contacts: createContacts() };
}

function planPex(
  { exchange, contacts }: { exchange: PeerExchange; contacts: Contacts },
  connected: readonly PexContact[],
  self: PeerAddress | undefined,
  now: number,
) {
  updateContacts(contacts, connected);
  return planFrom(exchange, contacts, self, now);
}

const contacts = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => contact(from + i));
const NOTHING_KNOWN = () => false;
const REMOTE: PeerAddress = { ip: "9.9.9.9", port: 1 };

Deno.test("the first message is sent soon, changes a minute apart", () => {
  const exchange = createPeer();
  assertEquals(planPex(exchange, contacts(0, 3), REMOTE, PEX_FIRST_MS - 1), undefined);
  assertEquals(planPex(exchange, [], REMOTE, PEX_FIRST_MS), undefined);
  const first = planPex(exchange, contacts(0, 3), REMOTE, 5_000)!;
  assertEquals([first.added.length, first.dropped.length], [3, 0]);
  assertEquals(planPex(exchange, contacts(1, 5), REMOTE, 5_000 + PEX_INTERVAL_MS - 1), undefined);
  const second = planPex(exchange, contacts(1, 5), REMOTE, 5_000 + PEX_INTERVAL_MS)!;
  assertEquals(second.added, contacts(3, 5));
  assertEquals(second.dropped, [contact(0).address]);
  assertEquals(planPex(exchange, contacts(1, 5), REMOTE, 1e6), undefined);
});

Deno.test("a peer is not told of itself", () => {
  const exchange = createPeer();
  assertEquals(planPex(exchange, [{ address: REMOTE, flags: 0 }], REMOTE, 1e5), undefined);
});

Deno.test("a message has at most 50 addresses, except the first; the rest follows", () => {
  const exchange = createPeer();
  assertEquals(planPex(exchange, contacts(0, 120), undefined, 1e5)!.added.length, 120);
  let now = 1e5;
  for (const wanted of [50, 50, 20]) {
    now += PEX_INTERVAL_MS;
    assertEquals(planPex(exchange, [], undefined, now)!.dropped.length, wanted);
  }
  now += PEX_INTERVAL_MS;
  assertEquals(planPex(exchange, contacts(0, 70), undefined, now)!.added.length, PEX_CONTACTS_MAX);
  const full = createPeer();
  assertEquals(planPex(full, contacts(0, 5_000), undefined, 1e5)!.added.length, PEX_TOLD_MAX);
});

Deno.test("at any moment the peer's view is what was added and not dropped", () => {
  const rounds = fc.array(fc.uniqueArray(fc.nat({ max: 150 }), { maxLength: 120 }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(rounds, (all) => {
      const exchange = createPeer();
      const known = new Set<string>();
      let now = PEX_FIRST_MS;
      for (const connected of all) {
        const message = planPex(exchange, connected.map(contact), undefined, now);
        now += PEX_INTERVAL_MS;
        if (message === undefined) continue;
        const added = new Set(message.added.map(({ address }) => addressText(address)));
        for (const address of message.dropped) {
          assert(known.delete(addressText(address)) && !added.has(addressText(address)));
        }
        for (const text of added) {
          assert(!known.has(text));
          known.add(text);
        }
      }
      for (let i = 0; i < 5; i++, now += PEX_INTERVAL_MS) {
        for (const address of planPex(exchange, [], undefined, now)?.dropped ?? []) {
          known.delete(addressText(address));
        }
      }
      assertEquals(known.size, 0);
    }),
    fuzzParameters,
  );
});

Deno.test("early messages are ignored, and a flood of them closes the connection", () => {
  const exchange = createPeerExchange(0);
  const message = { added: [contact(1)], dropped: [] };
  assertEquals(receivePex(exchange, message, REMOTE, NOTHING_KNOWN, 0), {
    kind: "taken",
    found: [contact(1)],
  });
  for (let i = 0; i < PEX_EARLY_MAX; i++) {
    assertEquals(
      receivePex(exchange, { added: [contact(2)], dropped: [] }, REMOTE, NOTHING_KNOWN, i).kind,
      "ignored",
    );
  }
  assertEquals(receivePex(exchange, message, REMOTE, NOTHING_KNOWN, 100).kind, "flood");
});

Deno.test("the number of addresses that a peer may have added is limited", () => {
  const exchange = createPeerExchange(0);
  let found = 0;
  for (let i = 0; i < 100; i++) {
    const verdict = receivePex(
      exchange,
      { added: contacts(100 * i, 100 * i + 100), dropped: [] },
      REMOTE,
      NOTHING_KNOWN,
      i * PEX_INTERVAL_MS,
    );
    if (verdict.kind === "taken") found += verdict.found.length;
  }
  assertEquals([found, exchange.taken], [PEX_TAKEN_MAX, PEX_TAKEN_MAX]);
  const verdict = receivePex(
    exchange,
    { added: contacts(50_000, 50_005), dropped: contacts(0, 2).map((c) => c.address) },
    REMOTE,
    NOTHING_KNOWN,
    1e9,
  );
  if (verdict.kind !== "taken") throw new Error(verdict.kind);
  assertEquals(verdict.found, contacts(50_000, 50_002), "as many as it dropped");
});

Deno.test("a public peer cannot name private addresses, nor a host more than once", () => {
  const from = (from: string, ips: string[]) => {
    const added = ips.map((ip, i) => ({ address: { ip, port: 1_000 + i }, flags: 0 }));
    const verdict = receivePex(
      createPeerExchange(0),
      { added, dropped: [] },
      { ip: from, port: 1 },
      NOTHING_KNOWN,
      0,
    );
    return verdict.kind === "taken" ? verdict.found.map(({ address }) => address.ip) : [];
  };
  const all = ["127.0.0.1", "10.0.0.1", "8.8.8.8", "8.8.8.8", "::1", "fe80::1", "2001:db8::1"];
  assertEquals(from("9.9.9.9", all), ["8.8.8.8", "2001:db8::1"]);
  assertEquals(from("10.0.0.9", all), ["10.0.0.1", "8.8.8.8", "fe80::1", "2001:db8::1"]);
  assertEquals(from("127.0.0.1", ["127.0.0.1", "127.0.0.1"]), ["127.0.0.1", "127.0.0.1"]);
});

Deno.test("addresses that we know count nothing, and are passed on", () => {
  const exchange = createPeerExchange(0);
  const known = new Set(contacts(0, 150).map(({ address }) => addressText(address)));
  const message = { added: contacts(0, 200), dropped: [] };
  const verdict = receivePex(exchange, message, REMOTE, (text) => known.has(text), 0);
  if (verdict.kind !== "taken") throw new Error(verdict.kind);
  assertEquals([verdict.found.length, exchange.taken], [200, 50]);
});

Deno.test("a contact that went and came back between two messages is no news", () => {
  const peer = createPeer();
  planPex(peer, contacts(0, 3), undefined, 5_000);
  let now = 5_000 + PEX_INTERVAL_MS;
  planPex(peer, contacts(1, 3), undefined, now - 1);
  assertEquals(planPex(peer, contacts(0, 3), undefined, now), undefined);
  planPex(peer, [contact(7)], undefined, now = now + 1);
  now += PEX_INTERVAL_MS;
  planPex(peer, [], undefined, now - 1);
  const { added, dropped } = planPex(peer, contacts(0, 1), undefined, now)!;
  assertEquals([added, dropped], [[contact(0)], [contact(7).address]]);
});

Deno.test("a full list takes nothing more before something was dropped", () => {
  const exchange = createPeer();
  const all = contacts(0, PEX_TOLD_MAX + 3);
  const at = (minute: number) => 5_000 + minute * PEX_INTERVAL_MS;
  assertEquals(planPex(exchange, all, REMOTE, at(0))!.added.length, PEX_TOLD_MAX);
  assertEquals(planPex(exchange, all, REMOTE, at(1)), undefined);
  const without = all.slice(2);
  assertEquals(planPex(exchange, without, REMOTE, at(2))!.dropped.length, 2);
  assertEquals(planPex(exchange, without, REMOTE, at(3))!.added.length, 2);
  assertEquals(planPex(exchange, without, REMOTE, at(4)), undefined);
});

Deno.test("a message after the pause is no longer early, and makes up for one that was", () => {
  const exchange = createPeerExchange(0);
  const nothing = { added: [], dropped: [] };
  const receive = (now: number) => receivePex(exchange, nothing, REMOTE, NOTHING_KNOWN, now).kind;
  const start = 1_000_000;
  assertEquals(receive(start), "taken");
  for (let i = 0; i < PEX_EARLY_MAX; i++) assertEquals(receive(start + 1), "ignored");
  assertEquals(receive(start + PEX_EARLY_MS - 1), "flood");
  const other = createPeerExchange(0);
  const again = (now: number) => receivePex(other, nothing, REMOTE, NOTHING_KNOWN, now).kind;
  again(start);
  for (let i = 0; i < PEX_EARLY_MAX; i++) again(start + 1);
  assertEquals(again(start + PEX_EARLY_MS), "taken");
  assertEquals([again(start + PEX_EARLY_MS + 1), again(start + PEX_EARLY_MS + 2)], [
    ...["ignored", "flood"],
  ]);
});
