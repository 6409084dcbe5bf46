/** `tt show`: what a `.torrent` says. */
import type { ShowCommand } from "../../core/cli/command.ts";
import { loadTorrent } from "../load_torrent.ts";
import type { Context } from "./context.ts";
import { figuresOf } from "./create.ts";
import { MagnetRun } from "./magnet_run.ts";
import { readMagnet } from "../magnet/metadata_stage.ts";
import { sessionOptions } from "./run_torrents.ts";
import { isMagnet } from "../../core/metainfo/magnet.ts";
import { Session } from "../session.ts";
import type { LoadedTorrent } from "../load_torrent.ts";

/** How often progress is shown and `--timeout` is looked at. */
const TICK_MS = 500;

export async function show(command: ShowCommand, context: Context): Promise<void> {
  const { output, signal } = context;
  for (const source of command.sources) {
    const { metainfo } = isMagnet(source)
      ? await fetchMagnet(source, command, context)
      : await loadTorrent(source, signal);
    const { comment, createdBy, announceTiers: trackers, isPrivate } = metainfo;
    const content = metainfo.files.filter((file) => !file.pad);
    const files = content.map(({ path, length }) => ({ path: path.join("/"), length }));
    if (command.files) {
      const { infoHash, name } = metainfo;
      const numbered = files.map((file, at) => ({ number: at + 1, ...file }));
      output.result({ event: "files", infoHash, name, files: numbered });
      continue;
    }
    const facts = { files, trackers, private: isPrivate, comment, createdBy };
    output.result({ event: "torrent", ...figuresOf(metainfo), ...facts });
  }
}

/** Leaves the swarm as soon as the metadata is here. */
async function fetchMagnet(
  link: string,
  settings: ShowCommand,
  { output, signal }: Context,
): Promise<LoadedTorrent> {
  const magnet = readMagnet(link);
  const session = new Session(sessionOptions(settings));
  const { saveTorrent } = settings;
  const run = new MagnetRun({ magnet, session, settings, output, saveTorrent });
  const timer = setInterval(() => {
    output.progress([run.view()]);
    run.tick();
  }, TICK_MS);
  try {
    return await run.execute(signal);
  } finally {
    clearInterval(timer);
    output.progress([]);
    await session.close();
  }
}
