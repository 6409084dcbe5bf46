import { assert, assertEquals } from "@std/assert";
import { PAGE_ASSETS } from "../../../shell/page/assets.ts";
import { buildAssets } from "../../../shell/page/build.ts";
import { servePage } from "../../../shell/page/serve.ts";

const PAGE_BYTES_MAX = 150_000;

Deno.test("the served page is built from app/: run deno task page after a change", async () => {
  const kept = await Deno.readTextFile(new URL("../../../shell/page/assets.ts", import.meta.url));
  assertEquals(kept === await buildAssets(), true);
});

Deno.test("all parts of the page together stay under 150 KB", () => {
  const bytes = Object.values(PAGE_ASSETS).reduce((sum, { body }) => sum + body.length, 0);
  assert(bytes < PAGE_BYTES_MAX, `${bytes} bytes`);
});

Deno.test("the page contains no other host and no inline script or style", () => {
  for (const [path, { body }] of Object.entries(PAGE_ASSETS)) {
    const hosts = [...body.matchAll(/\bhttps?:\/\/[\w.-]+/g)].map(([url]) => url)
      .filter((url) => !url.startsWith("http://www.w3.org"));
    assertEquals(hosts, [], path);
  }
  assert(!/<script>|<style|\sstyle=|\son\w+=/.test(PAGE_ASSETS["/"]!.body));
});

Deno.test("every response forbids foreign scripts and framing", () => {
  for (const path of Object.keys(PAGE_ASSETS)) {
    const policy = servePage("GET", path)!.headers.get("Content-Security-Policy")!;
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) {
      assert(policy.includes(part), `${path} lacks ${part}`);
    }
    assert(!policy.includes("unsafe"));
  }
});

Deno.test("unknown parts are not found, and only GET and HEAD are allowed", async () => {
  assertEquals(servePage("GET", "/constructor"), undefined);
  assertEquals(servePage("POST", "/")!.status, 405);
  assertEquals(await servePage("HEAD", "/app.js")!.text(), "");
});
