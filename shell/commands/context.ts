/** What every command gets: where to talk and when to stop. */
import type { Output } from "../terminal/output.ts";

export interface Context {
  readonly output: Output;
  /** Aborts with a `Stopped` when the user wants the command to end. */
  readonly signal: AbortSignal;
}
