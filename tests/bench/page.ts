/** `bench page`: the daemon's web page in Chromium, with thousands of torrents. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { PAGE_ASSETS } from "../../shell/page/assets.ts";
import { BrowserPage, type Looks } from "../interop/clients/chromium.ts";
import { openScratch } from "../support/content.ts";
import { hasProgram } from "../support/process.ts";
import { countAnnounces, ttSubject, until, wait } from "./daemon_subjects.ts";
import { atMost, type Figure, printFigures, shorten } from "./figures.ts";
import { makeSmallTorrents } from "../support/many_torrents.ts";
import { readProcessCost } from "./process_cost.ts";

export const PAGE_USAGE =
  `page [--torrents 2000] [--seconds 20] [--loads 5] [--shots FOLDER] [--json]
  The daemon's web page in Chromium: time until it can be used, the CPU time of the daemon and of
  the page's process while it is open, the size of what it loads. --shots keeps pictures.`;

const INTERACTIVE_MS_MAX = 1_000;
const OPEN_PERCENT_MAX = 3;
const SIZE_BYTES_MAX = 150_000;
/** What was added or announced counts as recently active for a minute. */
const SETTLE_MS = 65_000;
const DESK: Looks = { width: 1280, height: 800, theme: "light", withScripts: true };

/** By the page's own clock: rows are visible and the main thread handles a key. */
const INTERACTIVE = `new Promise((resolve) => {
  const look = () => {
    if (document.querySelector(".row") === null) return requestAnimationFrame(look);
    setTimeout(() => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
      requestAnimationFrame(function selected() {
        if (document.querySelector(".row[aria-selected=true]")) resolve(performance.now());
        else requestAnimationFrame(selected);
      });
    });
  };
  look();
})`;

export async function benchPage(args: readonly string[]): Promise<void> {
  const { values: flags } = parseArgs({
    args: [...args],
    options: {
      torrents: { type: "string", default: "2000" },
      seconds: { type: "string", default: "20" },
      loads: { type: "string", default: "5" },
      shots: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  if (!await hasProgram("chromium")) throw new Error("The package chromium is not installed");
  const count = Number(flags.torrents);
  await using scratch = await openScratch("tt-bench-");
  await using tracker = countAnnounces();
  const content = join(scratch.path, "content");
  const torrents = await makeSmallTorrents(content, count, tracker.url);
  const subject = ttSubject(join(scratch.path, "tt"), false);
  await using client = await subject.start();
  await subject.add(torrents, content);
  await until(async () => (await subject.count()).seeding === count, "seed all");
  await using page = await BrowserPage.open();

  const interactive: number[] = [];
  for (let load = 0; load < Number(flags.loads); load++) {
    const [address, token] = subject.pageUrl().split("#");
    await page.load(`${address}?${load}#${token}`, DESK);
    interactive.push(await page.evaluate<number>(INTERACTIVE));
  }
  await page.press("Escape");
  await wait(SETTLE_MS);
  const seconds = Number(flags.seconds);
  const costOf = async () => ({
    daemon: (await readProcessCost(client.pid)).cpuSeconds,
    page: await renderersCost(page.pid),
  });
  const before = await costOf();
  const from = performance.now();
  await wait(1000 * seconds);
  const after = await costOf();
  const percent = (of: "daemon" | "page") =>
    100 * (after[of] - before[of]) / ((performance.now() - from) / 1000);
  if (flags.shots !== undefined) {
    await Deno.mkdir(flags.shots, { recursive: true });
    await Deno.writeFile(join(flags.shots, "list.png"), await page.screenshot());
  }

  const interactiveMs = interactive.toSorted((a, b) => a - b)[interactive.length >> 1]!;
  const openPercent = percent("daemon") + percent("page");
  const sizeBytes = Object.values(PAGE_ASSETS)
    .reduce((sum, { body }) => sum + new TextEncoder().encode(body).length, 0);
  const rows: Figure[] = [
    {
      what: "interactive after",
      measured: `${shorten(interactiveMs)} ms`,
      target: atMost(Math.round(interactiveMs), INTERACTIVE_MS_MAX, " ms"),
    },
    {
      what: "open, of a core",
      measured: `daemon ${shorten(percent("daemon"))} %, page ${shorten(percent("page"))} %`,
      target: atMost(Math.round(100 * openPercent) / 100, OPEN_PERCENT_MAX, " %"),
    },
    {
      what: "loaded",
      measured: `${shorten(sizeBytes / 1000)} kB`,
      target: atMost(sizeBytes / 1000, SIZE_BYTES_MAX / 1000, " kB"),
    },
  ];
  printFigures(`The web page with ${count} torrents`, rows, flags.json);
}

/** CPU seconds of all renderer processes of the browser with this `pid`. */
async function renderersCost(pid: number): Promise<number> {
  const parents = new Map<number, number>();
  const renderers: number[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const read = (file: string) => Deno.readTextFile(`/proc/${name}/${file}`).catch(() => "");
    const stat = await read("stat");
    parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    if ((await read("cmdline")).includes("--type=renderer")) renderers.push(Number(name));
  }
  let seconds = 0;
  for (const renderer of renderers) {
    let above: number | undefined = renderer;
    while (above !== undefined && above !== pid) above = parents.get(above);
    if (above === pid) seconds += (await readProcessCost(renderer)).cpuSeconds;
  }
  return seconds;
}
