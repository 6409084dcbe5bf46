import { assertEquals } from "@std/assert";
import { plotSvg } from "../../../core/cli/simulation_svg.ts";
import type { History, Sample } from "../../../core/sim/history.ts";
import type { SwarmReport } from "../../../core/sim/report.ts";
import type { Swarm } from "../../../core/sim/swarm.ts";
import { historyOf, OPTIONS, REPORT, sampleOf } from "./simulation_kit.ts";

/** A second is 109 units wide, from 64 to 936. */
const TWO: SwarmReport = {
  ...REPORT,
  options: { ...OPTIONS, peers: 2, freeRidersPercent: 50 },
  seconds: 8,
  boundSeconds: 4,
  honest: { first: 4, median: 4, worst: 4 },
  riders: { first: undefined, median: undefined, worst: undefined },
};

/** Two parts of the content make a row of the map. Two downloaders and a seeder hold it: 3 is all. */
const SAMPLES: readonly Sample[] = [
  sampleOf(0, [0, 0], 0),
  sampleOf(2, [6, 0], 0.5, { 0: 3 }),
  sampleOf(4, [12, 3], 1, { 0: 1, 1: 2, 46: 3, 47: 3 }),
  sampleOf(6, [12, 6], 0.25, { 0: 3, 1: 3, 46: 3, 47: 3 }),
];

function draw(report: Partial<SwarmReport> = {}, samples: readonly Sample[] = SAMPLES): string {
  const history: History = historyOf(samples);
  const downloaders = [...samples[0]?.pieces ?? []].map((_, i) => ({
    options: { misbehaviour: i % 2 === 1 ? "freeload" : undefined },
  }));
  return plotSvg({ history, downloaders } as unknown as Swarm, { ...TWO, ...report });
}

/** Lines of the picture that hold `text`, without what is the same in all. */
function find(svg: string, text: string): string[] {
  return svg.split("\n").filter((line) => line.includes(text));
}

Deno.test("the picture of a small swarm is as worked out by hand", () => {
  const svg = draw().replace(/<style>.*<\/style>/s, "<style/>");
  const ticks = [0, 1, 2, 3, 4, 5, 6, 7, 8].flatMap((second) => {
    const x = 64 + 109 * second;
    return [
      `<line class="grid" x1="${x}" x2="${x}" y1="116" y2="696"/>`,
      `<text class="note" x="${x}" y="716" text-anchor="middle">${second} s</text>`,
    ];
  });
  const options = "12 pieces of 64 KiB · v1 · 1.0 MB/s up, 10.0 MB/s down · share rule 10 % · " +
    "50 % free riders · 0 % churn · seed 7";
  assertEquals(svg.split("\n"), [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 736" width="960" height="736" role="img">',
    "<title>2 downloaders, 1 seeder, 786.4 kB</title>",
    "<style/>",
    '<rect class="paper" width="960" height="736"/>',
    '<text class="title" x="64" y="30">2 downloaders, 1 seeder, 786.4 kB</text>',
    `<text class="note" x="64" y="52">${options}</text>`,
    '<text x="64" y="74">Completion: slowest downloader: 4.0 s from joining; slowest free rider: ' +
    "not complete; lower bound of the swarm: 4.0 s</text>",
    '<line class="line sample" x1="64" x2="88" y1="94" y2="94"/>',
    '<text x="96" y="98">downloader</text>',
    '<line class="line rider sample" x1="294" x2="318" y1="94" y2="94"/>',
    '<text x="326" y="98">free rider, uploads nothing</text>',
    '<line class="bound sample" x1="524" x2="548" y1="94" y2="94"/>',
    '<text x="556" y="98">lower bound</text>',
    ...ticks,
    '<text class="note" x="56" y="420" text-anchor="end">0 %</text>',
    '<text class="note" x="56" y="270" text-anchor="end">50 %</text>',
    '<text class="note" x="56" y="120" text-anchor="end">100 %</text>',
    '<polyline class="line" points="64,416 282,266 500,116 718,116"/>',
    '<polyline class="line rider" points="64,416 282,416 500,341 718,266"/>',
    '<line class="bound" x1="500" x2="500" y1="116" y2="416"/>',
    '<text class="note" x="64" y="450">Availability: each row is a part of the content; ' +
    "the stronger the colour, the more peers have it</text>",
    '<rect class="map" x="282" y="460" width="436" height="6" fill-opacity="0.5"/>',
    '<rect class="map" x="718" y="460" width="218" height="6" fill-opacity="1"/>',
    '<rect class="map" x="500" y="598" width="436" height="6" fill-opacity="1"/>',
    '<text class="note" x="64" y="638">Uplinks in use</text>',
    '<polygon class="use" points="64,696 64,696 282,672 500,648 718,684 936,696"/>',
    "</svg>",
    "",
  ]);
});

