import { assertEquals } from "@std/assert";
import { renderScreen } from "../../../core/cli/progress.ts";
import type { ProgressState, ProgressView } from "../../../core/cli/progress_view.ts";
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

const MANY: readonly ProgressView[] = [
  { ...SEEDING, downRate: 0 },
  { ...COMPLETE, downRate: 0, upRate: 0 },
  CHECKING,
  DOWNLOADING,
  { ...CONNECTING, name: "quiet", downRate: 0, upRate: 0 },
];

const ROW: ProgressView = {
  ...DOWNLOADING,
  name: "n",
  downRate: 0,
  upRate: 0,
  etaSeconds: undefined,
};

/** Rows of three or more torrents, without the totals. */
function rowsOf(changes: readonly Partial<ProgressView>[], canvas = wide(80)): string[] {
  const views = changes.map((change, i) => ({ ...ROW, name: `n${i}`, ...change }));
  return renderScreen(views, canvas);
}

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

Deno.test("each state has its cell and its remark in a row", () => {
  const states: readonly ProgressState[] = [
    ...["downloading", "checking", "waiting", "metadata", "connecting", "seeding"] as const,
    ...["complete", "stopped"] as const,
  ];
  const rows = rowsOf(states.toReversed().map((state) => ({ state })));
  assertEquals(rows.slice(0, 8).map((line) => line.trim().split(/ {2,}/)), [
    ["n7", "42.6 %"],
    ["n6", "42.6 %", "checking"],
    ["n5", "42.6 %", "waiting"],
    ["n4", "42.6 %", "metadata"],
    ["n3", "42.6 %", "finding peers"],
    ["n2", "seeding", "ratio 0.04"],
    ["n1", "complete"],
    ["n0", "stopped"],
  ]);
});

Deno.test("what moves bytes is before what does not, in the order of states, then as given", () => {
  const rows = rowsOf([
    {},
    { state: "seeding", upRate: 1 },
    { state: "checking" },
    { downRate: 1 },
    {},
  ]);
  assertEquals(rows.slice(0, 5).map((line) => line.slice(0, 2)), ["n3", "n1", "n0", "n4", "n2"]);
});

Deno.test("columns go one by one before a name loses its least room", () => {
  const rows = (columns: number) =>
    rowsOf([{ downRate: 1, upRate: 2, etaSeconds: 3 }, {}, {}], wide(columns))[0]!;
  const cells = (columns: number) => rows(columns).trim().split(/ {2,}/).length;
  // 18 for the name; 10, 12, 12 and 16 behind two blanks each.
  assertEquals([cells(76), cells(75), cells(58), cells(57), cells(44), cells(43)], [
    7,
    6,
    6,
    4,
    4,
    2,
  ]);
  assertEquals([cells(30), cells(29)], [2, 1]);
  const long = rowsOf([{ name: "n".repeat(60) }, {}, {}], wide(200))[0]!;
  assertEquals(long.split(" ")[0], `${"n".repeat(47)}…`, "no wider on a wide terminal");
});

Deno.test("totals say what is under way, as far as there is any", () => {
  const totals = (changes: readonly Partial<ProgressView>[], canvas = wide(80)) =>
    rowsOf(changes, canvas).at(-1);
  const states = (...list: ProgressState[]) => list.map((state) => ({ state }));
  assertEquals(totals(states("complete", "complete", "stopped")), "3 torrents");
  assertEquals(
    totals(states("connecting", "downloading", "checking")),
    [
      "3 torrents, 2 downloading, 1 checking",
    ][0],
  );
  assertEquals(
    totals([{ upRate: 1 }, { downRate: 2 }, { state: "seeding", upRate: 3 }]),
    [
      "3 torrents, 2 downloading, 1 seeding  ↓      2 B/s  ↑      4 B/s",
    ][0],
  );
  assertEquals(
    totals([{ upRate: 1 }, {}, {}], { ...wide(80), unicode: false }),
    [
      "3 torrents, 3 downloading  U      1 B/s",
    ][0],
  );
});

Deno.test("as many rows as fit are shown, and totals only below one", () => {
  const rows = (count: number, lines: number) =>
    rowsOf(Array(count).fill({}), { ...wide(80), rows: lines });
  assertEquals(rows(4, 5).at(-1), "4 torrents, 4 downloading");
  assertEquals(rows(4, 4).at(-1), "4 torrents, 4 downloading, 1 not shown");
  assertEquals(rows(4, 2).length, 2);
  assertEquals(rows(4, 1).map((line) => line.slice(0, 2)), ["n0"]);
});

Deno.test("the reason of a wait is below the totals, if a line is left, and keeps some of the name", () => {
  const waits = { state: "waiting", name: "n".repeat(30), waitingFor: "w".repeat(40) } as const;
  const last = (columns: number, rows = 50) =>
    rowsOf([{}, {}, waits], { ...wide(columns), rows }).at(-1)!;
  assertEquals(last(80), `${"n".repeat(30)}: ${"w".repeat(40)}`);
  assertEquals(last(60), `${"n".repeat(17)}…: ${"w".repeat(40)}`);
  assertEquals(last(45), `${"n".repeat(7)}…: ${"w".repeat(34)}…`);
  assertEquals(last(80, 4).startsWith("3 torrents"), true);
  const silent = { ...waits, waitingFor: undefined };
  assertEquals(rowsOf([{}, {}, silent]).at(-1)!.startsWith("3 torrents"), true);
  const ascii = rowsOf([{}, {}, waits], { ...wide(45), unicode: false });
  assertEquals(ascii.at(-1), `${"n".repeat(5)}...: ${"w".repeat(32)}...`);
});

Deno.test("without Unicode rates and cut names are ASCII", () => {
  const rows = rowsOf([{ name: "n".repeat(60), downRate: 1, upRate: 2 }, {}, {}], {
    ...wide(76),
    unicode: false,
  });
  assertEquals(rows[0], `${"n".repeat(15)}...      42.6 %  D      1 B/s  U      2 B/s`);
  assertEquals(rows.at(-1), "3 torrents, 3 downloading  D      1 B/s  U      2 B/s");
});

Deno.test("totals keep what just fits, and are cut where nothing is left to drop", () => {
  const totals = (columns: number) =>
    rowsOf([{ downRate: 1, upRate: 2 }, {}, {}], wide(columns)).at(-1);
  const whole = "3 torrents, 3 downloading  ↓      1 B/s  ↑      2 B/s";
  assertEquals([totals(53), totals(52)], [whole, "3 torrents  ↓      1 B/s  ↑      2 B/s"]);
  assertEquals([totals(38), totals(37)], [
    ...["3 torrents  ↓      1 B/s  ↑      2 B/s", "3 torrents  ↓      1 B/s"],
  ]);
  assertEquals([totals(24), totals(23), totals(6)], [
    ...["3 torrents  ↓      1 B/s", "3 torrents", "3 torr"],
  ]);
});
