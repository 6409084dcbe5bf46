/** A torrent comes to the daemon: from a client of the protocol, or from the watched folder. */
import { join } from "node:path";
import type { TorrentAdd, TorrentSource } from "../../core/rpc/commands.ts";
import { type JsonObject, RPC_ERROR } from "../../core/rpc/json.ts";
import {
  applyFileChange,
  applySettings,
  type FileChange,
  parseTrackerList,
} from "../../core/rpc/torrent_settings.ts";
import type { Metainfo } from "../../core/metainfo/types.ts";
import { loadTorrent, parseTorrent } from "../load_torrent.ts";
import { readMagnet } from "../magnet/metadata_stage.ts";
import type { Log } from "./log.ts";
import type { TorrentRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import type { SettingsStore } from "./settings.ts";
import type { AddTorrent } from "./torrent_parts.ts";
import type { Torrents } from "./torrents.ts";
import { contentFiles } from "./view.ts";

/** What takes torrents in. */
export interface Adder {
  readonly settings: SettingsStore;
  readonly torrents: Torrents;
  readonly log: Log;
  noteAdded(files: number): void;
}

/** Adds a torrent and reports it. Throws a Failure, or an RpcError. */
export async function addTorrent(
  daemon: Adder,
  command: TorrentAdd,
  signal: AbortSignal,
): Promise<JsonObject> {
  const { current } = daemon.settings;
  const torrent = await loadSource(command.source, signal);
  const metainfo = "magnet" in torrent ? undefined : torrent.metainfo;
  const dir = command.moveTo ?? command.downloadDir ?? current.download_dir;
  const { entry, isNew } = daemon.torrents.add({
    torrent,
    dir,
    isPaused: command.paused ?? !current.start_added_torrents,
    incompleteDir: await hasContent(metainfo, dir) ? undefined : incompleteDirOf(command, current),
    change: (record) => {
      record.settings = applySettings(record.settings, {
        sequential_download: current.sequential_download,
        peer_limit: current.peer_limit_per_torrent,
        ...command.change,
      });
      // Without metadata there is nothing to choose among yet.
      if (metainfo !== undefined) applyFiles(record, contentFiles({ metainfo }), command.change);
      const defaults = parseTrackerList(current.default_trackers);
      if (metainfo?.isPrivate === false && defaults.ok && defaults.value.length > 0) {
        record.trackers = [...metainfo.announceTiers, ...defaults.value];
      }
    },
  });
  const { id, name, infoHash } = entry;
  const facts = { id, name, hash_string: infoHash };
  if (!isNew) return { torrent_duplicate: facts };
  daemon.noteAdded(contentFiles(entry).length);
  daemon.log.add("added", `${name}: added, content goes to ${entry.record.dir}`, {
    name,
    infoHash,
  });
  if (command.source.kind === "path" && current.trash_original_torrent_files) {
    await Deno.remove(command.source.path).catch(() => {});
  }
  return { torrent_added: facts };
}

/** Where content is until it is complete; undefined is where it stays. */
function incompleteDirOf(
  { moveTo, downloadDir }: TorrentAdd,
  current: SettingsStore["current"],
): string | undefined {
  if (moveTo !== undefined) return downloadDir ?? current.download_dir;
  return current.incomplete_dir_enabled ? current.incomplete_dir || undefined : undefined;
}

/** What is there already is completed, or seeded, where it is. */
async function hasContent(metainfo: Metainfo | undefined, dir: string): Promise<boolean> {
  const first = metainfo?.files.find(({ pad, length }) => !pad && length > 0);
  if (first === undefined) return false;
  return await Deno.lstat(join(dir, ...first.path)).then(() => true, () => false);
}

async function loadSource(
  source: TorrentSource,
  signal: AbortSignal,
): Promise<AddTorrent["torrent"]> {
  switch (source.kind) {
    case "metainfo":
      return parseTorrent(source.bytes, "The metainfo");
    case "magnet":
      return { link: source.link, magnet: readMagnet(source.link) };
    case "url":
      return await loadTorrent(source.url, signal);
    case "path":
      return await loadTorrent(source.path, signal);
  }
}

/** `content`: the place in the torrent of each file that the protocol numbers. */
export function applyFiles(
  record: TorrentRecord,
  content: readonly number[],
  change: FileChange,
): void {
  const choices = content.map((index) => ({
    wanted: !record.unwanted.includes(index),
    priority: record.priorities[index] ?? 0,
  }));
  const applied = applyFileChange(choices, change);
  if (!applied.ok) {
    const message = `There is no file ${applied.error}; the torrent has ${content.length}`;
    throw refusal(RPC_ERROR.fileIndex, message);
  }
  record.unwanted = content.filter((_, at) => !applied.value[at]!.wanted);
  record.priorities = Object.fromEntries(
    content.flatMap((index, at) => {
      const { priority } = applied.value[at]!;
      return priority === 0 ? [] : [[index, priority]];
    }),
  );
}
