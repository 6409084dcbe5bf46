import { assert, assertEquals } from "@std/assert";
import type { AddressSource } from "../../../core/swarm/address_book.ts";
import {
  ADDRESSES_MAX,
  DIALS_AT_ONCE_MAX,
  DIALS_PER_SECOND,
  HOST_ADDRESSES_MAX,
  HOST_DIALS_AT_ONCE_MAX,
  HOST_DIALS_PER_HOUR,
} from "../../../core/swarm/limits.ts";
import { encodeExtendedHandshake } from "../../../core/wire/extended.ts";
import { Kit } from "../torrent/kit.ts";

const address = (ip: string, port = 6881) => ({ ip, port });
const ports = (ip: string, count: number) =>
  Array.from({ length: count }, (_, i) => address(ip, 10_000 + i));
const entriesOf = (kit: Kit) => [...kit.torrent.swarm.addresses.entries.keys()];

function found(kit: Kit, source: AddressSource, ...addresses: { ip: string; port: number }[]) {
  kit.feed({ kind: "peers-found", addresses, source });
}

function listensAt(kit: Kit, peer: number, port: number): void {
  const payload = encodeExtendedHandshake({
    extensions: new Map(),
    version: undefined,
    port,
    reqq: undefined,
    yourIp: undefined,
    uploadOnly: undefined,
    metadataSize: undefined,
  });
  kit.say(peer, { kind: "extended", id: 0, payload });
}

/** Every dial fails immediately, for `seconds`. */
function failFor(kit: Kit, seconds: number): void {
  const answered = new Set<number>();
  for (let second = 0; second < seconds; second++) {
    for (const { job } of kit.all("dial")) {
      if (answered.has(job)) continue;
      answered.add(job);
      kit.feed({ kind: "dial-failed", job, why: "refused" });
    }
    kit.wait(1_000);
  }
}

Deno.test("a peer that announces many ports holds one address, and honest ones are dialled", () => {
  const kit = new Kit({ have: ".." });
  const liar = kit.handshake({ ip: "10.6.6.6", extended: true });
  for (let port = 2_000; port < 6_000; port++) listensAt(kit, liar, port);
  assertEquals(entriesOf(kit), ["10.6.6.6:5999"]);
  found(kit, "tracker", address("10.7.7.7"));
  assertEquals(kit.all("dial").map(({ address }) => address.ip), ["10.7.7.7"]);
});

Deno.test("a host that reconnects from many ports holds few addresses", () => {
  const kit = new Kit({ have: ".." });
  for (let i = 0; i < 200; i++) {
    const peer = kit.handshake({ ip: "10.6.6.6", port: 40_000 + i, extended: true, id: i + 1 });
    listensAt(kit, peer, 20_000 + i);
    kit.disconnect(peer);
  }
  assert(entriesOf(kit).length <= HOST_ADDRESSES_MAX, `${entriesOf(kit).length} addresses`);
});

Deno.test("a more trusted source replaces entries of a less trusted one, not vice versa", () => {
  const kit = new Kit({ have: ".." });
  const strangers = Array.from(
    { length: ADDRESSES_MAX + 100 },
    (_, i) => address(`10.${20 + (i >> 8)}.${i & 255}.1`),
  );
  found(kit, "pex", ...strangers);
  assertEquals(entriesOf(kit).length, ADDRESSES_MAX);
  found(kit, "dht", address("10.9.9.9"));
  found(kit, "incoming", address("10.9.9.8"));
  assertEquals(entriesOf(kit).includes("10.9.9.9:6881"), true);
  assertEquals(entriesOf(kit).includes("10.9.9.8:6881"), false);
  assertEquals(entriesOf(kit).length, ADDRESSES_MAX);
});

Deno.test("of 2,000 ports of one host from a tracker, few are dialled at once and per hour", () => {
  const kit = new Kit({ have: ".." });
  found(kit, "tracker", ...ports("10.5.5.5", 2_000));
  assertEquals(kit.all("dial").length, HOST_DIALS_AT_ONCE_MAX);
  assertEquals(entriesOf(kit).length, HOST_ADDRESSES_MAX);
  failFor(kit, 3_500);
  assertEquals(kit.all("dial").length, HOST_DIALS_PER_HOUR);
});

Deno.test("the IPv6 network of one customer counts as one host", () => {
  const kit = new Kit({ have: ".." });
  found(kit, "dht", ...[1, 2, 3, 4, 5].map((n) => address(`2001:db8::${n}`)));
  assertEquals(kit.all("dial").length, HOST_DIALS_AT_ONCE_MAX);
});

Deno.test("loopback addresses and those given by the user have no limit per host", () => {
  for (const [ip, source] of [["127.0.0.1", "tracker"], ["10.5.5.5", "user"]] as const) {
    const kit = new Kit({ have: ".." });
    found(kit, source, ...ports(ip, 100));
    assertEquals(kit.all("dial").length, DIALS_AT_ONCE_MAX);
  }
});

Deno.test("invalid host addresses and ports of well-known services are not dialled", () => {
  const nobody = ["0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.2.3", "255.255.255.255", "::"];
  const services = [0, 22, 23, 25, 80, 443, 1023, 3306, 6379, 9200, 65_536];
  const kit = new Kit({ have: ".." });
  found(kit, "tracker", ...[...nobody, "ff02::1", "10.0.0"].map((ip) => address(ip)));
  found(kit, "tracker", ...services.map((port, i) => address(`10.1.${i}.1`, port)));
  assertEquals(entriesOf(kit), []);
  found(kit, "user", address("10.1.1.1", 80), ...nobody.map((ip) => address(ip)));
  assertEquals(entriesOf(kit), ["10.1.1.1:80"]);
});

Deno.test("dials are rate limited, for any number of addresses and failures", () => {
  const kit = new Kit({ have: ".." });
  found(
    kit,
    "tracker",
    ...Array.from({ length: 1_500 }, (_, i) => address(`10.${i >> 8}.${i & 255}.1`)),
  );
  failFor(kit, 10);
  const most = DIALS_AT_ONCE_MAX + 10 * DIALS_PER_SECOND;
  assert(kit.all("dial").length <= most, `${kit.all("dial").length} dials in 10 s`);
  assert(kit.all("dial").length > most / 2, `${kit.all("dial").length} dials in 10 s`);
});

Deno.test("a private torrent dials only the peers that its trackers name", () => {
  const kit = new Kit({ have: "..", isPrivate: true });
  for (const source of ["user", "pex", "dht", "lsd", "magnet", "resume"] as const) {
    found(kit, source, address("10.1.1.1"));
  }
  const peer = kit.handshake({ ip: "10.2.2.2", extended: true });
  listensAt(kit, peer, 7_000);
  kit.disconnect(peer);
  kit.wait(60_000);
  assertEquals(kit.all("dial"), []);
  found(kit, "tracker", address("10.1.1.1"));
  assertEquals(kit.all("dial").length, 1);
});
