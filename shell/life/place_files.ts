/**
 * Gives a torrent's files the names that their folder can hold. A torrent is read with the rules of the
 * system; where its folder is stricter, the files are placed again by the portable rules.
 */
import { join } from "node:path";
import { type PathRules, safeComponent } from "../../core/metainfo/path_rules.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { FileSystem } from "../disk/file_system.ts";
import { probePathRules } from "../disk/probe_folder.ts";
import { realFileSystem } from "../disk/real_file_system.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import { NATIVE_PATH_RULES, readMetainfo } from "../read_metainfo.ts";

/** For a download: tries what the folder can hold. */
export async function placeForWriting(
  loaded: LoadedTorrent,
  dir: string,
  fs: FileSystem = realFileSystem,
  clock: Clock = systemClock,
): Promise<LoadedTorrent> {
  if (NATIVE_PATH_RULES === "portable") return loaded;
  return await rulesOf(dir, fs, clock.now()) === "portable" ? placePortably(loaded) : loaded;
}

/** How long an answer counts: another disk may be mounted there, but not while a thousand torrents start. */
const PROBE_KEPT_MS = 60_000;

/** Folders whose answers are kept; a process that uses more asks again. */
const PROBES_MAX = 100;

interface Probe {
  readonly rules: Promise<PathRules>;
  readonly untilMs: number;
}

const probes = new WeakMap<FileSystem, Map<string, Probe>>();

/** Trying takes a dozen calls of the system and a look at a whole folder: once for all torrents in it. */
function rulesOf(dir: string, fs: FileSystem, at: number): Promise<PathRules> {
  const known = probes.get(fs) ?? new Map<string, Probe>();
  probes.set(fs, known);
  let probe = known.get(dir);
  if (probe === undefined || probe.untilMs < at) {
    if (known.size >= PROBES_MAX) known.clear();
    probe = { rules: probePathRules(dir, fs), untilMs: at + PROBE_KEPT_MS };
    probe.rules.catch(() => known.delete(dir));
    known.set(dir, probe);
  }
  return probe.rules;
}

/** For content that is there: the portable names count when they lead to it and the others do not. */
export async function placeForReading(
  loaded: LoadedTorrent,
  dir: string,
  fs: FileSystem = realFileSystem,
): Promise<LoadedTorrent> {
  if (NATIVE_PATH_RULES === "portable") return loaded;
  let portable: LoadedTorrent | undefined;
  for (const [index, { path, pad }] of loaded.metainfo.files.entries()) {
    if (pad || await isThere(fs, join(dir, ...path))) continue;
    portable ??= placePortably(loaded);
    const other = portable.metainfo.files[index]!.path;
    if (other.join("/") === path.join("/")) continue;
    if (await isThere(fs, join(dir, ...other))) return portable;
  }
  return loaded;
}

function placePortably(loaded: LoadedTorrent): LoadedTorrent {
  const read = readMetainfo(loaded.bytes, "portable", true);
  const asWritten = readMetainfo(loaded.bytes, NATIVE_PATH_RULES, true);
  if (!read.ok || !asWritten.ok) return loaded;
  const { symlinks } = read.value;
  const files = read.value.files.map((file, index) => {
    const before = asWritten.value.files[index]!.path;
    const now = loaded.metainfo.files[index]!.path;
    // What the user renamed keeps its new name.
    const path = file.path.map((component, depth) =>
      now[depth] === before[depth] ? component : safeComponent(now[depth]!, "portable")
    );
    return { ...file, path };
  });
  return { ...loaded, metainfo: { ...loaded.metainfo, files, symlinks } };
}

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  return await fs.stats(path).then((stats) => stats !== undefined, () => false);
}
