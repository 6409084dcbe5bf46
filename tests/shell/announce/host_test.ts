import { assertEquals } from "@std/assert";
import { endpointOf, isWildcard, versionOf } from "../../../shell/announce/host.ts";
import { usesProxy } from "../../../shell/announce/http.ts";

Deno.test("host and port of a tracker's URL, of any scheme", () => {
  const ends = (url: string) => {
    const { host, port } = endpointOf(url);
    return [host, port];
  };
  assertEquals(ends("http://t.example/announce"), ["t.example", 80]);
  assertEquals(ends("https://t.example/announce"), ["t.example", 443]);
  assertEquals(ends("http://t.example:8000/announce"), ["t.example", 8_000]);
  assertEquals(ends("udp://t.example/announce"), ["t.example", undefined]);
  assertEquals(ends("udp://[2001:db8::1]:80"), ["2001:db8::1", 80]);
  assertEquals(ends("udp://bücher.example:1337"), ["xn--bcher-kva.example", 1_337]);
});

Deno.test("an address is of its family, and some mean every address", () => {
  assertEquals(["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::"].map(versionOf), [4, 6, 6]);
  assertEquals(["0.0.0.0", "::", "0.0.0.1", "::1", "name"].map(isWildcard), [
    ...[true, true, false, false, false],
  ]);
});

Deno.test("a proxy of the environment counts for URLs of its scheme, in either spelling", () => {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((
    name,
  ) => [name, name.toLowerCase()]);
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  const uses = (set: string | undefined) => {
    for (const name of names) Deno.env.delete(name);
    if (set !== undefined) Deno.env.set(set, "http://127.0.0.1:9");
    return [usesProxy("http://t.example/"), usesProxy("https://t.example/")];
  };
  try {
    assertEquals(uses(undefined), [false, false]);
    for (const name of ["HTTP_PROXY", "http_proxy"]) assertEquals(uses(name), [true, false]);
    for (const name of ["HTTPS_PROXY", "https_proxy"]) assertEquals(uses(name), [false, true]);
    for (const name of ["ALL_PROXY", "all_proxy"]) assertEquals(uses(name), [true, true]);
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
});
