/** DHT nodes of ours at addresses of one place, for clients that begin with them. */
import { fileURLToPath } from "node:url";
import { freshPort, type Place } from "../../support/network.ts";
import { ClientProcess, runCommand } from "../../support/process.ts";
import type { Endpoint } from "./client.ts";

/** Transmission requires a DHT of at least nine nodes. */
const NODES = 12;
const READY_DEADLINE_MS = 20_000;
const PROGRAM = fileURLToPath(new URL("dht_nodes.ts", import.meta.url));

export interface DhtNetwork extends AsyncDisposable {
  readonly endpoints: readonly Endpoint[];
}

/** Nodes that know each other. */
export async function startDhtNetwork(place: Place): Promise<DhtNetwork> {
  const port = freshPort();
  const hosts = [place.host];
  for (let i = 1; i < NODES; i++) {
    const host = place.host.replace(/\d+$/, String(100 + i));
    await runCommand(place.command(["ip", "address", "add", `${host}/24`, "dev", "eth0"]));
    hosts.push(host);
  }
  const argv = [Deno.execPath(), "run", "--quiet", "--allow-all", PROGRAM, String(port)];
  const process = new ClientProcess({ place, port, argv: [...argv, ...hosts] });
  try {
    await process.waitForLine(
      (line) => line === "ready" || undefined,
      "be ready",
      READY_DEADLINE_MS,
    );
  } catch (error) {
    await process.stop();
    throw error;
  }
  return {
    endpoints: hosts.map((host) => ({ host, port })),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}
