/** `tt fetch`: saves a `.torrent` of a tracker's catalog. */
import type { FetchCommand } from "../../core/cli/command.ts";
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";
import { figuresOf, writeTorrent } from "./create.ts";

export async function fetchTorrents(
  command: FetchCommand,
  { output, signal }: Context,
): Promise<void> {
  const catalog = new CatalogClient(command.tracker, signal);
  for (const name of command.names) {
    const { bytes, metainfo } = await catalog.fetch(name);
    const path = command.out ?? `${metainfo.name}.torrent`;
    await writeTorrent(path, bytes, metainfo);
    const { infoHash, bytes: size } = figuresOf(metainfo);
    output.result({ event: "fetched", path, infoHash, name: metainfo.name, bytes: size });
  }
}
