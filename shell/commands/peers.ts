/** `tt peers`: who is in a swarm. */
import type { PeersCommand } from "../../core/cli/command.ts";
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";

export async function peers(command: PeersCommand, { output, signal }: Context): Promise<void> {
  const catalog = new CatalogClient(command.tracker, signal);
  for (const asked of command.names) {
    const { infoHash, name, seeders, leechers, completed, peers } = await catalog.swarm(asked);
    output.result({ event: "swarm", infoHash, name, seeders, leechers, completed });
    for (const { ip, port, isSeeder } of peers) {
      output.result({ event: "peer", infoHash, ip, port, isSeeder });
    }
  }
}
