/** `--daemon`: torrents of `tt get` and `tt seed` go to the running daemon. */
import { resolve } from "node:path";
import type { HandOver } from "../../core/cli/command.ts";
import type { PeerSettings } from "../../core/cli/common_settings.ts";
import type { Json, JsonObject } from "../../core/rpc/json.ts";
import { DaemonClient } from "../daemon/client.ts";
import type { SelectionSettings } from "../../core/cli/selection_options.ts";
import { chooseParams, refuseSelection } from "../choose_files.ts";
import type { LoadedTorrent } from "../load_torrent.ts";
import type { Context } from "./context.ts";

/** One torrent: its bytes, or a magnet link that the daemon follows. */
export interface Handed {
  readonly torrent: LoadedTorrent | { readonly magnet: string };
  /** Where its content is, or goes. */
  readonly dir: string;
}

/** Options of `tt get` and `tt seed` that the daemon takes with a torrent. */
export interface HandedOptions {
  readonly selection: SelectionSettings;
  /** Parameters of `torrent_add` that are the same for each torrent. */
  readonly params: JsonObject;
}

export async function handOver(
  torrents: readonly Promise<Handed>[],
  { state }: HandOver,
  settings: PeerSettings,
  { output, signal }: Context,
  { selection, params }: HandedOptions,
): Promise<void> {
  // The daemon is asked after the first: without one nothing is created.
  for (const torrent of torrents) torrent.catch(() => {});
  const client = await DaemonClient.open(state, signal);
  for (const promise of torrents) {
    const { torrent, dir } = await promise;
    const from: JsonObject = "magnet" in torrent
      ? { filename: torrent.magnet }
      : { metainfo: torrent.bytes.toBase64() };
    if ("magnet" in torrent) refuseSelection(torrent.magnet, selection);
    const answer = await client.call("torrent_add", {
      ...from,
      ...("magnet" in torrent ? {} : chooseParams(torrent.metainfo, selection)),
      ...params,
      download_dir: resolve(dir),
      ...limits(settings),
    });
    const isNew = answer.torrent_added !== undefined;
    const added = (answer.torrent_added ?? answer.torrent_duplicate) as JsonObject;
    const name = String(added.name);
    if (!("magnet" in torrent)) await announceTo(client, added, torrent);
    output.result({
      event: isNew ? "added" : "duplicate",
      infoHash: String(added.hash_string),
      name,
      message: isNew ? `Added ${name} to the daemon` : `The daemon already has ${name}`,
    });
  }
}

function limits({ upLimit, downLimit, seedRatio }: PeerSettings): JsonObject {
  const set: Record<string, Json> = {};
  const kilobytes = (rate: number) => Math.max(1, Math.round(rate / 1000));
  if (upLimit !== undefined) {
    Object.assign(set, { upload_limited: true, upload_limit: kilobytes(upLimit) });
  }
  if (downLimit !== undefined) {
    Object.assign(set, { download_limited: true, download_limit: kilobytes(downLimit) });
  }
  if (seedRatio !== undefined) {
    Object.assign(set, { seed_ratio_mode: 1, seed_ratio_limit: seedRatio });
  }
  return set;
}

/** A tracker that was typed, or whose catalog had the torrent, is not in the bytes. */
async function announceTo(
  client: DaemonClient,
  added: JsonObject,
  { metainfo }: LoadedTorrent,
): Promise<void> {
  const urls = metainfo.announceTiers.flat();
  if (urls.length === 0) return;
  const ids = [Number(added.id)];
  const [torrent] = await client.list("torrent_get", { ids, fields: ["tracker_list"] }, "torrents");
  const known = String(torrent?.tracker_list ?? "").split("\n");
  const missing = urls.filter((url) => !known.includes(url));
  if (missing.length > 0) await client.call("torrent_set", { ids, tracker_add: missing });
}
