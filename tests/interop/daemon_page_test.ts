/** The daemon's page in a real browser, from a wrong token to a finished download. */
import { assert, assertEquals } from "@std/assert";
import { BrowserPage, chromium, type Looks } from "./clients/chromium.ts";
import { loopback } from "../support/network.ts";
import { ClientProcess } from "../support/process.ts";
import { ttCommand } from "../support/tt_command.ts";
import { interopTest } from "../support/requirements.ts";
import { makeBytes } from "../support/cli_kit.ts";

const DESK: Looks = { width: 1200, height: 800, theme: "light", withScripts: true };
const PHONE: Looks = { width: 380, height: 780, theme: "dark", withScripts: true };
const START_MS = 20_000;
const SIZE = 300_000;

/** Resolves with the first truthy value of an expression in the page, or fails after 15 seconds. */
function until<T>(page: BrowserPage, expression: string): Promise<T> {
  return page.evaluate<T>(`new Promise((resolve, reject) => {
    const look = () => {
      const value = ${expression};
      if (!value) return;
      observer.disconnect();
      resolve(value);
    };
    const observer = new MutationObserver(look);
    observer.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
    setTimeout(() => resolve(undefined), 15_000);
    look();
  })`);
}

async function startDaemon(folder: string) {
  const argv = await ttCommand([
    ...["daemon", "--state", `${folder}/state`, "--dir", `${folder}/downloads`],
    ...["--host", "127.0.0.1", "--port", "0", "--rpc", "127.0.0.1:0"],
  ]);
  const daemon = new ClientProcess({ place: loopback, port: 0, argv });
  const url = await daemon.waitForLine(
    (line) => /^Page: (http:\/\/\S+\/)/.exec(line)?.[1],
    "show its page",
    START_MS,
  );
  const token = (await Deno.readTextFile(`${folder}/state/token`)).trim();
  return { daemon, url, token };
}

/** A file that is shared by `tt seed` on loopback, and the bytes of its torrent. */
async function startSeed(folder: string) {
  await Deno.writeFile(`${folder}/film.bin`, makeBytes(60_000));
  await Deno.truncate(`${folder}/film.bin`, SIZE);
  const argv = await ttCommand([
    ...["seed", "film.bin", "--host", "127.0.0.1", "--port", "0", "--json"],
  ]);
  const seed = new ClientProcess({ place: loopback, port: 0, argv, cwd: folder });
  const find = (line: string) => /"event":"listening".*"port":(\d+)/.exec(line)?.[1];
  const port = Number(await seed.waitForLine(find, "listen", START_MS));
  const made = (line: string) => line.includes('"event":"created"') || undefined;
  await seed.waitForLine(made, "make the torrent", START_MS);
  return { seed, port, metainfo: (await Deno.readFile(`${folder}/film.bin.torrent`)).toBase64() };
}

await interopTest({
  name: "the daemon's page asks for the token, accepts a dropped file, and shows it complete",
  needs: [chromium],
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "tt-page-" });
    const { seed, metainfo } = await startSeed(folder);
    const { daemon, url, token } = await startDaemon(folder);
    await Deno.mkdir(`${folder}/downloads`, { recursive: true });
    await Deno.copyFile(`${folder}/film.bin`, `${folder}/downloads/film.bin`);
    await using page = await BrowserPage.open();
    try {
      await page.load(`${url}#token=wrong`, DESK);
      assertEquals(await until(page, "document.querySelector('.login h1')?.textContent"), "tt");

      await page.load(`${url}?again#token=${token}`, DESK);
      assert(await until(page, "document.querySelector('.empty button')"));
      assertEquals(await page.evaluate("location.hash"), "");

      await page.evaluate(`(() => {
        const bytes = Uint8Array.from(atob("${metainfo}"), (c) => c.charCodeAt(0));
        const data = new DataTransfer();
        data.items.add(new File([bytes], "film.bin.torrent"));
        dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true }));
      })()`);
      assertEquals(
        await until(page, "document.querySelector('.chosen li')?.textContent"),
        "film.bin.torrent",
      );
      await page.evaluate("document.querySelector('dialog .primary').click()");
      assertEquals(
        await until(page, "document.querySelector('.row.seed .name')?.textContent"),
        "film.bin",
      );

      await until(page, "document.querySelector('.details h2')");
      for (const tab of ["Files", "Peers", "Trackers", "Overview"]) {
        await page.evaluate(
          `[...document.querySelectorAll("[role=tab]")].find((b) => b.textContent === "${tab}").click()`,
        );
        assert(await until(page, "document.querySelector('.sheet').textContent !== 'Loading…'"));
      }
      await page.press("p");
      assert(await until(page, "document.querySelector('.row.paused')"));

      const grounds = new Set<string>();
      for (const looks of [DESK, { ...DESK, theme: "dark" } as const, PHONE]) {
        await page.load(`${url}?${looks.theme}${looks.width}`, looks);
        assert(await until(page, "document.querySelector('.row')"));
        assertEquals(
          await page.evaluate("document.documentElement.scrollWidth - innerWidth"),
          0,
        );
        grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"));
      }
      assertEquals(grounds.size, 2);
      const isRefusal = (text: string) => text.includes("401") || text.includes("409");
      assertEquals(page.complaints.filter((text) => !isRefusal(text)), []);
    } finally {
      await daemon.stop();
      await seed.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});
