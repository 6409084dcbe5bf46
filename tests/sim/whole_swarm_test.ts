/** Swarms as `tt simulate` runs them: repeatable, near the optimum, and the rule costs little. */
import { transferOf } from "../../core/torrent/state.ts";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { plotSvg } from "../../core/cli/simulation_svg.ts";
import { plotText, simulatedText } from "../../core/cli/simulation_text.ts";
import { jainIndex, reportOf, type SwarmReport } from "../../core/sim/report.ts";
import {
  boundSeconds,
  createSwarm,
  pieceLengthFor,
  runSwarm,
  type Swarm,
  type SwarmOptions,
} from "../../core/sim/swarm.ts";
import { sha1 } from "../../shell/hash/sha1.ts";

const SMALL: SwarmOptions = {
  seed: 1,
  seeders: 1,
  peers: 16,
  size: 24_000_000,
  pieceLength: 65_536,
  up: 1_000_000,
  down: 10_000_000,
  shareRule: { percent: 10, strict: false },
  freeRidersPercent: 0,
  churnPercent: 0,
};

function run(options: Partial<SwarmOptions> = {}): { swarm: Swarm; report: SwarmReport } {
  const swarm = createSwarm({ ...SMALL, ...options }, sha1);
  while (!runSwarm(swarm, 1_000));
  return { swarm, report: reportOf(swarm) };
}

Deno.test("a seed gives the same run, decision for decision, and another seed another", () => {
  const small = { peers: 8, size: 4_000_000 };
  const first = run(small).report;
  assertEquals(run(small).report, first);
  assertNotEquals(run({ ...small, seed: 2 }).report.trace, first.trace);
});

Deno.test("a homogeneous swarm completes near the fluid bound, and the rule costs little", () => {
  const on = run().report;
  const off = run({ shareRule: { percent: 0, strict: false } }).report;
  assertEquals(on.completed, 16);
  assert(on.boundRatio! < 1.3, `worst to bound ${on.boundRatio}`);
  assert(on.honest.worst! < 1.1 * off.honest.worst!, `${on.honest.worst} ${off.honest.worst}`);
  assert(on.wastedBytes < 0.005 * on.receivedBytes, `${on.wastedBytes} bytes wasted`);
  assertEquals(on.debts, { paid: 16, waived: 0, owing: 0 });
});

Deno.test("free riders upload nothing and do not prevent completion, nor does churn", () => {
  const { swarm, report } = run({ freeRidersPercent: 25, churnPercent: 25 });
  assertEquals(report.completed, 16);
  assert(report.riders!.worst !== undefined);
  for (const { torrent, options } of swarm.downloaders) {
    assertEquals(
      transferOf(torrent).uploaded === 0,
      options.misbehaviour === "freeload",
      options.name,
    );
  }
});

Deno.test("the bound is the minimum of seeder uplinks, all uplinks and own downlink", () => {
  assertEquals(boundSeconds(SMALL), 24);
  assertEquals(boundSeconds({ ...SMALL, down: 500_000 }), 48);
  assertEquals(boundSeconds({ ...SMALL, peers: 16, freeRidersPercent: 50 }), 24 * 16 / 9);
  assertEquals(boundSeconds({ ...SMALL, seeders: 4 }), 24 * 16 / 20);
});

Deno.test("the piece length gives about a thousand pieces, within the usual bounds", () => {
  assertEquals(pieceLengthFor(64_000_000), 65_536);
  assertEquals(pieceLengthFor(1), 16_384);
  assertEquals(pieceLengthFor(1e12), 4 * 1024 * 1024);
});

Deno.test("fairness is 1 for equal uploads, and one in n for a single uploader", () => {
  assertEquals(jainIndex([3, 3, 3]), 1);
  assertEquals(jainIndex([4, 0, 0, 0]), 0.25);
  assertEquals(jainIndex([]), 1);
  assertEquals(jainIndex([0, 0]), 1);
});

