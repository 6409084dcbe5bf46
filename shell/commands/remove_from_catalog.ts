/** `tt remove --tracker`: takes torrents out of a tracker's catalog. */
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";

export async function removeFromCatalog(
  tracker: string,
  names: readonly string[],
  token: string | undefined,
  { output, signal }: Context,
): Promise<void> {
  const catalog = new CatalogClient(tracker, signal);
  for (const name of names) {
    const infoHash = await catalog.remove(name, token);
    const message = `Removed ${name} from the catalog of ${tracker}`;
    output.result({ event: "removed", infoHash, name, message });
  }
}
