/** Thousands of connections that send nothing, from a separate process. */
import { fileURLToPath } from "node:url";
import { loopback } from "../../../support/network.ts";
import { ClientProcess } from "../../../support/process.ts";
import type { Requirement } from "../../../support/requirements.ts";

const PROGRAM = fileURLToPath(new URL("silent_clients.ts", import.meta.url));
/** Ten thousand take a second or two; a busy machine gets many times that. */
const DEADLINE_MS = 60_000;

/** Sets the limit of open files of that one process. */
export function openFiles(count: number): Requirement {
  return {
    async missing() {
      const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -Hn"] }).output();
      const limit = new TextDecoder().decode(stdout).trim();
      if (limit === "unlimited" || Number(limit) >= count) return undefined;
      return `a process may open ${limit} files, not ${count}`;
    },
  };
}

export interface SilentClients extends AsyncDisposable {
  /** How many the other end has closed, once all are closed. */
  ended(): Promise<number>;
}

/**
 * Resolves once this many connections to a port of 127.0.0.1 are open; every second one sends half
 * a request.
 */
export async function openSilentClients(port: number, count: number): Promise<SilentClients> {
  const argv = [Deno.execPath(), "run", "--quiet", "--allow-net", PROGRAM, `${port}`, `${count}`];
  const clients = new ClientProcess({ place: loopback, port, argv });
  await clients.waitForLine((line) => line === "open" || undefined, "open", DEADLINE_MS);
  return {
    ended: () =>
      clients.waitForLine(
        (line) => {
          const [, ends] = /^ended (\d+)$/.exec(line) ?? [];
          return ends === undefined ? undefined : Number(ends);
        },
        "end",
        DEADLINE_MS,
      ),
    [Symbol.asyncDispose]: async () => void await clients.stop(),
  };
}
