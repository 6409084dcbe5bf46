import { assertEquals } from "@std/assert";
import {
  optionsText,
  plotText,
  type SimulatedResult,
  simulatedText,
} from "../../../core/cli/simulation_text.ts";
import { historyOf, OPTIONS, REPORT, sampleOf } from "./simulation_kit.ts";

const HISTORY = historyOf([
  sampleOf(0, [0, 0, 0, 0], 0),
  sampleOf(11, [6, 0, 0, 0], 0.125),
  sampleOf(22, [12, 6, 0, 0], 0.49),
  sampleOf(33, [12, 12, 6, 0], 0.99),
  sampleOf(44, [12, 12, 12, 6], 1),
  sampleOf(55, [12, 12, 12, 12], 0.25),
]);

const RESULT: SimulatedResult = {
  ...REPORT,
  event: "simulated",
  realSeconds: 1.24,
  eventsPerSecond: 9_956,
  memoryBytes: 50_000_000,
};

/** Characters, each with the number of columns that it fills. */
function runs(...parts: readonly (readonly [string, number])[]): string {
  return parts.map(([mark, count]) => mark.repeat(count)).join("");
}

function rowOf(report: Partial<SimulatedResult>, label: string): string | undefined {
  const lines = simulatedText({ ...RESULT, ...report }).split("\n");
  return lines.find((line) => line.startsWith(`${label}:`))?.slice(22);
}

// One column is one second, one row is one piece.
Deno.test("the plot shades each row by the share of downloaders that have so much", () => {
  const upper = runs([" ", 21], ["░", 11], ["▒", 11], ["▓", 11], ["█", 12]);
  const lower = runs([" ", 10], ["░", 11], ["▒", 11], ["▓", 11], ["█", 23]);
  assertEquals(plotText(HISTORY, REPORT, true).split("\n"), [
    ` 100 % │${upper}`,
    ...Array(5).fill(`       │${upper}`),
    `  50 % │${lower}`,
    ...Array(5).fill(`       │${lower}`),
    `       └${runs(["─", 33], ["┴", 1], ["─", 32])}`,
    `uplink  ${runs(["▁", 10], ["▂", 11], ["▄", 11], ["█", 22], ["▃", 12])}`,
    `        0 s${"1 min 6 s".padStart(63)}`,
  ]);
});

Deno.test("without Unicode the plot is drawn with ASCII characters", () => {
  const lines = plotText(HISTORY, REPORT, false).split("\n");
  assertEquals(
    lines[0]!.slice(7),
    `|${runs([" ", 21], [".", 11], [":", 11], ["+", 11], ["#", 12])}`,
  );
  assertEquals(lines[12]!.trim(), `+${runs(["-", 33], ["^", 1], ["-", 32])}`);
  assertEquals(
    lines[13]!.slice(8),
    runs(["_", 10], [".", 11], ["~", 11], ["#", 22], ["-", 12]),
  );
});

Deno.test("only what nobody has is blank, and only what all have is full", () => {
  const shades = (have: number, of: number) => {
    const pieces = Array.from({ length: of }, (_, i) => i < have ? 12 : 0);
    return plotText(historyOf([sampleOf(0, pieces)]), REPORT, true).split("\n")[0]!.at(8);
  };
  assertEquals([0, 1, 33, 34, 66, 67, 99, 100].map((have) => shades(have, 100)), [
    ...[undefined, "░", "░", "▒", "▒", "▓", "▓", "█"],
  ]);
});

Deno.test("a bound that lies beyond the end of the run is not marked", () => {
  const line = (boundSeconds: number) =>
    plotText(HISTORY, { ...REPORT, boundSeconds }, true).split("\n")[12]!.slice(8);
  assertEquals(line(65.9), `${"─".repeat(65)}┴`);
  assertEquals(line(66), "─".repeat(66));
  assertEquals(line(0), `┴${"─".repeat(65)}`);
});

