/** The tracker's page in a real browser: every theme and width, with scripts and without. */
import { assert, assertEquals } from "@std/assert";
import { encodeBencode } from "../../core/bencode/encode.ts";
import { startTracker } from "../../shell/tracker/server.ts";
import { openTrackerData } from "../../shell/tracker/tracker_data.ts";
import { BrowserPage, chromium, type Looks } from "./clients/chromium.ts";
import { interopTest } from "../support/requirements.ts";

const NAMES = [
  `<script>document.title = "taken over"</script>`,
  `"><img src=x onerror="document.title = 'taken over'">`,
  "a-name-without-a-blank-".repeat(9),
  "مرحبا بالعالم.pdf",
  "debian-12.iso",
];
const DESK: Looks = { width: 1100, height: 900, theme: "light", withScripts: true };
const PHONE: Looks = { width: 360, height: 740, theme: "dark", withScripts: true };

async function openTracker() {
  const options = { catalogToken: undefined, intervalSeconds: 300, onProblem: () => {} };
  const host = "127.0.0.1";
  const data = openTrackerData({ path: undefined, host, ...options });
  const running = await startTracker({ host, port: 0, backend: data.backend, routes: data.routes });
  for (const [salt, name] of NAMES.entries()) {
    const pieces = new Uint8Array(20).fill(salt);
    data.catalog.add(encodeBencode({ info: { length: 1, name, "piece length": 16_384, pieces } }));
  }
  return {
    url: new URL("/", running.url).href,
    async seed(port: number) {
      const ids = `info_hash=${"h".repeat(20)}&peer_id=${"p".repeat(20)}`;
      const response = await fetch(`${running.url}?${ids}&port=${port}&left=0`);
      await response.body?.cancel();
    },
    async [Symbol.asyncDispose]() {
      await running.stop();
      await data.close();
    },
  };
}

await interopTest({
  name: "the tracker's page fits all screens, in light and dark, and updates itself",
  needs: [chromium],
  async fn() {
    await using tracker = await openTracker();
    await using page = await BrowserPage.open();
    const grounds = new Set<string>();
    for (const looks of [DESK, { ...DESK, theme: "dark" } as const, PHONE]) {
      await page.load(tracker.url, looks);
      const excess = "document.documentElement.scrollWidth - innerWidth";
      assertEquals(await page.evaluate<number>(excess), 0);
      const names = await page.evaluate<string[]>(
        "[...document.querySelectorAll('h3')].map((name) => name.textContent)",
      );
      assertEquals(names, [...NAMES].reverse());
      assertEquals(await page.evaluate("document.title"), "tt tracker");
      grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
    }
    assertEquals(grounds.size, 2);

    await tracker.seed(1_000);
    const alive = await page.evaluate<boolean>(`new Promise((resolve) => {
      const look = () => document.querySelector("#seeding-now").textContent === "1" && resolve(true);
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true });
      look();
    })`);
    assert(alive);
    assertEquals(page.complaints, []);

    await page.load(`${tracker.url}?q=iso`, { ...DESK, withScripts: false });
    assertEquals(await page.evaluate("document.querySelector('h3').textContent"), "debian-12.iso");
    assertEquals(await page.evaluate("document.querySelectorAll('h3').length"), 1);
  },
});
