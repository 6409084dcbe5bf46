/** The address book by itself: what becomes of each entry, and of what is counted for its host. */
import { assert, assertEquals } from "@std/assert";
import {
  addAddresses,
  type AddressBook,
  type AddressSource,
  banIp,
  claimAddress,
  claimListenAddress,
  countDialable,
  createAddressBook,
  dialAddresses,
  limitDials,
  neverDial,
  onDialFailed,
  passAddresses,
  releaseAddresses,
  retryAddresses,
  setPrivate,
  setUnneeded,
  takeDial,
} from "../../../core/swarm/address_book.ts";
import { hostOf, isPeerPort, mayBeDialled } from "../../../core/swarm/address_rules.ts";
import {
  ADDRESSES_MAX,
  BANS_MAX,
  DIALS_AT_ONCE_MAX,
  DIALS_PER_SECOND,
  HOST_ADDRESSES_MAX,
  HOST_DIALS_PER_HOUR,
  REDIAL_FIRST_MS,
} from "../../../core/swarm/limits.ts";
import type { SwarmEffect } from "../../../core/swarm/protocol.ts";

const HOUR_MS = 3_600_000;
const NOW = 10_000;

/** Addresses of hosts of their own, different ones for each net. */
function hosts(count: number, net = 1) {
  return Array.from(
    { length: count },
    (_, i) => ({ ip: `10.${net}.${i >> 8}.${i & 255}`, port: 6881 }),
  );
}

/** Ports of one host. */
function ports(ip: string, count: number, first = 10_000) {
  return Array.from({ length: count }, (_, i) => ({ ip, port: first + i }));
}

function bookOf(source: AddressSource, ...addresses: { ip: string; port: number }[]): AddressBook {
  const book = createAddressBook(false, { next: 1 });
  addAddresses(book, addresses, source, NOW);
  return book;
}

/** The jobs of dials that begin. */
function dial(book: AddressBook, now = NOW, connections = 0, dialled = 0): number[] {
  const effects: SwarmEffect[] = [];
  dialAddresses(book, connections, () => dialled, now, effects);
  return effects.flatMap((effect) => effect.kind === "dial" ? [effect.job] : []);
}

const names = (book: AddressBook) => [...book.entries.keys()];

Deno.test("a known address takes a more trusted source, and no other", () => {
  const sourceAfter = (first: AddressSource, then: AddressSource) => {
    const [address] = hosts(1);
    const book = bookOf(first, address!);
    addAddresses(book, [address!], then, NOW);
    return book.entries.get("10.1.0.0:6881")!.source;
  };
  assertEquals(sourceAfter("pex", "tracker"), "tracker");
  assertEquals(sourceAfter("tracker", "pex"), "tracker");
  assertEquals(sourceAfter("magnet", "resume"), "magnet");
});

Deno.test("a torrent that turns out to be private keeps what trackers named, and what is in use", () => {
  const [tracker, used, other] = hosts(3) as [{ ip: string; port: number }, never, never];
  const book = bookOf("pex", used, other);
  addAddresses(book, [tracker], "tracker", NOW);
  claimAddress(book, book.entries.get("10.1.0.1:6881")!, 5);
  setPrivate(book);
  assertEquals(names(book), ["10.1.0.1:6881", "10.1.0.0:6881"]);
});

Deno.test("on a crowded host one of its own entries gives way, however little is between them", () => {
  const stranger = hosts(1)[0]!;
  const book = bookOf("incoming", stranger);
  addAddresses(book, ports("10.9.9.9", HOST_ADDRESSES_MAX), "magnet", NOW);
  addAddresses(book, [{ ip: "10.9.9.9", port: 5_000 }], "tracker", NOW);
  assertEquals(book.entries.size, HOST_ADDRESSES_MAX + 1);
  assertEquals(names(book).includes("10.1.0.0:6881"), true);
  assertEquals(names(book).at(-1), "10.9.9.9:5000");
  addAddresses(book, [{ ip: "10.9.9.9", port: 5_001 }], "resume", NOW);
  assertEquals(names(book).includes("10.9.9.9:5001"), false, "equals stay");
});

