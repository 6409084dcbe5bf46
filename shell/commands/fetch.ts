/** `tt fetch`: saves a `.torrent` of a tracker's catalog. */
import type { FetchCommand } from "../../core/cli/command.ts";
import { CatalogClient } from "../catalog_client.ts";
import type { Context } from "./context.ts";
import { STDOUT, TorrentOutput } from "../torrent_output.ts";
import { figuresOf } from "./create.ts";

export async function fetchTorrents(
  command: FetchCommand,
  { output, signal }: Context,
): Promise<void> {
  const catalog = new CatalogClient(command.tracker, signal);
  for (const name of command.names) {
    const { bytes, metainfo } = await catalog.fetch(name);
    // The name as the tracker lists it may climb out of the folder; that of the content never does.
    const path = command.out ?? `${metainfo.files[0]!.path[0]!}.torrent`;
    const out = await TorrentOutput.open(path, command.force);
    await out.write(bytes, metainfo);
    if (path === STDOUT) continue;
    const { infoHash, bytes: size } = figuresOf(metainfo);
    output.result({ event: "fetched", path, infoHash, name: metainfo.name, bytes: size });
  }
}
