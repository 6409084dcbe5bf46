/**
 * A browser plays a film through `tt stream` while it downloads from a slow seeder, and seeks in
 * it.
 */
import { assert } from "@std/assert";
import { join } from "node:path";
import { runTt, startSeed, Tt } from "../support/cli_kit.ts";
import { openScratch } from "../support/content.ts";
import { hasProgram, runCommand } from "../support/process.ts";
import { interopTest } from "../support/requirements.ts";
import { BrowserPage, chromium } from "./clients/chromium.ts";

const ffmpeg = {
  async missing(): Promise<string | undefined> {
    return await hasProgram("ffmpeg") ? undefined : "the package ffmpeg is not installed";
  },
};
const FILM_SECONDS = 30;
const LOOKS = { width: 640, height: 480, theme: "dark", withScripts: true } as const;

await interopTest({
  name: "Chromium plays and seeks a WebM that tt streams from a slow seeder",
  needs: [chromium, ffmpeg],
  fn: async () => {
    await using scratch = await openScratch();
    const film = join(scratch.path, "film.webm");
    await runCommand([
      ...["ffmpeg", "-loglevel", "error", "-f", "lavfi"],
      ...["-i", `testsrc=size=320x240:rate=15:duration=${FILM_SECONDS}`],
      ...["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"],
      ...["-b:v", "800k", "-minrate", "800k", "-maxrate", "800k", "-g", "15", film],
    ]);
    const { size } = await Deno.stat(film);
    const torrent = `${film}.torrent`;
    await runTt(["create", film, "--out", torrent, "--piece-length", "16K"]);
    // 1.5 times the film's bit rate.
    const rate = Math.round(1.5 * size / FILM_SECONDS);
    await using seed = await startSeed([
      ...[torrent, "--dir", scratch.path, "--up-limit", `${rate}`],
    ]);
    await seed.event("checked");
    await using tt = await Tt.start([
      ...["stream", torrent, "--dir", join(scratch.path, "D"), "--peer", seed.peer, "--json"],
      ...["--host", "127.0.0.1", "--port", "0", "--share-rule", "off"],
    ]);
    const { url } = await tt.event("stream");
    await using page = await BrowserPage.open();
    await page.load(url as string, LOOKS);
    const started = await page.evaluate<number>(playTo(0, 2));
    assert(started >= 2 && started < 10, `the picture is at ${started} s`);
    const done = tt.said.findLast(({ event }) => event === "progress")?.bytesDone as number;
    assert(done < 0.8 * size, `${done} of ${size} bytes are here while it plays`);
    const sought = await page.evaluate<number>(playTo(24, 26));
    assert(sought >= 26 && sought < FILM_SECONDS, `the picture is at ${sought} s`);
    const picture = await page.screenshot();
    await Deno.writeFile(Deno.env.get("TT_SCREENSHOT") ?? join(scratch.path, "film.png"), picture);
    // A test pattern makes a larger file than an empty page.
    assert(picture.length > 5_000, `a picture of ${picture.length} bytes`);
    const [width, error] = await page.evaluate<[number, string | null]>(
      `[document.querySelector("video").videoWidth, document.querySelector("video").error?.message ?? null]`,
    );
    assert(width === 320 && error === null, `width ${width}, ${error}`);
  },
});

/** Plays from one time to another; returns the final time. */
function playTo(fromSeconds: number, toSeconds: number): string {
  return `new Promise((resolve, reject) => {
    const video = document.querySelector("video");
    video.muted = true;
    if (${fromSeconds} > 0) video.currentTime = ${fromSeconds};
    const look = () => {
      if (video.currentTime < ${toSeconds}) return;
      video.removeEventListener("timeupdate", look);
      resolve(video.currentTime);
    };
    video.addEventListener("timeupdate", look);
    video.play().catch(reject);
  })`;
}
