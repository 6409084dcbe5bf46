/** A torrent as it is run: other trackers, other names of files than its `.torrent` says. */
import { assignPath, createPathAssigner, safeComponent } from "../../core/metainfo/path_rules.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { Failure } from "../failure.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { NATIVE_PATH_RULES } from "../read_metainfo.ts";
import type { TorrentRecord } from "./record.ts";

/** `loaded` as its `.torrent` says. */
export function applyRecord(
  loaded: LoadedTorrent,
  { trackers, renames }: Pick<TorrentRecord, "trackers" | "renames">,
): LoadedTorrent {
  let { metainfo } = loaded;
  if (trackers !== undefined) metainfo = { ...metainfo, announceTiers: trackers };
  for (const { path, name } of renames) metainfo = renamePath(metainfo, path, name) ?? metainfo;
  return metainfo === loaded.metainfo ? loaded : { ...loaded, metainfo };
}

/**
 * `path` is of a file or a folder, with slashes; `name` takes the place of its last part. Undefined when
 * nothing has that path. Throws a Failure when the name can't be one, or is taken.
 */
export function renamePath(metainfo: Metainfo, path: string, name: string): Metainfo | undefined {
  if (name === "" || safeComponent(name, NATIVE_PATH_RULES) !== name) {
    throw new Failure("input", "bad-name", `${JSON.stringify(name)} can't be a file's name here`);
  }
  const parts = path.split("/");
  const depth = parts.length - 1;
  const isBelow = (file: readonly string[]) => parts.every((part, at) => file[at] === part);
  if (!metainfo.files.some((file) => isBelow(file.path))) return undefined;
  const assigner = createPathAssigner(NATIVE_PATH_RULES);
  const files = metainfo.files.map((file) => {
    const renamed = isBelow(file.path) ? file.path.with(depth, name) : file.path;
    if (file.pad) return { ...file, path: renamed };
    if (assignPath(assigner, renamed).join("/") !== renamed.join("/")) {
      throw new Failure("input", "name-taken", `${renamed.join("/")} is there already`);
    }
    return { ...file, path: renamed };
  });
  return { ...metainfo, files, name: depth === 0 ? name : metainfo.name };
}
