import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  decodeLocalAnnounce,
  encodeLocalAnnounce,
  type LocalAnnounce,
  LSD_DATAGRAM_BYTES_MAX,
  LSD_INFO_HASHES_MAX,
} from "../../../core/local_discovery/codec.ts";
import {
  addLocalTorrent,
  createLocalDiscovery,
  hearLocalAnnounce,
  localAnnounceSent,
  LSD_HEARD_PER_SECOND,
  LSD_HEARD_PER_SENDER,
  LSD_INTERVAL_MS,
  LSD_RETRY_LAST_MS,
  LSD_SENDERS_MAX,
  LSD_SPACING_MS,
  nextLocalAnnounceMs,
  planLocalAnnounce,
  removeLocalTorrent,
} from "../../../core/local_discovery/machine.ts";
import { toHex } from "../../../core/bytes/hex.ts";
import type { InfoHash } from "../../../core/metainfo/info_hash.ts";
import { hostile } from "../../fuzz/hostile_bytes.ts";
import { fuzzParameters } from "../../fuzz/runs.ts";

const hash = (i: number) => i.toString(16).padStart(40, "0") as InfoHash;
const OWN_IPS = ["10.0.0.1", "2001:db8:0:7::1"];
const bytesOf = (text: string) => new TextEncoder().encode(text);
const errorOf = (text: string) => {
  const decoded = decodeLocalAnnounce(bytesOf(text));
  return decoded.ok ? undefined : decoded.error.code;
};

Deno.test("an announce has the format of BEP 14", () => {
  const announce = { port: 6881, infoHashes: [hash(1), hash(2)], cookie: "c" };
  assertEquals(
    new TextDecoder().decode(encodeLocalAnnounce(announce, 4)),
    `BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: ${hash(1)}\r\n` +
      `Infohash: ${hash(2)}\r\ncookie: c\r\n\r\n\r\n`,
  );
  const v6 = new TextDecoder().decode(encodeLocalAnnounce(announce, 6));
  assert(v6.includes("\r\nHost: [ff15::efc0:988f]:6771\r\n"));
});

Deno.test("headers are accepted in any order and case, unknown ones ignored", () => {
  const text = `BT-SEARCH * HTTP/1.1\nINFOHASH:${hash(10).toUpperCase()}\nX: y\nport: 5\n\n`;
  assertEquals<unknown>(decodeLocalAnnounce(bytesOf(text)), {
    ok: true,
    value: { port: 5, infoHashes: [hash(10)], cookie: undefined },
  });
});

Deno.test("datagrams that are not announces are refused", () => {
  assertEquals(errorOf("M-SEARCH * HTTP/1.1\r\n\r\n"), "lsd-not-a-search");
  assertEquals(errorOf(`BT-SEARCH * HTTP/1.1\r\nInfohash: ${hash(1)}\r\n`), "lsd-port");
  assertEquals(errorOf(`BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: ${hash(1)}\r\n`), "lsd-port");
  assertEquals(
    errorOf("BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: 12\r\n"),
    "lsd-info-hash-missing",
  );
  assertEquals(errorOf("x".repeat(LSD_DATAGRAM_BYTES_MAX + 1)), "lsd-size");
});

const announces: fc.Arbitrary<LocalAnnounce> = fc.record({
  port: fc.integer({ min: 1, max: 65_535 }),
  infoHashes: fc.uniqueArray(
    fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => toHex(bytes) as InfoHash),
    { minLength: 1, maxLength: LSD_INFO_HASHES_MAX },
  ),
  cookie: fc.option(fc.stringMatching(/^[!-9;-~]{1,64}$/), { nil: undefined }),
});

Deno.test("any announce fits a datagram and round-trips", () => {
  fc.assert(
    fc.property(announces, fc.constantFrom(4 as const, 6 as const), (announce, version) => {
      const bytes = encodeLocalAnnounce(announce, version);
      assert(bytes.length <= LSD_DATAGRAM_BYTES_MAX);
      assertEquals(decodeLocalAnnounce(bytes), { ok: true, value: announce });
    }),
    fuzzParameters,
  );
});

Deno.test("hostile datagrams are parsed or refused", () => {
  const good = announces.map((announce) => encodeLocalAnnounce(announce, 4));
  fc.assert(
    fc.property(hostile(good), (bytes) => {
      const decoded = decodeLocalAnnounce(bytes);
      if (decoded.ok) assert(decoded.value.infoHashes.length <= LSD_INFO_HASHES_MAX);
    }),
    fuzzParameters,
  );
});

