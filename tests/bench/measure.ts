/** Timing of short functions in this process. */
import v8 from "node:v8";
import { median } from "./report.ts";

/** Long enough for the optimizing compiler, short enough for a table of twenty rows. */
const WARM_UP_MS = 100;
const MEASURE_MS = 300;
const RUNS_MIN = 5;

/** Median milliseconds of `work`, after warm-up runs. */
export function medianMs(work: () => void): number {
  for (const endMs = performance.now() + WARM_UP_MS; performance.now() < endMs;) work();
  const runsMs: number[] = [];
  for (const endMs = performance.now() + MEASURE_MS; runsMs.length < RUNS_MIN || now() < endMs;) {
    const startMs = now();
    work();
    runsMs.push(now() - startMs);
  }
  return median(runsMs);
}

/** Median milliseconds of work that cannot be repeated on the same input: every run is timed. */
export function medianMsOf(times: number, work: (run: number) => void): number {
  const runsMs: number[] = [];
  for (let run = 0; run < times; run++) {
    const startMs = now();
    work(run);
    runsMs.push(now() - startMs);
  }
  return median(runsMs);
}

/** The same for asynchronous work. */
export async function medianMsOfAsync(times: number, work: () => Promise<void>): Promise<number> {
  const runsMs: number[] = [];
  for (let run = 0; run < times; run++) {
    const startMs = now();
    await work();
    runsMs.push(now() - startMs);
  }
  return median(runsMs);
}

/**
 * Bytes allocated by the engine's heap so far, or undefined where the engine does not report them.
 */
export function allocatedBytes(): number | undefined {
  const statistics = v8.getHeapStatistics() as { total_allocated_bytes?: number };
  return statistics.total_allocated_bytes;
}

function now(): number {
  return performance.now();
}
