import { assertEquals, assertMatch } from "@std/assert";
import {
  isLocalIp,
  refuseLocalRequest,
  type WebPurpose,
} from "../../../core/bytes/local_address.ts";

const OUTSIDE = ["203.0.113.7", "2001:db8::1", "8.8.8.8", "172.32.0.1", "100.128.0.1"];
const LOCAL = [
  "127.0.0.1",
  "127.9.9.9",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "169.254.169.254",
  "100.64.0.1",
  "0.0.0.0",
  "0.1.2.3",
  "::1",
  "::",
  "fd00::1",
  "fe80::1",
  "::ffff:192.168.1.1",
];

function isRefused(purpose: WebPurpose, url: string, ip: string, isRedirectFromOutside = false) {
  return refuseLocalRequest({ purpose, url, ip, isRedirectFromOutside }) !== undefined;
}

Deno.test("local addresses are loopback, private and other non-public networks", () => {
  for (const ip of LOCAL) assertEquals(isLocalIp(ip), true, ip);
  for (const ip of OUTSIDE) assertEquals(isLocalIp(ip), false, ip);
  assertEquals(isLocalIp("tracker.example"), true, "what is no address is not trusted");
});

Deno.test("of a local tracker only /announce is requested, without the torrent's parameters", () => {
  for (const ip of LOCAL) {
    const at = (rest: string) => isRefused("tracker", `http://name.example:8000${rest}`, ip);
    assertEquals(at("/announce"), false);
    assertEquals(at("/announce?"), false);
    assertEquals(at("/announce?info_hash=%00&peer_id=a&port=1&left=0&ip=10.0.0.1"), false);
    assertEquals(at("/scrape?info_hash=%00"), false);
    assertEquals(at("/"), true);
    assertEquals(at("/reboot"), true);
    assertEquals(at("/admin/announce"), true);
    assertEquals(at("/announce/../reboot"), true);
    assertEquals(at("/announce?passkey=1&info_hash=%00"), true);
    assertEquals(at("/announce?info_hash=a&cmd=reboot"), true);
    assertEquals(at("/announce?port=1&port=2"), true);
    assertEquals(at("/announce?%69p=1"), true);
  }
});

Deno.test("a web seed at a local address is requested without a query", () => {
  for (const ip of LOCAL) {
    assertEquals(isRefused("web-seed", "http://nas/films/film.mkv", ip), false);
    assertEquals(isRefused("web-seed", "http://nas/set?password=", ip), true);
  }
});

Deno.test("requests to public addresses are not restricted", () => {
  for (const ip of OUTSIDE) {
    assertEquals(isRefused("tracker", "http://t/x?passkey=1", ip), false);
    assertEquals(isRefused("web-seed", "http://t/x?token=1", ip, true), false);
  }
});

Deno.test("a redirect from a public to a local address is refused, whatever its path", () => {
  assertEquals(isRefused("tracker", "http://t/announce", "192.168.1.1", true), true);
  assertEquals(isRefused("web-seed", "http://t/file", "127.0.0.1", true), true);
});

Deno.test("the error names the address and the option that allows it", () => {
  const url = "http://router/reboot";
  for (const isRedirectFromOutside of [false, true]) {
    const request = { purpose: "tracker", url, ip: "192.168.1.1", isRedirectFromOutside } as const;
    assertMatch(refuseLocalRequest(request)!, /192\.168\.1\.1.*--allow-local/);
  }
});