Deno.test("a torrent is announced at once, then with delays that grow to five minutes", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  assertEquals([planLocalAnnounce(lsd, 0), nextLocalAnnounceMs(lsd)], [undefined, Infinity]);
  addLocalTorrent(lsd, hash(1), 0);
  const at: number[] = [];
  for (let now = nextLocalAnnounceMs(lsd); at.length < 7; now = nextLocalAnnounceMs(lsd)) {
    assertEquals(planLocalAnnounce(lsd, now - 1), undefined);
    assertEquals(planLocalAnnounce(lsd, now)?.infoHashes, [hash(1)]);
    at.push(now / 60_000);
  }
  assertEquals(at, [0, 1, 3, 7, 12, 17, 22]);
  removeLocalTorrent(lsd, hash(1));
  assertEquals(nextLocalAnnounceMs(lsd), Infinity);
});

Deno.test("many torrents are announced a minute apart, each in its turn", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  for (let i = 0; i < 50; i++) addLocalTorrent(lsd, hash(i), 0);
  const seen = new Set<InfoHash>();
  let last = -Infinity;
  for (let turn = 0; turn < 3; turn++) {
    const now = nextLocalAnnounceMs(lsd);
    assert(now - last >= LSD_SPACING_MS);
    last = now;
    for (const infoHash of planLocalAnnounce(lsd, now)!.infoHashes) seen.add(infoHash);
  }
  assertEquals(seen.size, 50);
});

Deno.test("an unreachable network is retried with increasing delays", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  let now = 0, longest = 0;
  for (let turn = 0; turn < 12; turn++) {
    planLocalAnnounce(lsd, now);
    localAnnounceSent(lsd, false, now);
    longest = nextLocalAnnounceMs(lsd) - now;
    now += longest;
  }
  assertEquals(longest, LSD_RETRY_LAST_MS);
  planLocalAnnounce(lsd, now);
  localAnnounceSent(lsd, true, now);
  assertEquals(nextLocalAnnounceMs(lsd) - now, LSD_INTERVAL_MS);
});

Deno.test("an announce for our torrent gives a peer; our own and those for others do not", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  const say = (infoHashes: InfoHash[], cookie = "you") =>
    encodeLocalAnnounce({ port: 7, infoHashes, cookie }, 4);
  assertEquals(
    hearLocalAnnounce(lsd, say([hash(2), hash(1)]), { ip: "10.0.0.2", ownIps: OWN_IPS }, 0),
    {
      address: { ip: "10.0.0.2", port: 7 },
      infoHashes: [hash(1)],
    },
  );
  assertEquals(
    hearLocalAnnounce(lsd, say([hash(1)], "me"), { ip: "10.0.0.2", ownIps: OWN_IPS }, 0),
    undefined,
  );
  assertEquals(
    hearLocalAnnounce(lsd, say([hash(2)]), { ip: "10.0.0.2", ownIps: OWN_IPS }, 0),
    undefined,
  );
  assertEquals(
    hearLocalAnnounce(lsd, say([hash(1)]), { ip: "8.8.8.8", ownIps: OWN_IPS }, 0),
    undefined,
  );
  assertEquals(
    hearLocalAnnounce(lsd, bytesOf("noise"), { ip: "10.0.0.2", ownIps: OWN_IPS }, 0),
    undefined,
  );
});

Deno.test("over IPv6 neighbours have unique local addresses, or public ones of a network of ours", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  const bytes = encodeLocalAnnounce({ port: 7, infoHashes: [hash(1)], cookie: "you" }, 6);
  const isHeard = (ip: string) =>
    hearLocalAnnounce(lsd, bytes, { ip, ownIps: OWN_IPS }, 0)?.address.ip === ip;
  const heard = ["fd00::1", "fc12:3456::2", "2001:db8:0:7::2", "2001:db8:0:7:ffff::", "::1"];
  assertEquals(heard.filter(isHeard), heard);
  const ignored = ["2001:db8:0:8::2", "2002:db8:0:7::2", "fe80::1", "fb00::1", "fe00::1", "fd00"];
  assertEquals(ignored.filter(isHeard), []);
});

Deno.test("floods from one or many senders are dropped before parsing", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  const bytes = encodeLocalAnnounce({ port: 7, infoHashes: [hash(1)], cookie: "you" }, 4);
  const heard = (ip: (i: number) => string, now: number) => {
    let count = 0;
    for (let i = 0; i < 1_000; i++) {
      if (hearLocalAnnounce(lsd, bytes, { ip: ip(i), ownIps: OWN_IPS }, now)) count++;
    }
    return count;
  };
  assertEquals(heard(() => "10.0.0.2", 0), LSD_HEARD_PER_SENDER);
  assertEquals(heard((i) => `10.1.${i >> 8}.${i & 255}`, LSD_SPACING_MS), LSD_HEARD_PER_SECOND);
  for (let now = 0; now < 50_000; now += 1_000) {
    heard((i) => `10.2.${(now / 1_000) % 256}.${i & 255}`, 2 * LSD_SPACING_MS + now);
  }
  assert(lsd.senders.size <= LSD_SENDERS_MAX);
});

