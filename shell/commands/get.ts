/** `tt get`: downloads, then goes on seeding until stopped. */
import { countBits, parseBitfield } from "../../core/bytes/bitfield.ts";
import type { GetCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { decodeResume } from "../../core/transfer/resume.ts";
import { CatalogClient } from "../catalog_client.ts";
import { listStates, loadState, loadTorrentBytes } from "../disk/state_file.ts";
import { Failure } from "../failure.ts";
import { type LoadedTorrent, loadTorrent, parseTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { runTorrents, type TorrentPlan } from "./run_torrents.ts";

export async function get(command: GetCommand, context: Context): Promise<void> {
  const { dir, resume, noSeed, shareRule, sources, tracker } = command;
  const loads = sources.length > 0
    ? sources.map((source) => loadSource(source, tracker, context.signal))
    : await loadUnfinished(dir);
  const plans = loads.map(async (load): Promise<TorrentPlan> => ({
    loaded: announcedTo(await load, tracker),
    dir,
    role: { kind: "download", resume, noSeed, shareRule },
  }));
  await runTorrents(plans, command, context);
}

/** A file, a URL, or with a tracker a name or info hash of its catalog. */
async function loadSource(
  source: string,
  tracker: string | undefined,
  signal: AbortSignal,
): Promise<LoadedTorrent> {
  if (tracker !== undefined && !/^https?:|^magnet:|\.torrent$/i.test(source)) {
    return await new CatalogClient(tracker, signal).fetch(source);
  }
  try {
    return await loadTorrent(source, signal);
  } catch (error) {
    if (!(error instanceof Failure && error.code === "missing")) throw error;
    const message = `There is no file ${source}; check the path, or name with --tracker whose ` +
      "catalog knows it";
    throw new Failure(error.kind, error.code, message);
  }
}

/**
 * The tracker whose catalog has a torrent knows its peers, whether the torrent names it or not. A
 * private torrent goes to its own trackers only. Spec: BEP 27.
 */
function announcedTo(loaded: LoadedTorrent, tracker: string | undefined): LoadedTorrent {
  const { announceTiers, isPrivate } = loaded.metainfo;
  const known = announceTiers.flat();
  if (tracker === undefined || known.includes(tracker) || (isPrivate && known.length > 0)) {
    return loaded;
  }
  return {
    ...loaded,
    metainfo: { ...loaded.metainfo, announceTiers: [...announceTiers, [tracker]] },
  };
}

/** Every torrent with a saved state that lacks pieces. */
async function loadUnfinished(dir: string): Promise<Promise<LoadedTorrent>[]> {
  const unfinished: Promise<LoadedTorrent>[] = [];
  for (const infoHash of await listStates(dir)) {
    const bytes = await loadState(dir, infoHash);
    const state = bytes && decodeResume(bytes);
    if (!state?.ok) continue;
    const torrent = await loadTorrentBytes(dir, infoHash) ?? state.value.torrent;
    if (torrent === undefined) continue;
    const loaded = parseTorrent(torrent, `The torrent kept in ${dir}`);
    const pieces = parseBitfield(state.value.pieces, loaded.metainfo.geometry.pieceCount);
    if (pieces.ok && countBits(pieces.value) === pieces.value.count) continue;
    unfinished.push(Promise.resolve(loaded));
  }
  if (unfinished.length > 0) return unfinished;
  const message = `Nothing in ${dir} is unfinished; name a torrent, or the right --dir`;
  throw new CommandError(EXIT.input, "nothing-unfinished", message);
}
