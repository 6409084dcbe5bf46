/** `tt create`: makes the `.torrent` only. */
import { dirname, resolve } from "node:path";
import type { CreateCommand, CreationSettings } from "../../core/cli/command.ts";
import { checkingView } from "../../core/cli/progress.ts";
import { resultText } from "../../core/cli/results.ts";
import { magnetLink } from "../../core/metainfo/magnet.ts";
import { formatOf } from "../../core/metainfo/identity.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { saveLeaves } from "../disk/leaves_file.ts";
import { contentName } from "../list_content.ts";
import { type MadeTorrent, makeTorrent } from "../make_torrent.ts";
import { STDOUT, TorrentOutput } from "../torrent_output.ts";
import { CLIENT_NAME } from "../version.ts";
import type { Context } from "./context.ts";

export async function create(command: CreateCommand, context: Context): Promise<void> {
  for (const path of command.paths) await makeTorrentFile(path, command, context);
}

/** Hashes the content, writes its `.torrent` and says where. */
export async function makeTorrentFile(
  source: string,
  settings: CreationSettings & { readonly comment?: string | undefined },
  { output, signal }: Context,
): Promise<MadeTorrent> {
  const path = settings.out ?? `${contentName(source)}.torrent`;
  const out = await TorrentOutput.open(path, settings.force);
  const made = await makeTorrent(source, {
    ...settings,
    createdBy: CLIENT_NAME,
    outputPath: out.place,
    signal,
    onLeftOut: (path, reason) => output.event({ event: "left-out", path, reason }),
    onListed: (content) => out.refuseOther(content),
    onProgress: (done, total) => output.progress([checkingView("", source, done, total)]),
  });
  await out.write(made.bytes, made.metainfo);
  await saveLeaves(dirname(resolve(source)), made.metainfo, made.leaves);
  const result = { event: "created" as const, path, ...figuresOf(made.metainfo) };
  // The torrent itself has stdout.
  if (path === STDOUT) output.notice(resultText({ ...result, path: "the .torrent" }));
  else output.result(result);
  return made;
}

/** What `create` and `show` tell of every torrent. */
export function figuresOf(metainfo: Metainfo) {
  const { infoHash, identity, name, geometry, files } = metainfo;
  const content = files.filter((file) => !file.pad);
  return {
    infoHash,
    infoHashV2: identity.v2,
    format: formatOf(identity),
    name,
    bytes: content.reduce((total, file) => total + file.length, 0),
    pieceLength: geometry.pieceLength,
    pieces: geometry.pieceCount,
    magnet: magnetLink(metainfo),
  };
}
