import { assertEquals, assertNotEquals } from "@std/assert";
import { parseIp } from "../../../../core/bytes/ip.ts";
import {
  createFloodGuard,
  guardAnnounce,
} from "../../../../core/tracker_server/access/flood_guard.ts";

/** A guard, and how many of `tries` from an address are taken at a time. */
function guarded(perAddress: number, perTracker: number) {
  const guard = createFloodGuard(perAddress, perTracker, [5, 6])!;
  return (ip: string, now: number, tries = 1_000) => {
    let taken = 0;
    for (let i = 0; i < tries; i++) {
      if (guardAnnounce(guard, parseIp(ip)!, now) === undefined) taken++;
    }
    return taken;
  };
}

Deno.test("the rate of a limit is taken, and after a silence that of ten seconds at once", () => {
  const taken = guarded(3, Infinity);
  assertEquals(taken("192.0.2.1", 5_000), 30);
  assertEquals(taken("192.0.2.1", 5_333), 0);
  assertEquals(taken("192.0.2.1", 5_334), 1);
  assertEquals(taken("192.0.2.1", 6_000), 2, "the rest of the second");
  assertEquals(taken("192.0.2.1", 8_000), 6);
  assertEquals(taken("192.0.2.1", 9_000_000), 30, "no more however long the silence");
});

Deno.test("all addresses together have a limit of their own, from the start", () => {
  const taken = guarded(Infinity, 2);
  assertEquals(taken("192.0.2.1", 0, 12), 12);
  assertEquals(taken("192.0.2.2", 0), 8);
  assertEquals(taken("192.0.2.3", 1_500), 3);
  const both = guarded(1, 2);
  assertEquals([both("192.0.2.1", 0), both("192.0.2.2", 0), both("192.0.2.3", 0)], [10, 10, 0]);
});

Deno.test("each refusal says whose limit it is, and there is no guard without a limit", () => {
  assertEquals(createFloodGuard(Infinity, Infinity, [1, 2]), undefined);
  const why = (perAddress: number, perTracker: number) => {
    const guard = createFloodGuard(perAddress, perTracker, [1, 2])!;
    return guardAnnounce(guard, parseIp("192.0.2.1")!, 0);
  };
  assertEquals(why(0, 1), "Your address asks too often, try again later");
  assertEquals(why(1, 0), "This tracker has too much to do, try again later");
  assertEquals(why(1, 1), undefined);
});

Deno.test("addresses have limits of their own by all their bits; of IPv6, the first 64 count", () => {
  const taken = guarded(1, Infinity);
  const others = ["193.0.2.1", "192.1.2.1", "192.0.3.1", "192.0.2.2"];
  assertEquals(taken("192.0.2.1", 0), 10);
  for (const ip of others) assertEquals(taken(ip, 0), 10, ip);
  assertEquals(taken("2001:db8:1:2::1", 0), 10);
  assertEquals(taken("2001:db8:1:2:ffff::9", 0), 0, "the same customer");
  for (const ip of ["2001:db9:1:2::1", "2001:db8:2:2::1", "2001:db8:1:3::1"]) {
    assertEquals(taken(ip, 0), 10, ip);
  }
});

Deno.test("a great many addresses hardly ever share a limit", () => {
  const taken = guarded(0.1, Infinity);
  let shared = 0;
  for (let i = 0; i < 2_000; i++) {
    if (taken(`10.${i >> 8}.${i & 255}.1`, 0, 1) === 0) shared++;
  }
  // Of 65,536 counters 2,000 meet about 30 times.
  assertEquals(shared > 5 && shared < 90, true, `${shared} share one`);
  assertNotEquals(shared, 0);
});
