/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. */
import { EXIT } from "../core/cli/exit_codes.ts";

/** Why a command was aborted; not a failure. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** Aborts with a `Stopped`. `beforeExit` runs when the second signal ends the process. */
export function stopSignal(beforeExit: () => void): AbortController {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) {
      beforeExit();
      Deno.exit(EXIT.interrupted);
    }
    controller.abort(new Stopped("stopped by the user"));
  };
  Deno.addSignalListener("SIGINT", onSignal);
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", onSignal);
  return controller;
}
