/**
 * How a swarm filled up: samples of who has how much, and of how many hold which part of the content.
 * The samples thin out as time goes on, so that any run fits.
 */
import { transferOf } from "../torrent/state.ts";
import type { Node } from "./node.ts";
import type { World } from "./state.ts";

/** At this number of samples every other one is dropped and the interval doubles. */
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
  /** Part of all uplinks that was in use since the sample before, 0 to 1. */
  readonly uplinkUse: number;
}

export interface History {
  readonly samples: Sample[];
  intervalMs: number;
  nextMs: number;
  /** What all together had sent by the last sample. */
  sentBytes: number;
}

/** No samples yet. */
export function createHistory(): History {
  return { samples: [], intervalMs: INTERVAL_FIRST_MS, nextMs: 0, sentBytes: 0 };
}

/** Takes a sample if it is time, or in any case with `now`. */
export function sampleIfDue(
  history: History,
  world: World,
  downloaders: readonly Node[],
  now = false,
): void {
  if (!now && world.now < history.nextMs) return;
  const pieces = Uint32Array.from(downloaders, ({ torrent }) => transferOf(torrent).haveCount);
  const holders = averageHolders(world);
  history.samples.push({ at: world.now, pieces, holders, uplinkUse: uplinkUse(history, world) });
  if (history.samples.length >= SAMPLES_MAX) thinOut(history);
  history.nextMs = world.now + history.intervalMs;
}

function uplinkUse(history: History, { nodes, now, tally }: World): number {
  const sinceMs = now - (history.samples.at(-1)?.at ?? 0);
  let roomBytes = 0;
  for (const node of nodes) if (node.isOnline) roomBytes += sinceMs / node.msPerByteUp;
  const sentBytes = tally.bytesSent - history.sentBytes;
  history.sentBytes = tally.bytesSent;
  return roomBytes > 0 ? Math.min(1, sentBytes / roomBytes) : 0;
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
  for (let i = 0; i < samples.length; i += 2) {
    const before = samples[Math.max(0, i - 1)]!, sample = samples[i]!;
    samples[kept++] = { ...sample, uplinkUse: (before.uplinkUse + sample.uplinkUse) / 2 };
  }
  samples.length = kept;
}
