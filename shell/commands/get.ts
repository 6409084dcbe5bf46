/** `tt get`: downloads, then goes on seeding until stopped. */
import { countBits, parseBitfield } from "../../core/bytes/bitfield.ts";
import type { GetCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { decodeResume } from "../../core/torrent/resume.ts";
import { listStates, loadState } from "../disk/state_file.ts";
import { type LoadedTorrent, loadTorrent, parseTorrent } from "../load_torrent.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { runTorrents, type TorrentPlan } from "./run_torrents.ts";

export async function get(command: GetCommand, context: Context): Promise<void> {
  const { dir, resume, noSeed, shareRule, sources } = command;
  const loads = sources.length > 0
    ? sources.map((source) => loadTorrent(source, context.signal))
    : await loadUnfinished(dir);
  const plans = loads.map(async (load): Promise<TorrentPlan> => ({
    loaded: await load,
    dir,
    role: { kind: "download", resume, noSeed, shareRule },
  }));
  await runTorrents(plans, command, context);
}

/** Every torrent with a saved state that lacks pieces. */
async function loadUnfinished(dir: string): Promise<Promise<LoadedTorrent>[]> {
  const unfinished: Promise<LoadedTorrent>[] = [];
  for (const infoHash of await listStates(dir)) {
    const bytes = await loadState(dir, infoHash);
    const state = bytes && decodeResume(bytes);
    if (!state?.ok || state.value.torrent === undefined) continue;
    const loaded = parseTorrent(state.value.torrent, `The torrent kept in ${dir}`);
    const pieces = parseBitfield(state.value.pieces, loaded.metainfo.geometry.pieceCount);
    if (pieces.ok && countBits(pieces.value) === pieces.value.count) continue;
    unfinished.push(Promise.resolve(loaded));
  }
  if (unfinished.length > 0) return unfinished;
  const message = `Nothing in ${dir} is unfinished; name a torrent, or the right --dir`;
  throw new CommandError(EXIT.input, "nothing-unfinished", message);
}
