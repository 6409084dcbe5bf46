/**
 * Ctrl-C, SIGTERM and a terminal that is closed: the first asks for a clean end, the second ends at
 * once.
 */
import { EXIT } from "../core/cli/exit_codes.ts";

/** Why a command was aborted; not a failure. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** Where signals come from; `Deno` is one. */
type Signals = Pick<typeof Deno, "addSignalListener">;

/**
 * Aborts with a `Stopped`. `beforeExit` runs when the second signal ends the process. Without a terminal
 * SIGHUP is left as it was found: `nohup` has it ignored, and takes the terminal away. Windows sends it
 * when a console is closed, and SIGBREAK for Ctrl-Break.
 */
export function stopSignal(
  beforeExit: () => void,
  hasTerminal: boolean = Deno.stderr.isTerminal(),
  signals: Signals = Deno,
): AbortController {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      beforeExit();
      Deno.exit(EXIT.interrupted);
    }
    controller.abort(new Stopped("stopped by the user"));
  };
  const names: Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGBREAK"];
  if (hasTerminal || Deno.build.os === "windows") names.push("SIGHUP");
  for (const name of names) {
    try {
      signals.addSignalListener(name, onSignal);
    } catch {
      // Not a signal of this system: the others count all the same.
    }
  }
  return controller;
}
