/**
 * What a tracker counts about itself. On the way of an announce these are plain increments; sums,
 * names and text are made on request.
 */
import type { AnnounceEvent } from "../../tracker/types.ts";
import type { MetricFamily, Sample } from "./prometheus.ts";
import type { StoreTotals } from "../types.ts";

export const PROTOCOLS = ["http", "udp"] as const;
export type Protocol = typeof PROTOCOLS[number];

/** Stale answers come from memory while the store is away; refusals carry a reason. */
export const RESULTS = ["answered", "stale", "refused"] as const;
export type AnswerResult = typeof RESULTS[number];

/** "regular" is an announce without an event, "invalid" one that could not be read. */
export const ANNOUNCE_KINDS = [
  "regular",
  "started",
  "completed",
  "stopped",
  "paused",
  "invalid",
] as const;
export type AnnounceKind = typeof ANNOUNCE_KINDS[number];

/**
 * Upper bounds in milliseconds: from memory at hand, over a database nearby, to what a client notices.
 */
const LATENCY_BOUNDS_MS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 1_000, 2_500];

/** How often something took how long. */
export interface Histogram {
  /** One for each bound, and one for what is beyond the last. */
  readonly counts: Float64Array;
  sumMs: number;
}

type ByResult = Record<AnswerResult, number>;

export interface TrackerMetrics {
  readonly announces: Readonly<Record<Protocol, Readonly<Record<AnnounceKind, ByResult>>>>;
  readonly scrapes: Readonly<Record<Protocol, ByResult>>;
  /** From a whole request to its answer, announces only. */
  readonly latencies: Readonly<Record<Protocol, Histogram>>;
}

/** The way to a database, for stores that have one. */
export interface StoreState {
  readonly isUp: boolean;
  /** How often it was found to be away. */
  readonly lostCount: number;
}

/** What is known besides the counters when metrics are read. */
export interface TrackerGauges {
  readonly version: string;
  readonly totals: StoreTotals;
  readonly uptimeSeconds: number;
  readonly residentBytes: number;
  /** Undefined where swarms are in this process. */
  readonly store: StoreState | undefined;
}

/** Zeros. */
export function createMetrics(): TrackerMetrics {
  const byResult = (): ByResult => ({ answered: 0, stale: 0, refused: 0 });
  const byKind = () => ({
    regular: byResult(),
    started: byResult(),
    completed: byResult(),
    stopped: byResult(),
    paused: byResult(),
    invalid: byResult(),
  });
  return {
    announces: { http: byKind(), udp: byKind() },
    scrapes: { http: byResult(), udp: byResult() },
    latencies: { http: createHistogram(), udp: createHistogram() },
  };
}

/** Counts an announce and its result; `event` is of a query that could be read. */
export function countAnnounce(
  metrics: TrackerMetrics,
  protocol: Protocol,
  event: AnnounceEvent | undefined,
  result: AnswerResult,
): void {
  metrics.announces[protocol][event ?? "regular"][result]++;
}

/** Takes note of an announce that could not be read. */
export function countInvalidAnnounce(metrics: TrackerMetrics, protocol: Protocol): void {
  metrics.announces[protocol].invalid.refused++;
}

/** Takes note of a scrape. */
export function countScrape(
  metrics: TrackerMetrics,
  protocol: Protocol,
  result: AnswerResult,
): void {
  metrics.scrapes[protocol][result]++;
}

/** No observations yet. */
export function createHistogram(): Histogram {
  return { counts: new Float64Array(LATENCY_BOUNDS_MS.length + 1), sumMs: 0 };
}

/** Records a duration in milliseconds. */
export function observe(histogram: Histogram, ms: number): void {
  let at = 0;
  while (at < LATENCY_BOUNDS_MS.length && ms > LATENCY_BOUNDS_MS[at]!) at++;
  histogram.counts[at]!++;
  histogram.sumMs += ms;
}

