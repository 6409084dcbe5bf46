/**
 * Links between peers: latency, bandwidth up and down, order. A peer's uplink sends one block of
 * each connection in turn; its downlink takes blocks as they come; a connection has a bounded
 * number of bytes on its way, as TCP has, so a slow receiver slows its sender down and not the
 * sender's others. Messages go before blocks that have not left yet, as they do in the shell.
 */
import type { Message } from "../wire/message.ts";
import type { End, Node } from "./node.ts";

/** How a message is written into an inbox: the tick, one of these, then its numbers. */
export const HAVE = 0;
export const REQUEST = 1;
export const BLOCK = 2;
/** Anything else; the message itself is in `messages`. */
export const LETTER = 3;
export const CLOSED = 4;

/** Bytes of one connection on their way: 100 ms of 50 Mbit/s. */
const WINDOW_BYTES = 640 * 1024;
/** A spent inbox is cut off beyond this. */
const INBOX_TRIM = 4_096;

/** Appends to what is on its way to `end`; returns whether the tick is news to the timeline. */
export function post(
  end: End,
  tick: number,
  kind: number,
  a = 0,
  b = 0,
  c = 0,
): boolean {
  const { inbox } = end;
  inbox[end.inboxTail++] = tick;
  inbox[end.inboxTail++] = kind;
  if (kind <= BLOCK) inbox[end.inboxTail++] = a;
  if (kind === REQUEST || kind === BLOCK) {
    inbox[end.inboxTail++] = b;
    inbox[end.inboxTail++] = c;
  }
  const isNews = tick !== end.lastTick;
  end.lastTick = tick;
  return isNews;
}

/** The same for a message; common ones are numbers only. */
export function postMessage(end: End, tick: number, message: Message): boolean {
  if (message.kind === "have") return post(end, tick, HAVE, message.piece);
  if (message.kind === "request") {
    return post(end, tick, REQUEST, message.piece, message.begin, message.length);
  }
  end.messages.push(message);
  return post(end, tick, LETTER);
}

/** Drops what was read. */
export function trimInbox(end: End): void {
  const { inboxHead, inboxTail } = end;
  if (inboxHead < inboxTail && inboxHead <= INBOX_TRIM) return;
  if (end.inbox.length > INBOX_TRIM) end.inbox = end.inbox.slice(inboxHead, inboxTail);
  end.inboxHead = 0;
  end.inboxTail = inboxTail - inboxHead;
}

/** Whether the end has a block to send and room on the way. */
export function maySend(end: End): boolean {
  return end.isOpen && end.uploadHead < end.uploads.length && end.inFlight < WINDOW_BYTES;
}

/** Puts the end into its node's ring if it has something to send and is not there. */
export function joinRing(end: End): void {
  if (end.isInRing || !maySend(end)) return;
  end.isInRing = true;
  end.node.ring.push(end);
}

/** The next end whose turn it is; undefined when no end has anything to send. */
export function nextInRing(node: Node): End | undefined {
  const end = node.ring[node.ringHead];
  if (end === undefined) {
    node.ring.length = 0;
    node.ringHead = 0;
    return undefined;
  }
  if (++node.ringHead > INBOX_TRIM) {
    node.ring = node.ring.slice(node.ringHead);
    node.ringHead = 0;
  }
  end.isInRing = false;
  return end;
}

/**
 * When a block of `length` bytes that leaves at `leavesMs` has arrived. Takes the downlink's time
 * from `now` on, and not from when the block comes: those of fast peers do not wait for those of
 * slow ones.
 */
export function arrivalMs(end: End, length: number, leavesMs: number, now: number): number {
  const them = end.other.node;
  them.downFreeMs = Math.max(now, them.downFreeMs) + length * them.msPerByteDown;
  return Math.max(leavesMs + end.latencyMs, them.downFreeMs);
}