Deno.test("what failed most goes first, and what failed at all before what is less trusted", () => {
  const crowd = ports("10.9.9.9", HOST_ADDRESSES_MAX);
  const book = bookOf("tracker", ...crowd.slice(0, 2));
  for (const [port, times] of [[10_000, 2], [10_001, 3]] as const) {
    for (let i = 0; i < times; i++) {
      claimAddress(book, book.entries.get(`10.9.9.9:${port}`)!, 5);
      releaseAddresses(book, 5, false, NOW);
    }
  }
  addAddresses(book, crowd.slice(2), "incoming", NOW);
  const newcomer = { ip: "10.9.9.9", port: 5_000 };
  addAddresses(book, [newcomer], "pex", NOW);
  assertEquals(names(book).slice(0, 2), ["10.9.9.9:10000", "10.9.9.9:10002"], "three before two");
  addAddresses(book, [{ ...newcomer, port: 5_001 }], "tracker", NOW);
  assertEquals(names(book)[0], "10.9.9.9:10002", "two failures before the least trusted");
});

Deno.test("an address that is never dialled gives way before all others", () => {
  const book = bookOf("tracker", ...ports("10.9.9.9", HOST_ADDRESSES_MAX));
  neverDial(book, { ip: "10.9.9.9", port: 10_005 });
  neverDial(book, { ip: "10.9.9.9", port: 1 });
  addAddresses(book, [{ ip: "10.9.9.9", port: 5_000 }], "incoming", NOW);
  assertEquals(names(book).includes("10.9.9.9:10005"), false);
  assertEquals(names(book).includes("10.9.9.9:5000"), true);
});

Deno.test("hosts without addresses are remembered for an hour, and no more than fit", () => {
  const known = (book: AddressBook) => (book as unknown as { hosts: Map<string, unknown> }).hosts;
  const book = bookOf("pex", ...hosts(ADDRESSES_MAX, 1));
  addAddresses(book, hosts(ADDRESSES_MAX, 2), "dht", NOW + 1);
  assertEquals([book.entries.size, known(book).size], [ADDRESSES_MAX, 2 * ADDRESSES_MAX]);
  addAddresses(book, hosts(1, 3), "lsd", NOW + 2);
  assertEquals(known(book).size, 2 * ADDRESSES_MAX, "an old one made room");
  assert(
    known(book).has("10.3.0.0") && !known(book).has("10.1.0.0") && known(book).has("10.1.0.1"),
  );
  addAddresses(book, hosts(1, 4), "lsd", NOW + HOUR_MS);
  // Gone are the hosts of the first list; those of the second are younger than an hour.
  assert(!known(book).has("10.1.0.1") && known(book).has("10.2.0.1"));
  assertEquals(known(book).size, ADDRESSES_MAX + 2);
});

Deno.test("dials have numbers of their own", () => {
  assertEquals(dial(bookOf("tracker", ...hosts(3))), [1, 2, 3]);
});

Deno.test("dials are as many as the second has earned, and unused ones do not add up", () => {
  const book = bookOf("tracker", ...hosts(200));
  const dialAndFail = (now: number) => {
    const jobs = dial(book, now);
    for (const job of jobs) onDialFailed(book, job, now);
    return jobs.length;
  };
  const step = 1000 / DIALS_PER_SECOND;
  assertEquals(dialAndFail(NOW), DIALS_AT_ONCE_MAX);
  assertEquals(dialAndFail(NOW), 0);
  assertEquals(dialAndFail(NOW + Math.ceil(step)), 1);
  assertEquals(dialAndFail(NOW + Math.ceil(step)), 0);
  assertEquals(dialAndFail(NOW + 4 * Math.ceil(step)), 3);
  assertEquals(dialAndFail(NOW + 60_000), DIALS_AT_ONCE_MAX);
});

Deno.test("beyond the wanted connections only what we dialled is filled up, to a half", () => {
  const dials = (connections: number, dialled: number) => {
    const book = bookOf("tracker", ...hosts(20));
    limitDials(book, 30, 10);
    return dial(book, NOW, connections, dialled).length;
  };
  assertEquals(dials(0, 0), 10);
  assertEquals(dials(9, 9), 1);
  assertEquals(dials(10, 10), 0);
  assertEquals(dials(10, 3), 2);
  assertEquals(dials(10, 5), 0);
  assertEquals(dials(10, 0), 5);
});

