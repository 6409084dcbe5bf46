import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  checkingView,
  renderPlainLine,
  renderProgress,
  renderScreen,
  shareWaitText,
} from "../../../core/cli/progress.ts";
import type { ProgressState, ProgressView } from "../../../core/cli/progress_view.ts";
import { terminalTraits } from "../../../core/cli/terminal.ts";
import { textWidth } from "../../../core/cli/text.ts";
import {
  CHECKING,
  COMPLETE,
  CONNECTING,
  DOWNLOADING,
  framed,
  SEEDING,
  WAITING,
  wide,
} from "./progress_kit.ts";

// deno-lint-ignore no-control-regex
const SGR = /\x1b\[(\d+)m/g;

const ALL = [DOWNLOADING, CHECKING, CONNECTING, WAITING, SEEDING, COMPLETE];

/** A block for each view, each line ended by a bar that shows its width. */
function picture(views: readonly ProgressView[], columns: number, unicode = true): string {
  const canvas = { columns, rows: 50, unicode, colour: false };
  return framed(views.flatMap((view) => renderScreen([view], canvas)), columns);
}

Deno.test("progress on 80 columns is as expected", () => {
  assertEquals(
    picture(ALL, 80),
    `
debian-12.9.0-amd64-netinst.iso                  282.1 MB of 661.7 MB, 31 s left|
▕██████████████                   ▏ 42.6 %  ↓  12.3 MB/s  ↑   1.2 MB/s   8 peers|
debian-12.9.0-amd64-netinst.iso          checking 282.1 MB of 661.7 MB, 3 s left|
▕██████████████████████████████▎                                        ▏ 42.6 %|
debian-12.9.0-amd64-netinst.iso                                  0 B of 661.7 MB|
▕                                                    ▏  0.0 %  looking for peers|
No tracker answered yet                                                         |
debian-12.9.0-amd64-netinst.iso                             661.5 MB of 661.7 MB|
▕██████████████████████████████████████████████▉▏ 99.9 %  ↑   1.2 MB/s   8 peers|
1 piece left: waiting for 2 peers to take 45.0 MB, about 40 s                   |
映画 🎬                                                        661.7 MB, seeding|
▕██████████████████▏  100 %  ↑   1.2 MB/s   8 peers  ratio 2.04  uploaded 1.4 GB|
film                                                          661.7 MB, complete|
▕███████████████████████████████████████████████████████████████████████▏  100 %|
`,
  );
});

Deno.test("on 40 columns progress shows the name, the bar and the most important figures", () => {
  assertEquals(
    picture(ALL, 40),
    `
debian-12.9.0-amd64-netinst.…  31 s left|
▕███████▏         ▏ 42.6 %  ↓  12.3 MB/s|
debian-12.9.0-amd64-netinst.i…  3 s left|
▕█████████████▏                 ▏ 42.6 %|
debian-12.9.0-amd64-ne…  0 B of 661.7 MB|
▕            ▏  0.0 %  looking for peers|
No tracker answered yet                 |
debian-12.9.0-amd…  661.5 MB of 661.7 MB|
▕████████████████▉▏ 99.9 %  ↑   1.2 MB/s|
1 piece left: waiting for 2 peers to    |
take 45.0 MB, about 40 s                |
映画 🎬                661.7 MB, seeding|
▕█████████████████▏  100 %  ↑   1.2 MB/s|
film                  661.7 MB, complete|
▕███████████████████████████████▏  100 %|
`,
  );
});

Deno.test("without Unicode, progress is plain ASCII", () => {
  assertEquals(
    picture([DOWNLOADING, WAITING, SEEDING], 60, false),
    `
debian-12.9.0-amd64-neti...  282.1 MB of 661.7 MB, 31 s left|
[###>.....] 42.6 %  down  12.3 MB/s  up   1.2 MB/s   8 peers|
debian-12.9.0-amd64-netinst.iso         661.5 MB of 661.7 MB|
[#########################>] 99.9 %  up   1.2 MB/s   8 peers|
1 piece left: waiting for 2 peers to take 45.0 MB, about 40 |
s                                                           |
?? ?                                       661.7 MB, seeding|
[##############]  100 %  up   1.2 MB/s   8 peers  ratio 2.04|
`,
  );
});

Deno.test("progress on very few columns still shows the percentage", () => {
  assertEquals(picture([DOWNLOADING], 12), "\ndebian-12.9…|\n42.6 %      |\n");
});

Deno.test("rows stay compact on a very wide terminal", () => {
  const width = Math.max(...renderProgress(DOWNLOADING, wide(500)).split("\n").map(textWidth));
  assertEquals(width, 96);
});

Deno.test("colour shows the state and does not change the text", () => {
  const colours = ALL.map((view) => {
    const painted = renderProgress(view, { ...wide(80), colour: true });
    assertEquals(painted.replace(SGR, ""), renderProgress(view, wide(80)));
    return painted.matchAll(SGR).map((match) => match[1]!).find((code) => code.startsWith("3"));
  });
  assertEquals(colours, ["36", "34", "36", "33", "32", "32"]);
});

Deno.test("no row is wider than the terminal, for any figures", () => {
  const size = fc.oneof(fc.nat(2000), fc.maxSafeNat());
  const view: fc.Arbitrary<ProgressView> = fc.record({
    infoHash: fc.constant(""),
    name: fc.string({ unit: "grapheme" }),
    state: fc.constantFrom<ProgressState>(...ALL.map((view) => view.state)),
    bytesDone: size,
    bytesTotal: size,
    downRate: size,
    upRate: size,
    peers: fc.nat(100_000),
    seeders: fc.constant(undefined),
    etaSeconds: fc.option(size, { nil: undefined }),
    waitingFor: fc.option(fc.string(), { nil: undefined }),
    uploaded: size,
    ratio: fc.nat(100_000),
  });
  const columns = fc.integer({ min: 6, max: 200 });
  fc.assert(fc.property(view, columns, fc.boolean(), (shown, room, unicode) => {
    for (const line of renderProgress(shown, { ...wide(room), unicode }).split("\n")) {
      assertEquals(textWidth(line) <= room, true, `${textWidth(line)} > ${room}: ${line}`);
    }
  }));
});

Deno.test("a plain line contains what the bars show", () => {
  assertEquals(ALL.map(renderPlainLine), [
    "debian-12.9.0-amd64-netinst.iso: 42.6 % of 661.7 MB, down 12.3 MB/s, up 1.2 MB/s, 8 peers, " +
    "31 s left",
    "debian-12.9.0-amd64-netinst.iso: checked 42.6 % of 661.7 MB, 3 s left",
    "debian-12.9.0-amd64-netinst.iso: 0.0 % of 661.7 MB, looking for peers; No tracker answered yet",
    "debian-12.9.0-amd64-netinst.iso: 99.9 % of 661.7 MB, up 1.2 MB/s, 8 peers; 1 piece left: " +
    "waiting for 2 peers to take 45.0 MB, about 40 s",
    "映画 🎬: seeding 661.7 MB, up 1.2 MB/s, 8 peers, uploaded 1.4 GB, ratio 2.04",
    "film: complete, 661.7 MB, uploaded 1.4 GB, ratio 2.04",
  ]);
  assertEquals(renderPlainLine({ ...COMPLETE, name: "a\nb\x1b[2J" }).split(":")[0], "a?b?[2J");
});

Deno.test("the share rule's wait is shown with its peers and its end", () => {
  const wait = { remainingBytes: 2_100_000, peersToServe: 0, seconds: undefined };
  const text = "1 piece left: 2.1 MB to share, looking for peers to serve";
  assertEquals(shareWaitText(wait), text);
});

Deno.test("the remaining time of a wait is rounded to steps, so that it does not flicker", () => {
  const at = (seconds: number) =>
    shareWaitText({ remainingBytes: 1_000, peersToServe: 1, seconds }).split("about ")[1];
  assertEquals([1, 31, 39, 119, 121, 150].map(at), [
    "10 s",
    "40 s",
    "40 s",
    "2 min",
    "3 min",
    "3 min",
  ]);
});

Deno.test("terminal capabilities are derived from the environment", () => {
  const utf8 = { LANG: "en_US.UTF-8" };
  assertEquals(terminalTraits(utf8, true, "linux"), {
    movable: true,
    unicode: true,
    colour: true,
  });
  assertEquals(terminalTraits({ LC_ALL: "C", ...utf8 }, true, "linux").unicode, false);
  assertEquals(terminalTraits({}, true, "windows").unicode, true);
  assertEquals(terminalTraits({ NO_COLOR: "1" }, true, "linux").colour, false);
  assertEquals(terminalTraits({ NO_COLOR: "" }, true, "linux").colour, true);
  assertEquals(terminalTraits({ TERM: "dumb" }, true, "linux").movable, false);
  assertEquals(terminalTraits(utf8, false, "linux").colour, false);
});

const METADATA: ProgressView = {
  ...DOWNLOADING,
  state: "metadata",
  bytesDone: 0,
  bytesTotal: 0,
  etaSeconds: undefined,
};
const STOPPED: ProgressView = { ...DOWNLOADING, state: "stopped", etaSeconds: undefined };

Deno.test("metadata has no figures before its size is known, and what was stopped keeps its own", () => {
  assertEquals(
    picture([METADATA, { ...METADATA, bytesDone: 1_000, bytesTotal: 4_000 }, STOPPED], 60),
    `
debian-12.9.0-amd64-netinst.iso                     metadata|
▕                                ▏         looking for peers|
debian-12.9.0-amd64-netinst.iso                     metadata|
▕████████                        ▏ 25.0 %  looking for peers|
debian-12.9.0-amd64-netinst.…  282.1 MB of 661.7 MB, stopped|
▕█████████████████████▋                             ▏ 42.6 %|
`,
  );
});

Deno.test("plain lines of what has not begun or has ended", () => {
  assertEquals(
    renderPlainLine(METADATA).split(": ")[1],
    [
      "fetching the metadata, up 1.2 MB/s, 8 peers",
    ][0],
  );
  assertEquals(renderPlainLine(STOPPED).split(": ")[1], "stopped at 42.6 % of 661.7 MB");
  assertEquals(
    renderPlainLine({ ...COMPLETE, etaSeconds: 5 }).endsWith("ratio 2.04, 5 s left"),
    true,
  );
});

Deno.test("a bar is full only when everything is there, and empty before anything is", () => {
  const bar = (bytesDone: number, bytesTotal: number, unicode: boolean) => {
    const view = { ...CHECKING, bytesDone, bytesTotal };
    const line = renderProgress(view, { ...wide(19), unicode }).split("\n")[1]!;
    return line.slice(1, -8);
  };
  assertEquals(bar(0, 80, true), " ".repeat(10));
  assertEquals(bar(1, 80, true), "▏" + " ".repeat(9));
  assertEquals(bar(79, 80, true), "█".repeat(9) + "▉");
  assertEquals(bar(80, 80, true), "█".repeat(10));
  assertEquals(bar(90, 80, true), "█".repeat(10));
  assertEquals(bar(0, 0, true), "█".repeat(10), "of nothing nothing is missing");
  assertEquals(bar(0, 80, false), ">.........");
  assertEquals(bar(79, 80, false), "#########>");
  assertEquals(bar(80, 80, false), "##########");
});

Deno.test("the bar goes before its least width is lost, and figures before the bar", () => {
  const line = (columns: number) => renderProgress(DOWNLOADING, wide(columns)).split("\n")[1]!;
  // Ends of the bar, 8 cells, 7 of the percentage, 14 of a rate behind two blanks.
  assertEquals(line(17), "▕███▍    ▏ 42.6 %");
  assertEquals(line(16), "42.6 %");
  assertEquals(line(31).endsWith("↓  12.3 MB/s"), true);
  assertEquals(line(30).endsWith("42.6 %"), true);
  assertEquals(line(5), "42.6 ");
});

Deno.test("the figures of a title are the longest that leave the name its room", () => {
  const title = (columns: number, changes: Partial<ProgressView> = {}) =>
    renderProgress({ ...DOWNLOADING, ...changes }, wide(columns)).split("\n")[0]!;
  // "282.1 MB of 661.7 MB, 31 s left" has 31 columns, the name 16, and 2 are between.
  assertEquals(title(49), "debian-12.9.0-a…  282.1 MB of 661.7 MB, 31 s left");
  assertEquals(title(48).endsWith("  31 s left"), true);
  assertEquals(title(48).length, 48);
  assertEquals(title(37, { name: "film" }), "film  282.1 MB of 661.7 MB, 31 s left");
  assertEquals(title(36, { name: "film" }), "film                       31 s left");
  assertEquals(title(10), "debian-12…");
});

Deno.test("a reason is dim unless it is that of a wait, and names are bold", () => {
  const codes = (view: ProgressView) =>
    renderProgress(view, { ...wide(80), colour: true }).split("\n")
      .map((line) =>
        [...line.matchAll(SGR)].map((match) => match[1]).filter((code) => code !== "0")
      );
  assertEquals(codes(CONNECTING), [["1", "2"], ["36"], ["2"]]);
  assertEquals(codes(WAITING), [["1", "2"], ["33"], ["33"]]);
  assertEquals(codes({ ...STOPPED, name: "" })[0], ["2"]);
});

Deno.test("two torrents have blocks if these fit, three have rows", () => {
  const lines = (views: readonly ProgressView[], rows: number) =>
    renderScreen(views, { ...wide(80), rows }).length;
  assertEquals(lines([DOWNLOADING, DOWNLOADING], 4), 4);
  // Two rows and the totals.
  assertEquals(lines([DOWNLOADING, DOWNLOADING], 3), 3);
  assertEquals(lines([DOWNLOADING, DOWNLOADING, DOWNLOADING], 50), 4);
  assertEquals(lines([WAITING], 1), 3, "a single one is a block in any case");
});

Deno.test("rows have colours by state, and totals are bold", () => {
  const rows = renderScreen([DOWNLOADING, SEEDING, STOPPED], { ...wide(80), colour: true });
  assertEquals(rows.map((line) => [...line.matchAll(SGR)][0]![1]), ["36", "32", "33", "1"]);
});

Deno.test("content that is checked has a view without rates", () => {
  assertEquals(checkingView("ab", "film", 1, 2), {
    ...{ infoHash: "ab", name: "film", state: "checking", bytesDone: 1, bytesTotal: 2 },
    ...{ downRate: 0, upRate: 0, peers: 0, seeders: undefined, etaSeconds: undefined },
    ...{ waitingFor: undefined, uploaded: 0, ratio: 0 },
  });
});

Deno.test("a wait without a rate has no end", () => {
  const wait = { remainingBytes: 2_100_000, peersToServe: 1, seconds: undefined };
  assertEquals(shareWaitText(wait), "1 piece left: waiting for 1 peer to take 2.1 MB");
});
