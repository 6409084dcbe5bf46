/** How long one connection is listened to before others have their turn. */
import type { Clock } from "../clock.ts";

/** About as many messages as fill a read. */
const MESSAGES_PER_TURN = 1_024;
/** Number of messages between two looks at the clock, a power of two. */
const MESSAGES_PER_LOOK = 64;
const TURN_MS = 4;

/** Whether a turn that began at `startedMs` and processed this many messages is over. */
export function isTurnOver(messages: number, startedMs: number, clock: Clock): boolean {
  if (messages >= MESSAGES_PER_TURN) return true;
  const isLook = (messages & (MESSAGES_PER_LOOK - 1)) === MESSAGES_PER_LOOK - 1;
  return isLook && clock.now() - startedMs >= TURN_MS;
}
