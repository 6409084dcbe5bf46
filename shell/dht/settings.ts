/** From what the user chose to what a node needs. */
import { join } from "node:path";
import type { DhtChoice } from "../../core/cli/common_settings.ts";
import { defaultStateFolder } from "../../core/cli/state_paths.ts";
import type { DhtSettings } from "./dht_node.ts";

/** In the state folder. */
const TABLE_NAME = "dht.nodes";

/**
 * Undefined when the DHT is off. Whoever names nodes has a network of their own, which must not mix with
 * the one that is kept in the state folder.
 */
export function dhtSettings(
  { isOn, nodes }: DhtChoice,
  stateFolder: string | undefined = defaultStateFolder(Deno.env.toObject()),
): DhtSettings | undefined {
  if (!isOn) return undefined;
  if (nodes.length > 0) return { routers: nodes, tablePath: undefined };
  return { routers: undefined, tablePath: stateFolder && join(stateFolder, TABLE_NAME) };
}
