/** `tt tracker`: runs a tracker until stopped. */
import type { TrackerCommand } from "../../core/cli/command.ts";
import { PortError } from "../net/listener.ts";
import { startTracker } from "../tracker/server.ts";
import type { Context } from "./context.ts";

export async function tracker(command: TrackerCommand, { output, signal }: Context): Promise<void> {
  const { host, intervalSeconds } = command;
  const running = await startTracker({ host, port: command.port, intervalSeconds })
    .catch((error) => {
      throw toPortError(error, command);
    });
  const { port, url } = running;
  output.event({ event: "listening", host, port, url });
  if (!signal.aborted) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  }
  await running.stop();
  signal.throwIfAborted();
}

function toPortError(error: unknown, { host, port }: TrackerCommand): unknown {
  if (error instanceof Deno.errors.AddrInUse) {
    return new PortError(
      `Cannot listen on ${host}:${port}: another program uses it; choose another --port`,
    );
  }
  const why = error instanceof Error ? error.message : String(error);
  return new PortError(`Cannot listen on ${host}:${port}: ${why}; choose another --host or --port`);
}