Deno.test("the results of a simulation are a line each", () => {
  assertEquals(
    simulatedText(RESULT),
    `\
Swarm:                1 seeder, 4 downloaders, 1 of them free riders
Content:              786.4 kB in 12 pieces of 64 KiB, v1
Links:                1.0 MB/s up, 10.0 MB/s down
Completed:            4 of 4
Completion:           33.0 s first, 44.5 s median, 55.0 s worst
Free riders:          66.0 s first, 66.0 s median, 66.0 s worst
Worst to bound:       1.667 (the lower bound is 33 s)
Wasted:               16.4 kB, 0.50 %
Share ratios:         0.98 median, 0.10 to 1.50
Fairness:             0.750 (1 means that all uploaded the same)
Share rule:           10 %, 3 paid, 0 waived
Seeders sent:         1.25 copies
Seed:                 7, trace 0123456789abcdef
Cost:                 12,345 events in 1.2 s, 9,956 events per second, 50.0 MB`,
  );
});

Deno.test("a swarm of free riders has no completion, ratios or debts of fair peers to compare", () => {
  const options = { ...OPTIONS, freeRidersPercent: 100 };
  const lines = simulatedText({ ...RESULT, options, boundRatio: undefined }).split("\n");
  assertEquals(lines[0], "Swarm:                1 seeder, 4 downloaders, all free riders");
  assertEquals(lines.slice(4).map((line) => line.split(":")[0]), [
    ...["Free riders", "Wasted", "Uploads", "Seeders sent", "Seed", "Cost"],
  ]);
});

Deno.test("the results say how many peers leave, finish and owe", () => {
  const fair = { ...OPTIONS, freeRidersPercent: 0, churnPercent: 20, format: "v2" } as const;
  assertEquals(rowOf({ options: fair }, "Swarm"), "1 seeder, 4 downloaders, 20 % leave");
  assertEquals(rowOf({ options: fair }, "Content"), "786.4 kB in 12 pieces of 64 KiB, v2");
  assertEquals(rowOf({ riders: undefined }, "Free riders"), undefined);
  assertEquals(
    rowOf({ honest: { first: 1, median: 2, worst: undefined } }, "Completion"),
    "1.0 s first, 2.0 s median, not all finished",
  );
  const fewLeave = { ...fair, churnPercent: 1 };
  assertEquals(rowOf({ options: fewLeave }, "Swarm"), "1 seeder, 4 downloaders, 1 % leave");
  assertEquals(rowOf({ wastedBytes: 1, receivedBytes: 1 }, "Wasted"), "1 B, 100.00 %");
  const none = { first: undefined, median: undefined, worst: undefined };
  assertEquals(rowOf({ honest: none }, "Completion"), "none finished");
  assertEquals(
    rowOf({ honest: { ...none, first: 1 } }, "Completion"),
    "none finished",
    "fewer than half",
  );
  assertEquals(rowOf({ wastedBytes: 0, receivedBytes: 0 }, "Wasted"), "0 B, 0.00 %");
  const debts = { paid: 1, waived: 1, owing: 1 };
  assertEquals(rowOf({ debts }, "Share rule"), "10 %, 1 paid, 1 waived, 1 owing");
  const off = { ...OPTIONS, shareRule: { percent: 0, strict: false } };
  assertEquals(rowOf({ options: off }, "Share rule"), "off");
});

Deno.test("the options of a run are repeated in a line", () => {
  assertEquals(
    optionsText(REPORT),
    "12 pieces of 64 KiB · v1 · 1.0 MB/s up, 10.0 MB/s down · share rule 10 % · " +
      "25 % free riders · 0 % churn · seed 7",
  );
  const ruleOf = (percent: number, strict: boolean) =>
    optionsText({ ...REPORT, options: { ...OPTIONS, shareRule: { percent, strict } } })
      .split(" · ")[3];
  assertEquals([ruleOf(0, false), ruleOf(20, true)], ["share rule off", "share rule 20 %, strict"]);
});

Deno.test("a row is reached with the pieces in the middle of it", () => {
  // Two pieces are a row: one of them reaches it.
  const report = { ...REPORT, pieces: 24 };
  const picture = (have: number) =>
    plotText(historyOf([sampleOf(0, [have])]), report, true).split("\n");
  assertEquals(picture(1)[11], `       │${"█".repeat(66)}`);
  assertEquals(picture(0)[11], "       │");
  assertEquals(picture(2)[10], "       │");
  assertEquals(picture(3)[10], `       │${"█".repeat(66)}`);
});