Deno.test("free and due addresses are counted without those in use, unneeded or banned", () => {
  const book = bookOf("tracker", ...hosts(5));
  claimAddress(book, book.entries.get("10.1.0.0:6881")!, 5);
  setUnneeded(book, { ip: "10.1.0.1", port: 6881 });
  setUnneeded(book, { ip: "10.1.0.9", port: 6881 });
  banIp(book, "10.1.0.2");
  assertEquals(countDialable(book, NOW), { free: 2, due: 2 });
  assertEquals(countDialable(book, NOW - 1), { free: 2, due: 0 });
});

Deno.test("banned addresses are neither dialled nor taken, and the first of too many bans ends", () => {
  const book = bookOf("tracker", ...hosts(2));
  banIp(book, "10.1.0.0");
  assertEquals(dial(book).length, 1);
  addAddresses(book, [{ ip: "10.1.0.0", port: 7_000 }], "user", NOW);
  assertEquals(book.entries.size, 2);
  for (let i = 0; i < BANS_MAX - 1; i++) banIp(book, `host ${i}`);
  assertEquals([book.bannedIps.size, book.bannedIps.has("10.1.0.0")], [BANS_MAX, true]);
  banIp(book, "one more");
  assertEquals([book.bannedIps.size, book.bannedIps.has("10.1.0.0")], [BANS_MAX, false]);
});

Deno.test("the dials of a host are counted anew an hour after the first of them", () => {
  const book = bookOf("tracker", ...ports("10.9.9.9", HOST_ADDRESSES_MAX));
  let now = NOW;
  const dialAll = () => {
    let count = 0;
    for (;;) {
      // Its waits are not at issue here.
      retryAddresses(book);
      const jobs = dial(book, now);
      if (jobs.length === 0) return count;
      count += jobs.length;
      for (const job of jobs) onDialFailed(book, job, now);
      now += 100;
    }
  };
  assertEquals(dialAll(), HOST_DIALS_PER_HOUR);
  now = NOW + HOUR_MS - 1;
  assertEquals(dialAll(), 0);
  now = NOW + HOUR_MS;
  assertEquals(dialAll(), HOST_DIALS_PER_HOUR);
  now = NOW + 2 * HOUR_MS - 1;
  assertEquals(dialAll(), 0, "the second hour began with its first dial");
  now = NOW + 2 * HOUR_MS + 6_000;
  assertEquals(dialAll(), HOST_DIALS_PER_HOUR);
});

Deno.test("a connection holds all addresses that it took over, and gives them back", () => {
  const book = bookOf("tracker", ...hosts(2));
  const [first, second] = dial(book);
  claimAddress(book, takeDial(book, first!)!, 5);
  claimAddress(book, takeDial(book, second!)!, 6);
  passAddresses(book, 5, 6);
  passAddresses(book, 99, 6);
  releaseAddresses(book, 5, false, NOW);
  assertEquals(countDialable(book, NOW).free, 0);
  releaseAddresses(book, 6, false, NOW);
  assertEquals(countDialable(book, NOW), { free: 2, due: 0 });
  assertEquals(countDialable(book, NOW + REDIAL_FIRST_MS), { free: 2, due: 2 });
});

Deno.test("a connection that was worth it begins its waits anew, and one that was not does not", () => {
  const book = bookOf("tracker", ...hosts(1));
  const entry = () => [...book.entries.values()][0]!;
  const use = (wasWorthIt: boolean) => {
    claimAddress(book, entry(), 5);
    releaseAddresses(book, 5, wasWorthIt, NOW);
    return entry().nextTryMs - NOW;
  };
  assertEquals([use(false), use(false), use(false), use(true), use(true)], [
    ...[1, 2, 4, 1, 1].map((times) => times * REDIAL_FIRST_MS),
  ]);
});

Deno.test("an address that became never dialled while it was used stays so", () => {
  const book = bookOf("tracker", ...hosts(1));
  claimAddress(book, [...book.entries.values()][0]!, 5);
  neverDial(book, hosts(1)[0]!);
  releaseAddresses(book, 5, true, NOW);
  retryAddresses(book);
  assertEquals(dial(book, NOW + HOUR_MS), []);
  claimAddress(book, [...book.entries.values()][0]!, 6);
  neverDial(book, hosts(1)[0]!);
  passAddresses(book, 6, 7);
  assertEquals([...book.entries.values()][0]!.use, "never");
});

