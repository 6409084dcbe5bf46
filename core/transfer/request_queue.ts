/**
 * Requests of a peer in the order in which they came. A cancel costs the same however many wait: it is
 * noted, and the request is left out once its turn comes.
 */
import type { View } from "../bytes/view.ts";
import { BLOCK_SIZE } from "../metainfo/geometry.ts";

/** Processed heads are cut off the queue once they are this many numbers. */
const QUEUE_TRIM = 3 * 1_024;
/** Cancelled requests kept beside as many as wait. */
const CANCELLED_MAX = 1_024;

interface Own {
  readonly pieceLength: number;
  /** Triples of piece, begin, length; `head` is the next one. */
  items: number[];
  head: number;
  /** Requests that wait, cancelled ones left out. */
  size: number;
  /** By `keyOf`, how many wait and are not cancelled, and how many are cancelled and still in `items`. */
  readonly waiting: Map<number, number>;
  readonly cancelled: Map<number, number>;
}

export type RequestQueue = View<Own>;

/** Without requests. `pieceLength` in bytes. */
export function createRequestQueue(pieceLength: number): RequestQueue {
  const own: Own = {
    pieceLength,
    items: [],
    head: 0,
    size: 0,
    waiting: new Map(),
    cancelled: new Map(),
  };
  return own;
}

/** The request waits behind all others. */
export function pushRequest(
  view: RequestQueue,
  piece: number,
  begin: number,
  length: number,
): void {
  const queue = view as Own;
  queue.items.push(piece, begin, length);
  queue.size++;
  change(queue.waiting, keyOf(queue, piece, begin, length), 1);
}

/** Takes one such request out; false when none waits. */
export function cancelRequest(
  view: RequestQueue,
  piece: number,
  begin: number,
  length: number,
): boolean {
  const queue = view as Own;
  const key = keyOf(queue, piece, begin, length);
  if (!queue.waiting.has(key)) return false;
  change(queue.waiting, key, -1);
  change(queue.cancelled, key, 1);
  queue.size--;
  if (queue.size === 0) clear(queue);
  else if (queue.items.length - queue.head > 3 * (2 * queue.size + CANCELLED_MAX)) compact(queue);
  return true;
}

/** Appends the next request to `blocks` as a triple of piece, begin, length; gives its length. */
export function takeRequest(view: RequestQueue, blocks: number[]): number {
  const queue = view as Own;
  for (;;) {
    const { items, head } = queue;
    const piece = items[head]!, begin = items[head + 1]!, length = items[head + 2]!;
    queue.head += 3;
    const key = keyOf(queue, piece, begin, length);
    if (queue.cancelled.size > 0 && queue.cancelled.has(key)) {
      change(queue.cancelled, key, -1);
      continue;
    }
    change(queue.waiting, key, -1);
    queue.size--;
    blocks.push(piece, begin, length);
    if (queue.size === 0) clear(queue);
    else if (queue.head >= QUEUE_TRIM) {
      queue.items = queue.items.slice(queue.head);
      queue.head = 0;
    }
    return length;
  }
}

/** Takes all requests, as triples of piece, begin, length. */
export function takeAllRequests(queue: RequestQueue): number[] {
  const blocks: number[] = [];
  while (queue.size > 0) takeRequest(queue, blocks);
  return blocks;
}

/** What a peer asked of us and did not get, as far as `isServed` needs it. */
interface Asker {
  readonly queue: RequestQueue;
  readonly uploadAhead: number;
  readonly leftoverBytes: number;
}

/** Something that it asked for was not sent yet, leftovers of an earlier turn aside. */
export function isServed(peer: Asker): boolean {
  return peer.uploadAhead > peer.leftoverBytes || peer.queue.size > 0;
}

/** Leaves out what was cancelled, so that who asks and cancels for ever costs no more memory. */
function compact(queue: Own): void {
  const blocks = takeAllRequests(queue);
  for (let i = 0; i < blocks.length; i += 3) {
    pushRequest(queue, blocks[i]!, blocks[i + 1]!, blocks[i + 2]!);
  }
}

function clear(queue: Own): void {
  queue.items = [];
  queue.head = 0;
  queue.cancelled.clear();
}

/**
 * One number for a block, below 2^53 in any torrent that there is. Odd lengths at one place count as one,
 * which no client asks for side by side.
 */
function keyOf(
  { pieceLength }: RequestQueue,
  piece: number,
  begin: number,
  length: number,
): number {
  return 2 * (piece * pieceLength + begin) + Number(length === BLOCK_SIZE);
}

function change(counts: Map<number, number>, key: number, by: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
