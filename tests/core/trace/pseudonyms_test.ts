import { assertEquals, assertNotEquals } from "@std/assert";
import { toHex } from "../../../core/bytes/hex.ts";
import {
  anonymizeAddress,
  anonymizeAddressText,
  anonymizeIp,
  anonymizePeerId,
  anonymizePort,
  anonymizeSha1,
  anonymizeTrackerId,
  anonymizeUrl,
  anonymizeWebUrl,
  createPseudonyms,
} from "../../../core/trace/pseudonyms.ts";

const ourId = new Uint8Array(20).fill(5);
const names = () => createPseudonyms(ourId, false);

Deno.test("addresses of one /24 stay in one, others go to the next", () => {
  const known = names();
  const ips = ["203.0.113.7", "203.0.113.9", "203.0.112.7", "203.1.113.7", "204.0.113.7"];
  assertEquals(ips.map((ip) => anonymizeIp(known, ip)), [
    ...["198.18.0.0", "198.18.0.1", "198.18.1.0", "198.18.2.0", "198.18.3.0"],
  ]);
  assertEquals(anonymizeIp(known, "203.0.113.7"), "198.18.0.0", "the same again");
  assertEquals(anonymizeIp(known, "127.0.0.1"), "127.0.0.1");
});

Deno.test("networks are counted up through all three bytes", () => {
  const known = names();
  const last = (count: number) => {
    let ip = "";
    for (let i = 0; i < count; i++) ip = anonymizeIp(known, `${20 + (i >> 8)}.${i & 255}.5.1`);
    return ip;
  };
  assertEquals(last(256), "198.18.255.0");
  assertEquals(last(257), "198.19.0.0");
});

Deno.test("addresses of one IPv6 /64 stay in one, in the range for benchmarks", () => {
  const known = names();
  const [a, b, c] = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:3::1"]
    .map((ip) => anonymizeIp(known, ip));
  assertEquals([a, b, c], ["2001:2:0:1::1", "2001:2:0:1::2", "2001:2:0:2::3"]);
  assertEquals(anonymizeIp(known, "::1"), "::1");
});

Deno.test("ports are numbered, well-known ones stay", () => {
  const known = names();
  assertEquals([51_413, 6_881, 51_413, 80, 0].map((port) => anonymizePort(known, port)), [
    ...[30_001, 30_002, 30_001, 80, 0],
  ]);
});

Deno.test("both halves of an address are replaced, as text, too", () => {
  const known = names();
  assertEquals(anonymizeAddress(known, { ip: "203.0.113.7", port: 7_000 }), {
    ...{ ip: "198.18.0.0", port: 30_001 },
  });
  assertEquals(anonymizeAddressText(known, "203.0.113.7:7000"), "198.18.0.0:30001");
  assertEquals(anonymizeAddressText(known, "[2001:db8::1]:7001"), "[2001:2:0:1::2]:30002");
});

Deno.test("addresses and ports stay where they are to be kept, and nothing else does", () => {
  const known = createPseudonyms(ourId, true);
  assertEquals(anonymizeAddressText(known, "203.0.113.7:7000"), "203.0.113.7:7000");
  assertEquals(anonymizeUrl(known, "http://a.example/key"), "http://tracker-1.invalid/announce");
});

Deno.test("peer ids keep their order to ours", () => {
  const known = names();
  const text = (fill: number) =>
    new TextDecoder().decode(anonymizePeerId(known, new Uint8Array(20).fill(fill)));
  assertEquals([4, 5, 6, 4].map(text), [
    ...["<0000000000000000001", "=0000000000000000002", ">0000000000000000003"],
    "<0000000000000000001",
  ]);
});

Deno.test("of a URL only its scheme is kept, and one tracker has one name", () => {
  const known = names();
  assertEquals(anonymizeUrl(known, "UDP://t.example/x?key=1"), "udp://tracker-1.invalid/announce");
  assertEquals(anonymizeUrl(known, "https://t.example/"), "https://tracker-2.invalid/announce");
  assertEquals(anonymizeUrl(known, "UDP://t.example/x?key=1"), "udp://tracker-1.invalid/announce");
  assertEquals(anonymizeUrl(known, "//odd"), "http://tracker-3.invalid/announce");
  assertEquals(anonymizeWebUrl(known, "http://w.example/f"), "http://web-seed-4.invalid/");
  assertEquals([anonymizeTrackerId(known, "x"), anonymizeTrackerId(known, "y")], ["id-1", "id-2"]);
});

Deno.test("the allowed fast set is that of the pseudonymous network and info hash", () => {
  const same = (bytes: Uint8Array) => bytes.slice();
  const known = names();
  anonymizeIp(known, "198.51.100.1");
  const hashed = (start: number[], size = 24) =>
    toHex(anonymizeSha1(known, same)(Uint8Array.from({ length: size }, (_, i) => start[i] ?? 9)));
  assertEquals(hashed([203, 0, 113, 0]), "c6120100" + "00".repeat(20));
  assertEquals(hashed([198, 51, 100, 0]), "c6120000" + "00".repeat(20));
  assertEquals(hashed([127, 0, 0, 0]), "7f000000" + "00".repeat(20));
  assertEquals(
    hashed([1, 2, 3], 20),
    "010203" + "09".repeat(17),
    "another hash is that of its bytes",
  );
  const open = anonymizeSha1(createPseudonyms(ourId, true), same);
  const bytes = Uint8Array.from({ length: 24 }, (_, i) => i === 0 ? 203 : 1);
  assertEquals(toHex(open(bytes)), "cb010101" + "00".repeat(20));
  assertNotEquals(open(bytes), bytes);
});
