/** `tt peers`: peers connected to the daemon, or in a tracker's swarm. */
import type { PeersCommand } from "../../core/cli/command.ts";
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";
import { daemonPeers } from "./remote.ts";

export async function peers(command: PeersCommand, { output, signal }: Context): Promise<void> {
  if (command.tracker === undefined) return await daemonPeers(command, { output, signal });
  const catalog = new CatalogClient(command.tracker, signal);
  for (const asked of command.names) {
    const { infoHash, name, seeders, leechers, completed, peers } = await catalog.swarm(asked);
    output.result({ event: "swarm", infoHash, name, seeders, leechers, completed });
    for (const { ip, port, isSeeder } of peers) {
      output.result({ event: "peer", infoHash, ip, port, isSeeder });
    }
  }
}