Deno.test("a peer that names its port again holds the same address, another port frees it", () => {
  const book = bookOf("tracker", { ip: "10.9.9.9", port: 6881 });
  const entry = () => book.entries.get("10.9.9.9:6881")!;
  const listens = (port: number) => claimListenAddress(book, { ip: "10.9.9.9", port }, 5, NOW);
  listens(6881);
  listens(6881);
  assertEquals([entry().use, entry().failures], ["connected", 0]);
  listens(7_000);
  assertEquals([entry().use, entry().nextTryMs], ["free", NOW + REDIAL_FIRST_MS]);
  assertEquals(book.entries.get("10.9.9.9:7000")!.use, "connected");
  listens(7_001);
  assertEquals(names(book), ["10.9.9.9:6881", "10.9.9.9:7001"], "only its own word for it");
  releaseAddresses(book, 5, false, NOW);
  assertEquals(book.entries.get("10.9.9.9:7001")!.use, "free");
});

Deno.test("when more is wanted, waits end, and peers that were not needed are dialled", () => {
  const book = bookOf("tracker", ...hosts(4));
  for (const job of dial(book)) onDialFailed(book, job, NOW);
  setUnneeded(book, hosts(1)[0]!);
  claimAddress(book, book.entries.get("10.1.0.1:6881")!, 5);
  neverDial(book, { ip: "10.1.0.2", port: 6881 });
  assertEquals(dial(book), []);
  retryAddresses(book);
  assertEquals([...book.entries.values()].map(({ use, failures }) => `${use} ${failures}`), [
    ...["free 0", "connected 1", "never 1", "free 0"],
  ]);
  assertEquals(dial(book).length, 2);
});

Deno.test("what makes room is followed by a dial", () => {
  const full = () => {
    const book = bookOf("tracker", ...hosts(1));
    limitDials(book, 30, 2);
    assertEquals(dial(book, NOW, 2, 2), []);
    assertEquals(book.nextDialMs, undefined);
    return book;
  };
  const left = full();
  releaseAddresses(left, 99, false, NOW);
  assertEquals(dial(left, NOW, 1, 1).length, 1);
  const retried = full();
  retryAddresses(retried);
  assertEquals(dial(retried, NOW, 1, 1).length, 1);
  const granted = full();
  limitDials(granted, 30, 3);
  assertEquals(dial(granted, NOW, 2, 2).length, 1);
  const ended = full();
  takeDial(ended, 99);
  assertEquals(dial(ended, NOW, 1, 1).length, 1);
});

Deno.test("a connection that is gone leaves nothing behind", () => {
  const book = bookOf("tracker", ...hosts(1));
  claimAddress(book, [...book.entries.values()][0]!, 5);
  releaseAddresses(book, 5, false, NOW);
  assertEquals((book as unknown as { owned: Map<number, unknown> }).owned.size, 0);
});

Deno.test("ports of peers are above the privileged ones, those that a user types are any", () => {
  assertEquals([1023, 1024, 65_535, 65_536].map(isPeerPort), [false, true, true, false]);
  const typed = (port: number) => mayBeDialled({ ip: "10.1.1.1", port }, true);
  assertEquals([0, 1, 80, 65_535, 65_536].map(typed), [false, true, true, true, false]);
  assertEquals(mayBeDialled({ ip: "10.1.1.1", port: 80 }, false), false);
});

Deno.test("a host is an IPv4 address or the first half of an IPv6 one", () => {
  assertEquals(hostOf("10.1.2.3"), "10.1.2.3");
  assertEquals(hostOf("2001:db8:1:2:3:4:5:6"), "20010db800010002");
  assertEquals(hostOf("2001:db8:1:2::9"), hostOf("2001:db8:1:2:3:4:5:6"));
  assert(hostOf("2001:db8:1:3::9") !== hostOf("2001:db8:1:2::9"));
  assertEquals(hostOf("nonsense"), "nonsense");
});

Deno.test("an address that is to be tried again later is looked at again", () => {
  const book = bookOf("tracker", ...hosts(1));
  const [job] = dial(book);
  assertEquals(book.nextDialMs, undefined);
  onDialFailed(book, job!, NOW);
  dial(book, NOW);
  assertEquals(book.nextDialMs, NOW + REDIAL_FIRST_MS);
  claimListenAddress(book, { ip: "10.9.9.9", port: 7_000 }, 5, NOW);
  dial(book, NOW);
  releaseAddresses(book, 5, false, NOW);
  assertEquals(book.nextDialMs, 0);
});
