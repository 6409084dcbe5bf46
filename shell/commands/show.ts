/** `tt show`: what a `.torrent` says. */
import type { ShowCommand } from "../../core/cli/command.ts";
import { loadTorrent } from "../load_torrent.ts";
import type { Context } from "./context.ts";
import { figuresOf } from "./create.ts";

export async function show(command: ShowCommand, { output, signal }: Context): Promise<void> {
  for (const source of command.sources) {
    const { metainfo } = await loadTorrent(source, signal);
    const { comment, createdBy, announceTiers: trackers, isPrivate } = metainfo;
    const content = metainfo.files.filter((file) => !file.pad);
    const files = content.map(({ path, length }) => ({ path: path.join("/"), length }));
    const facts = { files, trackers, private: isPrivate, comment, createdBy };
    output.result({ event: "torrent", ...figuresOf(metainfo), ...facts });
  }
}
