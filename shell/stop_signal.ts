/**
 * Ctrl-C, SIGTERM and a terminal that is closed: the first asks for a clean end, the second ends at
 * once.
 */
import { EXIT } from "../core/cli/exit_codes.ts";

/** Why a command was aborted; not a failure. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/**
 * Aborts with a `Stopped`. `beforeExit` runs when the second signal ends the process. Without a terminal
 * SIGHUP is left as it was found: `nohup` has it ignored, and takes the terminal away.
 */
export function stopSignal(
  beforeExit: () => void,
  hasTerminal: boolean = Deno.stderr.isTerminal(),
): AbortController {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      beforeExit();
      Deno.exit(EXIT.interrupted);
    }
    controller.abort(new Stopped("stopped by the user"));
  };
  Deno.addSignalListener("SIGINT", onSignal);
  if (Deno.build.os !== "windows") {
    Deno.addSignalListener("SIGTERM", onSignal);
    if (hasTerminal) Deno.addSignalListener("SIGHUP", onSignal);
  }
  return controller;
}