Deno.test("the plot fits a terminal, and fills up from left to right", () => {
  const { swarm, report } = run({ peers: 6, size: 2_000_000 });
  for (const unicode of [true, false]) {
    const lines = plotText(swarm.history, report, unicode).split("\n");
    for (const line of lines) assert([...line].length <= 80, line);
    const top = lines[0]!, bottom = lines[11]!;
    const blanks = (line: string) => line.slice(8).search(/\S/);
    assert(blanks(top) > blanks(bottom), "the last pieces come last");
    const full = unicode ? "█" : "#";
    assert(top.endsWith(full) && bottom.endsWith(full), "in the end everybody has everything");
    assertEquals(/^[\x20-\x7e\n]*$/.test(lines.join("\n")), !unicode);
  }
});

Deno.test("the SVG has a line for each downloader and is well-formed", () => {
  const { swarm, report } = run({ peers: 6, size: 2_000_000, freeRidersPercent: 50 });
  const svg = plotSvg(swarm, report);
  assertEquals(svg.match(/<polyline/g)?.length, 6);
  assertEquals(svg.match(/class="line rider"/g)?.length, 3);
  assert(!svg.includes("NaN") && !svg.includes("undefined") && !svg.includes("Infinity"));
  const open = svg.match(/<[a-z][^>]*[^/]>/g)?.length, closed = svg.match(/<\/[a-z]+>/g)?.length;
  assertEquals(open, closed);
});

Deno.test("the SVG names all options and has a legend for what it draws", () => {
  const changed = {
    peers: 6,
    size: 2_000_000,
    up: 500_000,
    freeRidersPercent: 50,
    churnPercent: 17,
    seed: 5,
    shareRule: { percent: 20, strict: true },
  };
  const { swarm, report } = run(changed);
  const svg = plotSvg(swarm, report);
  const options = [
    "6 downloaders, 1 seeder, 2.0 MB",
    "31 pieces of 64 KiB",
    "v1",
    "500.0 kB/s up, 10.0 MB/s down",
    "share rule 20 %, strict",
    "50 % free riders",
    "17 % churn",
    "seed 5",
  ];
  for (const option of options) assert(svg.includes(option), `${option} is missing`);
  assert(svg.includes(">free rider, uploads nothing<") && svg.includes(">downloader<"));
  const fair = run({ peers: 6, size: 2_000_000 });
  assert(!plotSvg(fair.swarm, fair.report).includes(">free rider, uploads nothing<"));
});

Deno.test("every colour of the SVG has a counterpart for dark mode", () => {
  const { swarm, report } = run({ peers: 6, size: 2_000_000 });
  const [, light, dark] = plotSvg(swarm, report)
    .match(/<style>([^]*)@media \(prefers-color-scheme: dark\) {([^]*)}\s*<\/style>/)!;
  const colouredIn = (css: string) =>
    [...css.matchAll(/([^{}]+){[^}]*(?:fill|stroke): #[^}]*}/g)]
      .flatMap(([, selectors]) => selectors!.split(",").map((selector) => selector.trim()));
  assertEquals(colouredIn(dark!).sort(), colouredIn(light!).sort());
});

Deno.test("with free riders only, the report does not compare uploads", () => {
  const { swarm, report } = run({ peers: 4, size: 1_000_000, freeRidersPercent: 100 });
  const cost = { realSeconds: 1, eventsPerSecond: 1, memoryBytes: 1e6 } as const;
  const text = simulatedText({ event: "simulated", ...report, ...cost });
  assert(text.includes("4 downloaders, all free riders"), text);
  assert(text.includes("only the seeders upload"), text);
  for (const row of ["Fairness", "Share ratios", "Share rule", "none finished"]) {
    assert(!text.includes(row), text);
  }
  const svg = plotSvg(swarm, report);
  assert(svg.includes("Completion: slowest free rider: "), svg);
  assert(!svg.includes(">downloader<"));
});

Deno.test("the report has one figure per line", () => {
  const { report } = run({ peers: 6, size: 2_000_000 });
  const cost = {
    event: "simulated",
    realSeconds: 1,
    eventsPerSecond: 1,
    memoryBytes: 1e6,
  } as const;
  const text = simulatedText({ ...report, ...cost });
  for (const line of text.split("\n")) assert(line.length <= 80, line);
  for (const word of ["6 of 6", "6 downloaders", "10 %, ", `trace ${report.trace}`]) {
    assert(text.includes(word), `${word} in ${text}`);
  }
});