Deno.test("times on the axis are round, about eight of them", () => {
  const labels = (seconds: number) =>
    find(draw({ seconds, boundSeconds: 1 }), 'text-anchor="middle"')
      .map((line) => line.replace(/<[^>]*>/g, ""));
  assertEquals(labels(4), ["0 s", "1 s", "2 s", "3 s", "4 s"]);
  assertEquals(labels(13), ["0 s", "2 s", "4 s", "6 s", "8 s", "10 s", "12 s"]);
  assertEquals(labels(40), ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s", "40 s"]);
  assertEquals(labels(48), ["0 s", "10 s", "20 s", "30 s", "40 s"]);
  assertEquals(labels(480).at(-1), "6 min 40 s");
  assertEquals(labels(480).length, 5);
  assertEquals(labels(1200).length, 7);
});

Deno.test("a bound beyond the end of the run is neither drawn nor in the legend", () => {
  assertEquals(find(draw({ boundSeconds: 8 }), '"bound').length, 2);
  assertEquals(find(draw({ boundSeconds: 8.1 }), '"bound').length, 0);
});

Deno.test("the legend and the outcome name only kinds of peers that there are", () => {
  const fair = draw({ options: { ...TWO.options, freeRidersPercent: 0 }, riders: undefined });
  assertEquals(find(fair, ' sample"').length, 2);
  assertEquals(find(fair, "rider,").length, 0);
  assertEquals(find(fair, "Completion")[0]!.includes("rider"), false);
  const riders = draw({ options: { ...TWO.options, freeRidersPercent: 100 } });
  assertEquals(find(riders, ' sample"').length, 2);
  assertEquals(find(riders, ">downloader<").length, 0);
  assertEquals(find(riders, "Completion")[0]!.includes("slowest downloader"), false);
});

Deno.test("of a large swarm a part of the lines is drawn, evenly spread", () => {
  const lines = (count: number) =>
    find(draw({}, [sampleOf(0, Array(count).fill(0))]), "<polyline").length;
  assertEquals([1, 250, 251, 500, 501].map(lines), [1, 250, 126, 250, 167]);
});

Deno.test("the map takes every so many samples of a long run", () => {
  // Levels change with every second sample: those that are taken differ from their neighbours.
  const samples = (count: number) =>
    Array.from({ length: count }, (_, i) => {
      const isOn = i % 4 === 0;
      return sampleOf(8 * i / count, [0, 0], 0, isOn ? { 0: 3, 1: 3 } : {});
    });
  const widths = (count: number) =>
    find(draw({}, samples(count)), 'class="map"')
      .map((line) => Number(/width="([\d.]+)"/.exec(line)![1]));
  assertEquals(widths(120).length, 30);
  assertEquals(widths(240).length, 60);
  // From one taken sample to the next: a 120th of 872.
  assertEquals(Math.round(widths(240)[0]! * 120), 872);
});

Deno.test("what few hold is drawn faintly, and a run without samples has no lines", () => {
  const faint = find(draw({}, [sampleOf(0, [0, 0], 0, { 0: 0.5 })]), 'class="map"');
  assertEquals(faint.map((line) => /fill-opacity="([^"]*)"/.exec(line)![1]), ["0.08"]);
  assertEquals(find(draw({}, []), "<polyline"), []);
});
