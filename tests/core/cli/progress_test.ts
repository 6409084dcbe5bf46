import { assertEquals } from "@std/assert";
import fc from "../../support/fast_check.ts";
import {
  renderPlainLine,
  renderProgress,
  renderScreen,
  shareWaitText,
} from "../../../core/cli/progress.ts";
import type { ProgressState, ProgressView } from "../../../core/cli/progress_view.ts";
import { terminalTraits } from "../../../core/cli/terminal.ts";
import { textWidth } from "../../../core/cli/text.ts";

const DOWNLOADING: ProgressView = {
  infoHash: "0123456789abcdef0123456789abcdef01234567",
  name: "debian-12.9.0-amd64-netinst.iso",
  state: "downloading",
  bytesDone: 282_100_000,
  bytesTotal: 661_700_000,
  downRate: 12_300_000,
  upRate: 1_200_000,
  peers: 8,
  seeders: 3,
  etaSeconds: 31,
  waitingFor: undefined,
  uploaded: 30_000_000,
  ratio: 0.045,
};

const CHECKING: ProgressView = { ...DOWNLOADING, state: "checking", etaSeconds: 3 };

const CONNECTING: ProgressView = {
  ...DOWNLOADING,
  state: "connecting",
  bytesDone: 0,
  etaSeconds: undefined,
  waitingFor: "No tracker answered yet",
};

const WAITING: ProgressView = {
  ...DOWNLOADING,
  state: "waiting",
  bytesDone: 661_500_000,
  etaSeconds: undefined,
  waitingFor: shareWaitText({
    remainingBytes: 45_000_000,
    peersToServe: 2,
    seconds: 37.5,
  }),
};

const SEEDING: ProgressView = {
  ...DOWNLOADING,
  state: "seeding",
  name: "映画 🎬",
  bytesDone: 661_700_000,
  etaSeconds: undefined,
  uploaded: 1_350_000_000,
  ratio: 2.04,
};

const COMPLETE: ProgressView = { ...SEEDING, state: "complete", name: "film" };

// deno-lint-ignore no-control-regex
const SGR = /\x1b\[(\d+)m/g;

const ALL = [DOWNLOADING, CHECKING, CONNECTING, WAITING, SEEDING, COMPLETE];

/** A block for each view, each line ended by a bar that shows its width. */
function picture(views: readonly ProgressView[], columns: number, unicode = true): string {
  const canvas = { columns, rows: 50, unicode, colour: false };
  return framed(views.flatMap((view) => renderScreen([view], canvas)), columns);
}

function framed(lines: readonly string[], columns: number): string {
  return "\n" +
    lines.map((line) => `${line}${" ".repeat(columns - textWidth(line))}|\n`).join("");
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

const MANY: readonly ProgressView[] = [
  { ...SEEDING, downRate: 0 },
  { ...COMPLETE, downRate: 0, upRate: 0 },
  CHECKING,
  DOWNLOADING,
  { ...CONNECTING, name: "quiet", downRate: 0, upRate: 0 },
];

Deno.test("each of many torrents has one row, active ones first, followed by totals", () => {
  assertEquals(
    framed(renderScreen(MANY, wide(80)), 80),
    `
debian-12.9.0-amd64-n…      42.6 %  ↓  12.3 MB/s  ↑   1.2 MB/s  31 s left       |
debian-12.9.0-amd64-n…      42.6 %  ↓  12.3 MB/s  ↑   1.2 MB/s  checking        |
映画 🎬                    seeding                ↑   1.2 MB/s  ratio 2.04      |
quiet                        0.0 %                              finding peers   |
film                      complete                                              |
5 torrents, 2 downloading, 1 seeding, 1 checking  ↓  24.6 MB/s  ↑   3.6 MB/s    |
`,
  );
});

Deno.test("on 50 columns each torrent shows name, progress and download rate", () => {
  const lines = renderScreen(MANY, wide(50));
  assertEquals(lines[0], "debian-12.9.0-amd64-net…      42.6 %  ↓  12.3 MB/s");
  assertEquals(lines.every((line) => textWidth(line) <= 50), true);
});

Deno.test("among many torrents the reason of a wait is shown below the totals", () => {
  const lines = renderScreen([...MANY, WAITING], wide(80));
  const why = "1 piece left: waiting for 2 peers to take 45.0 MB, about 40 s";
  assertEquals(lines.at(-1), `debian-12.9.0-am…: ${why}`);
});

Deno.test("the totals of many torrents drop whole figures on a narrow terminal", () => {
  const totals = (columns: number) => renderScreen(MANY, wide(columns)).at(-1);
  assertEquals(totals(60), "5 torrents, 2 downloading  ↓  24.6 MB/s  ↑   3.6 MB/s");
  assertEquals(totals(40), "5 torrents  ↓  24.6 MB/s  ↑   3.6 MB/s");
  assertEquals(totals(30), "5 torrents  ↓  24.6 MB/s");
});

Deno.test("among many torrents those that fetch metadata precede those without activity", () => {
  const idle = { ...SEEDING, downRate: 0, upRate: 0 };
  const metadata = { ...CONNECTING, name: "magnet", state: "metadata", downRate: 0, upRate: 0 };
  const lines = renderScreen([idle, idle, metadata as ProgressView, DOWNLOADING], wide(80));
  assertEquals(lines.map((line) => line.slice(0, 6))[1], "magnet");
});

Deno.test("torrents that do not fit on the screen are counted", () => {
  const lines = renderScreen(Array(9).fill(DOWNLOADING), { ...wide(80), rows: 7 });
  assertEquals(lines.length, 7);
  assertEquals(lines.at(-1)!.startsWith("9 torrents, 9 downloading, 3 not shown"), true);
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

function wide(columns: number) {
  return { columns, rows: 50, unicode: true, colour: false };
}
