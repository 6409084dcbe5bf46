import { assert, assertEquals } from "@std/assert";
import fc from "../../../support/fast_check.ts";
import {
  countAnnounce,
  countInvalidAnnounce,
  countScrape,
  createHistogram,
  createMetrics,
  metricFamilies,
  observe,
  sumsOf,
  type TrackerGauges,
  type TrackerMetrics,
} from "../../../../core/tracker_server/metrics/metrics.ts";
import { formatMetrics } from "../../../../core/tracker_server/metrics/prometheus.ts";

const GAUGES: TrackerGauges = {
  version: "1.2.3",
  totals: { swarms: 3, peers: 7, seeders: 5, leechers: 2, completed: 11 },
  uptimeSeconds: 42,
  residentBytes: 1_000,
  store: { isUp: true, lostCount: 2 },
};

function textOf(metrics: TrackerMetrics, gauges: TrackerGauges = GAUGES): string {
  return formatMetrics(metricFamilies(metrics, gauges));
}

function valueOf(text: string, sample: string): number {
  const line = text.split("\n").find((line) => line.startsWith(`${sample} `));
  assert(line !== undefined, `${sample} is missing`);
  return Number(line!.slice(sample.length + 1));
}

Deno.test("announces and scrapes are counted by protocol, kind and result", () => {
  const metrics = createMetrics();
  countAnnounce(metrics, "http", "started", "answered");
  countAnnounce(metrics, "http", "started", "answered");
  countAnnounce(metrics, "udp", undefined, "stale");
  countInvalidAnnounce(metrics, "udp");
  countScrape(metrics, "http", "refused");
  const text = textOf(metrics);
  const announces = (protocol: string, kind: string, result: string) =>
    valueOf(
      text,
      `tt_tracker_announces_total{protocol="${protocol}",kind="${kind}",result="${result}"}`,
    );
  assertEquals(announces("http", "started", "answered"), 2);
  assertEquals(announces("udp", "regular", "stale"), 1);
  assertEquals(announces("udp", "invalid", "refused"), 1);
  assertEquals(announces("udp", "stopped", "answered"), 0);
  assertEquals(
    valueOf(text, 'tt_tracker_scrapes_total{protocol="http",result="refused"}'),
    1,
  );
  assertEquals(sumsOf(metrics), { announces: 4, scrapes: 1, failures: 2, stale: 1 });
});

Deno.test("swarms, peers, the store and the version are reported", () => {
  const text = textOf(createMetrics());
  assertEquals(valueOf(text, "tt_tracker_swarms"), 3);
  assertEquals(valueOf(text, 'tt_tracker_peers{role="seeder"}'), 5);
  assertEquals(valueOf(text, "tt_tracker_store_up"), 1);
  assertEquals(valueOf(text, "tt_tracker_store_lost_total"), 2);
  assertEquals(valueOf(text, 'tt_build_info{version="1.2.3"}'), 1);
  const inMemory = textOf(createMetrics(), { ...GAUGES, store: undefined });
  assert(!inMemory.includes("store"), inMemory);
});

Deno.test("every line has the Prometheus format, after its help and type", () => {
  const metrics = createMetrics();
  observe(metrics.latencies.http, 0.3);
  const sample =
    /^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{[a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*\})? -?[\d.e+-]+$/;
  let family = "";
  const text = textOf(metrics);
  assert(text.endsWith("\n"));
  for (const line of text.trimEnd().split("\n")) {
    const [, keyword, name] = /^# (HELP|TYPE) ([a-z_]+) .+$/.exec(line) ?? [];
    if (keyword === "HELP") family = name!;
    else if (keyword === "TYPE") assertEquals(name, family);
    else assert(sample.exec(line)?.[0] !== undefined && line.startsWith(family), line);
  }
});

Deno.test("a label value cannot end its line or its quotes", () => {
  const text = textOf(createMetrics(), { ...GAUGES, version: 'a"b\\c\nd' });
  assert(text.includes('tt_build_info{version="a\\"b\\\\c\\nd"} 1\n'), text);
});

Deno.test("histogram buckets are cumulative up to the number of observations", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 10_000_000 }).map((us) => us / 1_000)),
      (times) => {
        const metrics = createMetrics();
        for (const ms of times) observe(metrics.latencies.udp, ms);
        const lines = textOf(metrics).split("\n").filter((line) =>
          line.startsWith('tt_tracker_announce_seconds_bucket{protocol="udp"')
        );
        const buckets = lines.map((line) => {
          const [, bound, count] = /le="([^"]+)"\} (\d+)$/.exec(line)!;
          return { bound: bound === "+Inf" ? Infinity : Number(bound), count: Number(count) };
        });
        for (const { bound, count } of buckets) {
          assertEquals(count, times.filter((ms) => ms / 1_000 <= bound).length);
        }
        assertEquals(buckets.at(-1)!.count, times.length);
      },
    ),
  );
});

Deno.test("a value equal to a bucket's bound counts in that bucket", () => {
  const histogram = createHistogram();
  observe(histogram, 0.05);
  observe(histogram, 0.0500001);
  observe(histogram, 99_999);
  assertEquals([histogram.counts[0], histogram.counts[1], histogram.counts.at(-1)], [1, 1, 1]);
});
