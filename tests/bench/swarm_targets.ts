/**
 * What the pairs of `bench swarm` must reach, each a ratio to other pairs of the same run or to one
 * SHA-1 pass. A target is listed when the pairs that it compares were run.
 */
import { atLeast, atMost, type Figure, shorten } from "./figures.ts";

export interface PairResult {
  /** SEEDER-DOWNLOADER. */
  readonly pair: string;
  readonly runs: number;
  /** From launch to complete, in megabytes (10^6 bytes) a second. */
  readonly megabytesPerSecond: number;
  /** The same by the downloader's own clock, null where it does not report one. */
  readonly transferMegabytesPerSecond: number | null;
  readonly seederCpuSecondsPerGigabyte: number;
  readonly downloaderCpuSecondsPerGigabyte: number;
  readonly seederPeakResidentBytes: number;
  readonly downloaderPeakResidentBytes: number;
  /** Ratio of `megabytesPerSecond` to that of lt-lt, null without lt-lt. */
  readonly ratio: number | null;
}

/** Pair of `tt`, compared pair, and the required ratio. */
const WALL_TARGETS: readonly (readonly [ours: string, theirs: string, times: number])[] = [
  ["lt-tt", "lt-lt", 1.3],
  ["rt-tt", "rt-lt", 1.15],
  ["tt-lt", "rt-lt", 1],
  ["tt-tt", "wt-wt", 3],
];
const TIMES_FASTEST_OF_OTHERS = 1.2;
/** The other client with the least CPU time at each side. */
const THRIFTY_DOWNLOADER = "a2";
const THRIFTY_SEEDER = "rt";
const DOWNLOADING_SHA1_PASSES_MAX = 2.2;
const SEEDING_SHA1_PASSES_MAX = 1;
const RESIDENT_MB_MAX = 180;

/** Pairs that cover every target, with every kind of other client. */
export const TARGET_PAIRS: readonly string[] = [
  ...["lt-tt", "rt-tt", "a2-tt", "tt-tt", "tt-lt", "tt-rt", "tt-a2"],
  ...["lt-lt", "rt-lt", "rt-rt", "lt-a2", "rt-a2", "a2-a2", "a2-lt", "wt-wt"],
];

/** The targets that the results cover; `sha1MegabytesPerSecond` is of one core. */
export function compareWithTargets(
  results: readonly PairResult[],
  sha1MegabytesPerSecond: number,
): Figure[] {
  const byPair = new Map(results.map((result) => [result.pair, result]));
  const passSeconds = 1e3 / sha1MegabytesPerSecond;
  return [
    ...WALL_TARGETS.map(([ours, theirs, times]) =>
      compareRates(byPair.get(ours), byPair.get(theirs), times)
    ),
    compareRates(byPair.get("tt-tt"), fastestOfOthers(results), TIMES_FASTEST_OF_OTHERS),
    ...results.flatMap((ours) => compareCpu(ours, byPair, passSeconds)),
    ...results.map(compareMemory),
  ].filter((figure) => figure !== undefined);
}

function compareRates(
  ours: PairResult | undefined,
  theirs: PairResult | undefined,
  times: number,
): Figure | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  const text = (result: PairResult) => `${shorten(result.megabytesPerSecond)} MB/s`;
  return {
    what: `${ours.pair}, wall`,
    measured: text(ours),
    beside: `${theirs.pair} ${text(theirs)}`,
    target: atLeast(ours.megabytesPerSecond / theirs.megabytesPerSecond, times),
  };
}

function fastestOfOthers(results: readonly PairResult[]): PairResult | undefined {
  return results
    .filter(({ pair }) => !pair.split("-").includes("tt"))
    .toSorted((a, b) => b.megabytesPerSecond - a.megabytesPerSecond)[0];
}

/**
 * Each side that is `tt`, compared with the cheapest other with the same partner, and with SHA-1.
 */
function compareCpu(
  ours: PairResult,
  byPair: ReadonlyMap<string, PairResult>,
  passSeconds: number,
): Figure[] {
  const [seeder, downloader] = ours.pair.split("-");
  const figures: Figure[] = [];
  if (downloader === "tt") {
    figures.push(...compareSide({
      what: `${ours.pair}, CPU downloading`,
      seconds: ours.downloaderCpuSecondsPerGigabyte,
      rival: `${seeder}-${THRIFTY_DOWNLOADER}`,
      rivalSeconds: byPair.get(`${seeder}-${THRIFTY_DOWNLOADER}`)?.downloaderCpuSecondsPerGigabyte,
      passSeconds,
      passesMax: DOWNLOADING_SHA1_PASSES_MAX,
    }));
  }
  if (seeder === "tt") {
    figures.push(...compareSide({
      what: `${ours.pair}, CPU seeding`,
      seconds: ours.seederCpuSecondsPerGigabyte,
      rival: `${THRIFTY_SEEDER}-${downloader}`,
      rivalSeconds: byPair.get(`${THRIFTY_SEEDER}-${downloader}`)?.seederCpuSecondsPerGigabyte,
      passSeconds,
      passesMax: SEEDING_SHA1_PASSES_MAX,
    }));
  }
  return figures;
}

/** Seconds of CPU time a gigabyte. */
interface Side {
  readonly what: string;
  readonly seconds: number;
  readonly rival: string;
  readonly rivalSeconds: number | undefined;
  readonly passSeconds: number;
  readonly passesMax: number;
}

function compareSide(side: Side): Figure[] {
  const { what, seconds, rival, rivalSeconds, passSeconds, passesMax } = side;
  const text = (value: number) => `${shorten(value)} s/GB`;
  const row = (beside: string, other: number, max: number): Figure => ({
    what,
    measured: text(seconds),
    beside: `${beside} ${text(other)}`,
    target: atMost(seconds / other, max),
  });
  const besidePass = row("one SHA-1 pass", passSeconds, passesMax);
  return rivalSeconds === undefined ? [besidePass] : [row(rival, rivalSeconds, 1), besidePass];
}

function compareMemory(result: PairResult): Figure | undefined {
  const [seeder, downloader] = result.pair.split("-");
  const bytes = Math.max(
    seeder === "tt" ? result.seederPeakResidentBytes : 0,
    downloader === "tt" ? result.downloaderPeakResidentBytes : 0,
  );
  if (bytes === 0) return undefined;
  return {
    what: `${result.pair}, peak RSS of tt`,
    measured: `${shorten(bytes / 1e6)} MB`,
    target: atMost(bytes / 1e6, RESIDENT_MB_MAX, " MB"),
  };
}
