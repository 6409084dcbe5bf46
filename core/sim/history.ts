/**
 * How a swarm filled up: samples of who has how much, and of how many hold which part of the content.
 * The samples thin out as time goes on, so that any run fits.
 */
import type { Node } from "./node.ts";
import type { World } from "./state.ts";

/** When there are so many samples, every other one goes and the interval doubles. */
const SAMPLES_MAX = 240;
const INTERVAL_FIRST_MS = 100;
/** Parts of the content whose holders are counted. */
export const PARTS = 48;

export interface Sample {
  /** Milliseconds since the world began. */
  readonly at: number;
  /** Pieces of each downloader, in their order. */
  readonly pieces: Uint32Array;
  /** Holders of each part of the content, on average over its pieces. */
  readonly holders: Float32Array;
}

export interface History {
  readonly samples: Sample[];
  intervalMs: number;
  nextMs: number;
}

/** No samples yet. */
export function createHistory(): History {
  return { samples: [], intervalMs: INTERVAL_FIRST_MS, nextMs: 0 };
}

/** Takes a sample if it is time, or in any case with `now`. */
export function sampleIfDue(
  history: History,
  world: World,
  downloaders: readonly Node[],
  now = false,
): void {
  if (!now && world.now < history.nextMs) return;
  const pieces = Uint32Array.from(downloaders, ({ torrent }) => torrent.haveCount);
  history.samples.push({ at: world.now, pieces, holders: averageHolders(world) });
  if (history.samples.length >= SAMPLES_MAX) thinOut(history);
  history.nextMs = world.now + history.intervalMs;
}

function averageHolders({ holders }: World): Float32Array {
  const parts = new Float32Array(PARTS);
  for (let part = 0; part < PARTS; part++) {
    const from = Math.floor(part * holders.length / PARTS);
    const to = Math.max(from + 1, Math.floor((part + 1) * holders.length / PARTS));
    let sum = 0;
    for (let piece = from; piece < to; piece++) sum += holders[piece]!;
    parts[part] = sum / (to - from);
  }
  return parts;
}

function thinOut(history: History): void {
  const { samples } = history;
  history.intervalMs *= 2;
  let kept = 0;
  for (let i = 0; i < samples.length; i += 2) samples[kept++] = samples[i]!;
  samples.length = kept;
}
