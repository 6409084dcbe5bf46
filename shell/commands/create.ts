/** `tt create`: makes the `.torrent` only. */
import type { CreateCommand, CreationSettings } from "../../core/cli/command.ts";
import { checkingView } from "../../core/cli/progress.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { magnetLink } from "../../core/metainfo/magnet.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { namedFileError } from "../disk/named_file.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { makeTorrent } from "../make_torrent.ts";
import { readMetainfo } from "../read_metainfo.ts";
import { CLIENT_NAME } from "../version.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

export async function create(command: CreateCommand, context: Context): Promise<void> {
  for (const path of command.paths) await makeTorrentFile(path, command, context);
}

/** Hashes the content, writes its `.torrent` and says where. */
export async function makeTorrentFile(
  source: string,
  settings: CreationSettings & { readonly comment: string | undefined },
  { output, signal }: Context,
): Promise<LoadedTorrent> {
  const { bytes, metainfo } = await makeTorrent(source, {
    ...settings,
    createdBy: CLIENT_NAME,
    signal,
    onProgress: (done, total) => output.progress([checkingView("", source, done, total)]),
    onNotice: (sentence) => output.notice(sentence),
  });
  const path = settings.out ?? `${metainfo.name}.torrent`;
  await writeTorrent(path, bytes, metainfo);
  output.result({ event: "created", path, ...figuresOf(metainfo) });
  return { bytes, metainfo };
}

/** What `create` and `show` tell of every torrent. */
export function figuresOf(metainfo: Metainfo) {
  const { infoHash, name, geometry, files } = metainfo;
  const content = files.filter((file) => !file.pad);
  return {
    infoHash,
    name,
    bytes: content.reduce((total, file) => total + file.length, 0),
    pieceLength: geometry.pieceLength,
    pieces: geometry.pieceCount,
    magnet: magnetLink(metainfo),
  };
}

/** Replaces an older `.torrent` of the same content, but never anything else. */
export async function writeTorrent(
  path: string,
  bytes: Uint8Array,
  metainfo: Metainfo,
): Promise<void> {
  try {
    const before = await Deno.readFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
    const held = before && readMetainfo(before);
    if (before !== undefined && !(held?.ok && held.value.infoHash === metainfo.infoHash)) {
      const message = `${path} is there already and is not a torrent of this content; ` +
        "move it away or choose another name with --out";
      throw new CommandError(EXIT.usage, "occupied", message);
    }
    await Deno.writeFile(path, bytes);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw namedFileError(error, "write", path, "name another file with --out");
  }
}
