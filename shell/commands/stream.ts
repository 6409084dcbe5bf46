/** `tt stream`: serves a file of a torrent over HTTP on loopback while it downloads. */
import type { StreamCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { formatCount } from "../../core/cli/format.ts";
import { mainFile } from "../../core/stream/playlist.ts";
import { contentFiles } from "../../core/metainfo/selection.ts";
import type { TorrentFile } from "../../core/metainfo/types.ts";
import { type FilePriorities, filePriorities } from "../../core/transfer/file_priorities.ts";
import { randomText } from "../entropy.ts";
import type { TorrentHandle } from "../session.ts";
import { Stopped } from "../stop_signal.ts";
import { StreamServer, type StreamSource } from "../stream/server.ts";
import { TorrentStream } from "../stream/torrent_source.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";
import { findTorrent } from "./get.ts";
import { runTorrents, type TorrentPlan } from "./run_torrents.ts";

/** A player that seeks closes a connection and opens another. */
const READER_GRACE_MS = 30_000;

export async function stream(command: StreamCommand, context: Context): Promise<void> {
  const { source, tracker, dir, keep, shareRule } = command;
  const loaded = await findTorrent(source, tracker, context.signal);
  const file = chooseFile(command, loaded.metainfo.files);
  /** Files that a player asked for. */
  const chosen = new Set([file]);
  const ended = new AbortController();
  const serving: { stream?: TorrentStream; server?: StreamServer } = {};
  const serve = (torrent: TorrentHandle) => {
    if (serving.server !== undefined) return;
    const { driver, metainfo: { name, files, geometry } } = torrent;
    const stream = new TorrentStream({
      ...{ name, files },
      pieceLength: geometry.pieceLength,
    }, driver!);
    serving.stream = stream;
    const openReader: StreamSource["openReader"] = (played, start, end) => {
      if (!chosen.has(played)) {
        chosen.add(played);
        void torrent.setFilePriorities(prioritiesOf(chosen, files, keep));
      }
      return stream.openReader(played, start, end);
    };
    const source: StreamSource = { name, files: stream.files, openReader };
    serving.server = new StreamServer({
      ...{ source, port: command.streamPort, secret: randomText() },
      onReaders: keep ? undefined : endAfterReaders(ended),
    });
    context.output.result({
      event: "stream",
      file: files[file]!.path.join("/"),
      url: serving.server.urlOf(file),
      playlist: serving.server.playlistUrl,
    });
  };
  const role = { kind: "download", resume: true, noSeed: false, shareRule } as const;
  const plan: TorrentPlan = {
    ...{ loaded, dir, role, onJoin: serve },
    filePriorities: prioritiesOf(chosen, loaded.metainfo.files, keep),
    order: { isSequential: true },
  };
  const signal = AbortSignal.any([context.signal, ended.signal]);
  const typedTrackers = tracker === undefined ? [] : [tracker];
  try {
    const settings = { ...command, typedTrackers };
    await runTorrents([Promise.resolve(plan)], settings, { ...context, signal });
  } catch (error) {
    if (!(error instanceof Stopped && ended.signal.aborted)) throw error;
  } finally {
    serving.stream?.close();
    await serving.server?.close();
  }
}

/** The others wait for those that are played, or are not downloaded at all. */
function prioritiesOf(
  chosen: ReadonlySet<number>,
  files: readonly unknown[],
  keepsOthers: boolean,
): FilePriorities {
  const others = keepsOthers ? "normal" : "skip";
  return filePriorities(files.map((_, file) => chosen.has(file) ? "high" : others));
}

/** Ends once the last reader has been gone for a while; not before there was one. */
function endAfterReaders(ended: AbortController): (count: number) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return (count) => {
    clearTimeout(timer);
    if (count === 0) timer = setTimeout(() => ended.abort(new Stopped()), READER_GRACE_MS);
  };
}

/** The file that was named by number (from 1) or path, else the one that is meant most likely. */
function chooseFile(
  { file, source }: StreamCommand,
  files: readonly Pick<TorrentFile, "path" | "length" | "pad">[],
): number {
  const named = files.map(({ path, length }) => ({ path: path.join("/"), length }));
  const index = file === undefined
    ? mainFile(named)
    : /^\d+$/.test(file)
    ? contentFiles(files)[Number(file) - 1] ?? -1
    : named.findIndex(({ path }) => path === file || path.endsWith(`/${file}`));
  if (named[index] !== undefined) return index;
  const message = file === undefined
    ? `${source} holds no file`
    : `${source} has no file ${file}, but ${formatCount(contentFiles(files).length, "file")}; ` +
      "tt show lists them, in the order of their numbers";
  throw new CommandError(EXIT.input, "no-such-file", message);
}