Deno.test("a port is a number of up to five digits, and a datagram has 1,400 bytes at most", () => {
  const withPort = (port: string) =>
    errorOf(`BT-SEARCH * HTTP/1.1\r\nPort: ${port}\r\nInfohash: ${hash(1)}\r\n`);
  for (const bad of ["", "x", "1e3", "0x10", "12x", "65536", "000001"]) {
    assertEquals(withPort(bad), "lsd-port", bad);
  }
  assertEquals([withPort("1"), withPort("65535")], [undefined, undefined]);
  const padded = (size: number) => {
    const text = `BT-SEARCH * HTTP/1.1\r\nPort: 1\r\nInfohash: ${hash(1)}\r\nX: `;
    return errorOf(text.padEnd(size, "x"));
  };
  assertEquals([padded(1_400), padded(1_401)], [undefined, "lsd-size"]);
});

Deno.test("of the info hashes of one datagram twenty count", () => {
  const lines = Array.from({ length: 21 }, (_, i) => `Infohash: ${hash(i)}`).join("\r\n");
  const decoded = decodeLocalAnnounce(bytesOf(`BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n${lines}\r\n`));
  assertEquals(decoded.ok && decoded.value.infoHashes.length, LSD_INFO_HASHES_MAX);
});

Deno.test("pauses after datagrams that were not sent double to an hour, and begin anew after one that was", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  let now = 0;
  const pauses: number[] = [];
  const fail = () => {
    localAnnounceSent(lsd, false, now);
    pauses.push((lsd.nextSendMs - now) / 60_000);
    now = lsd.nextSendMs;
  };
  for (let i = 0; i < 8; i++) fail();
  assertEquals(pauses.splice(0), [1, 2, 4, 8, 16, 32, 60, 60]);
  localAnnounceSent(lsd, true, now);
  fail();
  fail();
  assertEquals(pauses, [1, 2]);
});

Deno.test("a torrent that is added again keeps its schedule", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  planLocalAnnounce(lsd, 0);
  planLocalAnnounce(lsd, LSD_SPACING_MS);
  addLocalTorrent(lsd, hash(1), LSD_SPACING_MS + 1);
  assertEquals(nextLocalAnnounceMs(lsd), 3 * LSD_SPACING_MS);
});

Deno.test("a sender is heard again after a minute, and datagrams are read at fifty a second", () => {
  const lsd = createLocalDiscovery(6881, "me", 1_000_000);
  addLocalTorrent(lsd, hash(1), 1_000_000);
  const bytes = encodeLocalAnnounce({ port: 7, infoHashes: [hash(1)], cookie: "you" }, 4);
  const heard = (ip: (i: number) => string, now: number, count = 100) => {
    const isHeard = (_: unknown, i: number) =>
      hearLocalAnnounce(lsd, bytes, { ip: ip(i), ownIps: OWN_IPS }, 1_000_000 + now) !== undefined;
    return Array.from({ length: count }, isHeard).filter(Boolean).length;
  };
  const one = () => "10.0.0.2";
  assertEquals(heard(one, 0), LSD_HEARD_PER_SENDER);
  assertEquals(heard(one, LSD_SPACING_MS - 1, 30), 0);
  assertEquals(heard(one, LSD_SPACING_MS), LSD_HEARD_PER_SENDER);
  assertEquals(heard(one, LSD_SPACING_MS + 10_000), 0);
  assertEquals(heard(one, 2 * LSD_SPACING_MS - 1, 30), 0);
  assertEquals(heard(one, 2 * LSD_SPACING_MS), LSD_HEARD_PER_SENDER);
  const many = (turn: number) => (i: number) => `10.${turn}.0.${i}`;
  assertEquals(heard(many(1), 10 * LSD_SPACING_MS), LSD_HEARD_PER_SECOND);
  assertEquals(heard(many(2), 10 * LSD_SPACING_MS + 100), LSD_HEARD_PER_SECOND / 10);
});

Deno.test("of many senders in one minute a thousand are heard, and those again", () => {
  const lsd = createLocalDiscovery(6881, "me", 0);
  addLocalTorrent(lsd, hash(1), 0);
  const bytes = encodeLocalAnnounce({ port: 7, infoHashes: [hash(1)], cookie: "you" }, 4);
  const isHeard = (i: number, now: number) =>
    hearLocalAnnounce(
      lsd,
      bytes,
      { ip: `10.1.${i >> 8}.${i & 255}`, ownIps: OWN_IPS },
      now,
    ) !== undefined;
  let count = 0;
  for (let i = 0; i < LSD_SENDERS_MAX + 100; i++) if (isHeard(i, 40 * i)) count++;
  assertEquals(count, LSD_SENDERS_MAX);
  assertEquals([isHeard(0, 59_000), isHeard(LSD_SENDERS_MAX, 59_900)], [true, false]);
});
