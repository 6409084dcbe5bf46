import { assert, assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import { createRng } from "../../../core/bytes/random.ts";
import { parseIp } from "../../../core/bytes/ip.ts";
import {
  createFloodGuard,
  guardAnnounce,
} from "../../../core/tracker_server/access/flood_guard.ts";
import {
  createPace,
  drawInterval,
  minIntervalOf,
  notePace,
} from "../../../core/tracker_server/intervals.ts";
import {
  forwardedIp,
  isInNetwork,
  parseNetwork,
} from "../../../core/tracker_server/access/networks.ts";
import { readRemoteIp } from "../../../core/tracker_server/access/remote_ip.ts";

Deno.test("intervals are spread over an eighth, and the min interval never exceeds them", () => {
  const rng = createRng(1);
  const pace = createPace(800);
  const drawn = Array.from({ length: 2000 }, () => drawInterval(pace, rng));
  assertEquals([Math.min(...drawn), Math.max(...drawn)], [800, 900]);
  assertEquals([minIntervalOf(pace), minIntervalOf(createPace(5))], [15, 5]);
});

Deno.test("load lengthens intervals up to six times, and idle time restores them", () => {
  const pace = createPace(300, 1_000);
  for (const [load, interval] of [[500, 300], [2_000, 600], [1e9, 1_800], [0, 300]] as const) {
    notePace(pace, load, 1);
    assertEquals(pace.intervalSeconds, interval);
  }
});

Deno.test("no peer expires before two of its intervals have passed", () => {
  const loads = fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { maxLength: 60 });
  fc.assert(fc.property(loads, fc.integer({ min: 20, max: 1000 }), (each, step) => {
    const pace = createPace(300, 1_000);
    const asked: { at: number; interval: number }[] = [];
    for (const [i, load] of each.entries()) {
      const now = i * step;
      notePace(pace, load, now);
      asked.push({ at: now, interval: Math.floor(pace.intervalSeconds * 9 / 8) });
      for (const { at, interval } of asked) {
        const isExpected = now - at <= 2 * interval;
        assert(!isExpected || now - at <= pace.expirySeconds);
      }
    }
  }));
});

Deno.test("an address that announces too often is refused, others are not", () => {
  const guard = createFloodGuard(2, Infinity, [1, 2])!;
  const taken = (ip: string, now: number) => guardAnnounce(guard, parseIp(ip)!, now) === undefined;
  let count = 0;
  for (let i = 0; i < 100; i++) count += taken("192.0.2.1", 1000) ? 1 : 0;
  assertEquals(count, 20);
  assert(taken("192.0.2.2", 1000));
  assert(!taken("192.0.2.1", 1400) && taken("192.0.2.1", 1900));
});

Deno.test("announces of a customer's IPv6 addresses share a limit, all together another", () => {
  const guard = createFloodGuard(1, Infinity, [1, 2])!;
  for (let i = 0; i < 10; i++) guardAnnounce(guard, parseIp(`2001:db8::${i}`)!, 0);
  assert(guardAnnounce(guard, parseIp("2001:db8::ffff")!, 0)?.startsWith("Your address"));
  const total = createFloodGuard(Infinity, 1, [1, 2])!;
  for (let i = 0; i < 10; i++) {
    assertEquals(guardAnnounce(total, parseIp(`10.0.0.${i}`)!, 0), undefined);
  }
  assert(guardAnnounce(total, parseIp("10.0.1.1")!, 0)?.startsWith("This tracker"));
  assertEquals(createFloodGuard(Infinity, Infinity, [1, 2]), undefined);
});

Deno.test("a network is a range of addresses of one family", () => {
  const has = (network: string, ip: string) => isInNetwork(parseIp(ip)!, parseNetwork(network)!);
  assert(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.1"));
  assert(has("192.0.2.128/25", "192.0.2.200") && !has("192.0.2.128/25", "192.0.2.100"));
  assert(has("192.0.2.1", "192.0.2.1") && !has("192.0.2.1", "192.0.2.2"));
  assert(has("2001:db8::/33", "2001:db8:7fff::1") && !has("2001:db8::/33", "2001:db8:8000::1"));
  assert(has("0.0.0.0/0", "1.2.3.4") && !has("0.0.0.0/0", "::1"));
  assert(has("::ffff:10.0.0.0/104", "10.1.1.1"));
  for (
    const text of ["", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::/129", "1.1.1.1/8/8", "a/8"]
  ) {
    assertEquals(parseNetwork(text), undefined, text);
  }
});

Deno.test("behind proxies the client is the last address that is not a trusted proxy", () => {
  const trusted = [parseNetwork("10.0.0.0/8")!];
  assertEquals(forwardedIp("6.6.6.6, 192.0.2.1, 10.0.0.1", trusted), "192.0.2.1");
  assertEquals(forwardedIp(" 2001:DB8::1 ", trusted), "2001:db8::1");
  assertEquals(forwardedIp("10.0.0.1", trusted), undefined);
  assertEquals(forwardedIp("192.0.2.1, garbage", trusted), undefined);
  assertEquals(forwardedIp("", trusted), undefined);
});

Deno.test("the runtime's address text is converted to bytes", () => {
  const read = (text: string) => [...readRemoteIp(text, new Uint8Array(4))];
  assertEquals(read("192.0.2.255"), [192, 0, 2, 255]);
  assertEquals(read("::ffff:192.0.2.1"), [192, 0, 2, 1]);
  assertEquals(read("::1"), [...parseIp("::1")!]);
  assertEquals(read("fe80::1%2"), [...parseIp("fe80::1")!]);
  fc.assert(fc.property(fc.ipV4(), (ip) => assertEquals(read(ip), [...parseIp(ip)!])));
  fc.assert(fc.property(fc.ipV6(), (ip) => assertEquals(read(ip), [...parseIp(ip)!])));
});

Deno.test("each time that peers are asked for the longest interval, they are waited for from then on", () => {
  const pace = createPace(300, 1_000);
  const calmSeconds = pace.expirySeconds;
  notePace(pace, 2_000, 0);
  const longSeconds = pace.expirySeconds;
  assert(longSeconds > calmSeconds);
  // The same load again, a while later.
  notePace(pace, 2_000, 100);
  notePace(pace, 0, longSeconds + 50);
  assertEquals(pace.expirySeconds, longSeconds, "some were asked at 100");
  notePace(pace, 0, longSeconds + 100);
  assertEquals(pace.expirySeconds, calmSeconds);
});
