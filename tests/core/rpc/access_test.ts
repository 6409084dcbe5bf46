import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  checkHead,
  createLoginGuard,
  mayTryLogin,
  noteLogin,
  readAuthorization,
  type RequestHead,
} from "../../../core/rpc/access.ts";

function status(head: Partial<RequestHead>, allowed: readonly string[] = []): number {
  const whole: RequestHead = {
    host: "127.0.0.1:9091",
    origin: undefined,
    secFetchSite: undefined,
    upgrade: undefined,
    isPublic: false,
    ...head,
  };
  return checkHead(whole, allowed)?.status ?? 200;
}

Deno.test("IP addresses and localhost are allowed as Host, other names need --allow-host", () => {
  for (const host of ["127.0.0.1:9091", "[::1]:9091", "localhost", "LOCALHOST.:1", "192.168.1.5"]) {
    assertEquals(status({ host }), 200, host);
  }
  for (const host of ["evil.example:9091", "localhost.evil.example", "127.0.0.1.evil.example"]) {
    assertEquals(status({ host }), 421, host);
  }
  assertEquals(status({ host: "tt.example.org" }, ["tt.example.org"]), 200);
  assertEquals(status({ host: "TT.example.org.:443" }, ["tt.example.org"]), 200);
  assertEquals(status({ host: "x.tt.example.org" }, ["tt.example.org"]), 421);
});

Deno.test("a missing or invalid Host is refused", () => {
  for (const host of [undefined, "", "a b", "127.0.0.1:99999999", "a@b", "[::1", "127.0.0.1, b"]) {
    assertEquals(status({ host }), 400, String(host));
  }
});

Deno.test("requests from other origins are refused, also from other ports of this machine", () => {
  const foreign = [
    "https://evil.example",
    "http://127.0.0.1:3000",
    "http://localhost:9091",
    "null",
    "file://",
    "https://127.0.0.1:9091.evil.example",
    "chrome-extension://abc",
  ];
  for (const origin of foreign) assertEquals(status({ origin }), 403, origin);
  assertEquals(status({ origin: "http://127.0.0.1:9091" }), 200);
  assertEquals(status({ host: "127.0.0.1:80", origin: "http://127.0.0.1" }), 200);
  const proxied = { host: "127.0.0.1:9091", origin: "https://tt.example.org" };
  assertEquals(status(proxied), 403);
  assertEquals(status(proxied, ["tt.example.org"]), 200);
});

Deno.test("without Origin, Sec-Fetch-Site decides, but links to the page are allowed", () => {
  assertEquals(status({ secFetchSite: "cross-site" }), 403);
  assertEquals(status({ secFetchSite: "same-site" }), 403);
  assertEquals(status({ secFetchSite: "same-origin" }), 200);
  assertEquals(status({ secFetchSite: "none" }), 200);
  assertEquals(status({ secFetchSite: "cross-site", isPublic: true }), 200);
  assertEquals(status({ origin: "https://evil.example", isPublic: true }), 403);
});

Deno.test("an Upgrade request is refused", () => {
  assertEquals(status({ upgrade: "websocket" }), 400);
});

Deno.test("credentials are a bearer token or a user and password", () => {
  const basic = (text: string) => `Basic ${btoa(text)}`;
  assertEquals(readAuthorization("Bearer abc"), { kind: "token", token: "abc" });
  assertEquals(readAuthorization(basic("a:b:c")), { kind: "password", user: "a", password: "b:c" });
  for (const header of [undefined, "", "Basic", "Basic %", basic("ab"), "Digest x", "Bearer"]) {
    assertEquals(readAuthorization(header), undefined, String(header));
  }
  assertEquals(readAuthorization(`Bearer ${"x".repeat(5000)}`), undefined);
});

Deno.test("no header makes the parser throw", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      readAuthorization(text);
      readAuthorization(`Basic ${text}`);
      status({ host: text, origin: text });
    }),
    { seed: 14 },
  );
});

Deno.test("failed logins delay further attempts from the same address only", () => {
  const guard = createLoginGuard();
  for (let guess = 0; guess < 3; guess++) {
    assertEquals(mayTryLogin(guard, "a", 3, guess), true);
    noteLogin(guard, "a", false, guess);
  }
  assertEquals(mayTryLogin(guard, "a", 3, 100), false);
  assertEquals(mayTryLogin(guard, "b", 3, 100), true);
  assertEquals(mayTryLogin(guard, "a", 3, 40_000), true);
  noteLogin(guard, "a", true, 40_000);
  assertEquals(mayTryLogin(guard, "a", 3, 40_001), true);
});

Deno.test("the number of remembered addresses is limited", () => {
  const guard = createLoginGuard();
  for (let address = 0; address < 5000; address++) noteLogin(guard, String(address), false, 0);
  assertEquals(guard.failures.size, 1000);
});

Deno.test("a refused name is repeated as far as it can be read", () => {
  const name = "x".repeat(101);
  const head = { origin: undefined, secFetchSite: undefined, upgrade: undefined, isPublic: false };
  assertEquals(
    checkHead({ ...head, host: name }, [])!.message,
    `The name "${
      name.slice(0, 100)
    }" is not allowed to reach this daemon; allow it with --allow-host`,
  );
});

Deno.test("credentials may be as long as a header, and the user may be empty", () => {
  const longest = `Bearer ${"x".repeat(4096 - "Bearer ".length)}`;
  assertEquals(readAuthorization(longest)?.kind, "token");
  assertEquals(readAuthorization(`${longest}x`), undefined);
  const password = { kind: "password", user: "", password: "secret" } as const;
  assertEquals(readAuthorization(`basic  ${btoa(":secret")} `), password);
  assertEquals(readAuthorization(`Basic ${btoa("u:")}`), { ...password, user: "u", password: "" });
});

Deno.test("over the limit an address may guess every half minute, and is forgotten after ten", () => {
  const guard = createLoginGuard();
  const start = 1_000_000;
  for (let guess = 0; guess < 3; guess++) noteLogin(guard, "a", false, start);
  const may = (afterMs: number) => mayTryLogin(guard, "a", 3, start + afterMs);
  assertEquals([may(0), may(29_999), may(30_000)], [false, false, true]);
  noteLogin(guard, "a", false, start + 600_000);
  assertEquals(may(600_001), false, "its failures still count");
  noteLogin(guard, "a", false, start + 1_200_001);
  assertEquals(may(1_200_002), true, "one failure since it was forgotten");
});

Deno.test("of too many addresses the one that failed longest ago is forgotten", () => {
  const guard = createLoginGuard();
  noteLogin(guard, "a", false, 0);
  noteLogin(guard, "b", false, 1);
  noteLogin(guard, "a", false, 2);
  for (let address = 0; address < 999; address++) noteLogin(guard, String(address), false, 3);
  assertEquals([mayTryLogin(guard, "a", 1, 4), mayTryLogin(guard, "b", 1, 4)], [false, true]);
});