/** Announces, scrapes and those of them that were refused, of both protocols. */
export function sumsOf(metrics: TrackerMetrics) {
  const sums = { announces: 0, scrapes: 0, failures: 0, stale: 0 };
  const add = (what: "announces" | "scrapes", { answered, stale, refused }: ByResult) => {
    sums[what] += answered + stale + refused;
    sums.failures += refused;
    sums.stale += stale;
  };
  for (const protocol of PROTOCOLS) {
    for (const kind of ANNOUNCE_KINDS) add("announces", metrics.announces[protocol][kind]);
    add("scrapes", metrics.scrapes[protocol]);
  }
  return sums;
}

/** Everything, under its Prometheus names. */
export function metricFamilies(metrics: TrackerMetrics, gauges: TrackerGauges): MetricFamily[] {
  const { totals, store } = gauges;
  const families: MetricFamily[] = [
    counter("tt_tracker_announces_total", "Announces by protocol, kind and result.", [
      ...announceSamples(metrics),
    ]),
    counter("tt_tracker_scrapes_total", "Scrapes by protocol and result.", [
      ...PROTOCOLS.flatMap((protocol) =>
        resultSamples(metrics.scrapes[protocol], [["protocol", protocol]])
      ),
    ]),
    {
      name: "tt_tracker_announce_seconds",
      help: "Time from a whole announce to its answer.",
      type: "histogram",
      samples: PROTOCOLS.flatMap((protocol) =>
        histogramSamples(metrics.latencies[protocol], [["protocol", protocol]])
      ),
    },
    gauge("tt_tracker_swarms", "Swarms with at least one peer.", totals.swarms),
    {
      name: "tt_tracker_peers",
      help: "Peers in all swarms by role.",
      type: "gauge",
      samples: [
        { labels: [["role", "seeder"]], value: totals.seeders },
        { labels: [["role", "leecher"]], value: totals.leechers },
      ],
    },
    gauge("tt_tracker_downloads_finished", "Downloads finished, of all swarms.", totals.completed),
    gauge("tt_tracker_uptime_seconds", "Time since the start.", gauges.uptimeSeconds),
    gauge("process_resident_memory_bytes", "Resident memory in bytes.", gauges.residentBytes),
    {
      name: "tt_build_info",
      help: "1, with the version.",
      type: "gauge",
      samples: [{ labels: [["version", gauges.version]], value: 1 }],
    },
  ];
  if (store === undefined) return families;
  return [
    ...families,
    gauge("tt_tracker_store_up", "1 while the database answers.", store.isUp ? 1 : 0),
    counter("tt_tracker_store_lost_total", "How often the database was found to be away.", [
      { labels: [], value: store.lostCount },
    ]),
  ];
}

function counter(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, help, type: "counter", samples };
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return { name, help, type: "gauge", samples: [{ labels: [], value }] };
}

/** Each combination is there from the start, so that a rate can be made of its first increment. */
function announceSamples(metrics: TrackerMetrics): Sample[] {
  return PROTOCOLS.flatMap((protocol) =>
    ANNOUNCE_KINDS.flatMap((kind) =>
      resultSamples(metrics.announces[protocol][kind], [["protocol", protocol], ["kind", kind]])
    )
  );
}

function resultSamples(counts: ByResult, labels: Sample["labels"]): Sample[] {
  return RESULTS.map((result) => ({
    labels: [...labels, ["result", result]],
    value: counts[result],
  }));
}

/** Buckets count up: each holds those before it too. */
function histogramSamples(histogram: Histogram, labels: Sample["labels"]): Sample[] {
  let count = 0;
  const buckets = [...histogram.counts].map((inBucket, i): Sample => {
    const bound = LATENCY_BOUNDS_MS[i];
    const le = bound === undefined ? "+Inf" : String(bound / 1_000);
    return { suffix: "_bucket", labels: [...labels, ["le", le]], value: count += inBucket };
  });
  return [
    ...buckets,
    { suffix: "_sum", labels, value: histogram.sumMs / 1_000 },
    { suffix: "_count", labels, value: count },
  ];
}
