/** Carries out the commands of the protocol on a daemon. */
import { statfs } from "node:fs/promises";
import type { RpcCommand } from "../../core/rpc/commands.ts";
import type { Dialect } from "../../core/rpc/envelope.ts";
import { type Json, type JsonObject, RPC_ERROR, type RpcOutcome } from "../../core/rpc/json.ts";
import { currentName, renameKeys } from "../../core/rpc/names.ts";
import { sessionAnswer, statsAnswer } from "../../core/rpc/session_answer.ts";
import type { SessionChange } from "../../core/rpc/session_settings.ts";
import { torrentsAnswer } from "../../core/rpc/torrent_fields.ts";
import {
  applySettings,
  changeTrackers,
  parseTrackerList,
  type TorrentChange,
} from "../../core/rpc/torrent_settings.ts";
import { unreachable } from "../../core/bytes/result.ts";
import type { QueueMove } from "../../core/session/queue.ts";
import { dhtHealth } from "../dht/health.ts";
import { toFailure } from "../failure.ts";
import { CLIENT_NAME } from "../version.ts";
import { addTorrent, applyFiles } from "./add_torrent.ts";
import type { Daemon } from "./daemon.ts";
import type { TorrentEntry } from "./entry.ts";
import { refusal, RpcError } from "./refusal.ts";
import { contentFiles } from "./view.ts";

/** What an answer needs besides the daemon. */
export interface RpcContext {
  readonly dialect: Dialect;
  /** The session id that guards against other sites. */
  readonly sessionId: string;
  readonly signal: AbortSignal;
}

/** Fails as an outcome; throws only for a mistake of ours. */
export async function handleCommand(
  daemon: Daemon,
  command: RpcCommand,
  context: RpcContext,
): Promise<RpcOutcome> {
  try {
    return { ok: true, result: await carryOut(daemon, command, context) };
  } catch (error) {
    if (error instanceof RpcError) return { ok: false, error: error.failure };
    const { kind, message } = toFailure(error);
    const code = kind === "internal"
      ? RPC_ERROR.internal
      : kind === "input"
      ? RPC_ERROR.unrecognized
      : kind === "network"
      ? RPC_ERROR.http
      : RPC_ERROR.system;
    return { ok: false, error: { code, message } };
  }
}

const NOTHING: JsonObject = {};

async function carryOut(
  daemon: Daemon,
  command: RpcCommand,
  context: RpcContext,
): Promise<JsonObject> {
  const { torrents, settings } = daemon;
  switch (command.method) {
    case "torrent_get": {
      const views = daemon.views(torrents.select(command.ids));
      const answer = torrentsAnswer(command, views, context.dialect);
      if (command.ids !== "recently_active") return { torrents: answer };
      return { torrents: answer, removed: torrents.removedIds() };
    }
    case "torrent_start":
    case "torrent_start_now": {
      const isForced = command.method === "torrent_start_now";
      for (const entry of torrents.select(command.ids)) torrents.start(entry, isForced);
      torrents.plan();
      torrents.save();
      return NOTHING;
    }
    case "torrent_stop":
      await Promise.all(torrents.select(command.ids).map((entry) => torrents.stop(entry)));
      torrents.save();
      return NOTHING;
    case "torrent_verify":
      // A check takes long; its progress is a field.
      for (const entry of torrents.select(command.ids)) void torrents.verify(entry);
      return NOTHING;
    case "torrent_reannounce":
      for (const entry of torrents.select(command.ids)) torrents.reannounce(entry);
      return NOTHING;
    case "queue_move_top":
    case "queue_move_up":
    case "queue_move_down":
    case "queue_move_bottom": {
      const move = command.method.slice("queue_move_".length) as QueueMove;
      torrents.moveInQueue(new Set(torrents.select(command.ids)), move);
      torrents.save();
      return NOTHING;
    }
    case "torrent_set":
      for (const entry of torrents.select(command.ids)) {
        await changeTorrent(daemon, entry, command.change);
      }
      torrents.save();
      return NOTHING;
    case "torrent_add":
      return await addTorrent(daemon, command, context.signal);
    case "torrent_remove":
      await Promise.all(
        torrents.select(command.ids).map(async (entry) => {
          await torrents.remove(entry, command.deleteData);
          const { name, infoHash } = entry;
          const what = command.deleteData ? "removed with its content" : "removed";
          daemon.log.add("removed", `${name}: ${what}`, { name, infoHash });
        }),
      );
      torrents.save();
      return NOTHING;
    case "torrent_set_location":
      for (const entry of torrents.select(command.ids)) {
        await torrents.relocate(entry, command.location, command.move);
      }
      torrents.save();
      return NOTHING;
    case "torrent_rename_path": {
      const [entry, ...others] = torrents.select(command.ids);
      if (entry === undefined || others.length > 0) {
        throw refusal(RPC_ERROR.invalidParams, "torrent_rename_path requires 1 torrent");
      }
      await torrents.rename(entry, command.path, command.name);
      torrents.save();
      return { path: command.path, name: command.name, id: entry.id };
    }
    case "session_get":
      return sessionAnswer({
        settings: { ...settings.current, peer_port: daemon.session.port },
        version: CLIENT_NAME.slice(CLIENT_NAME.indexOf("/") + 1),
        configDir: daemon.stateFolder,
        sessionId: context.sessionId,
        blocklistSize: daemon.blocklist.size,
        freeBytes: (await space(settings.current.download_dir))?.free ?? -1,
      }, command.fields);
    case "session_set":
      await daemon.changeSettings(checkSessionChange(command.change));
      return NOTHING;
    case "session_stats":
      return statsAnswer(daemon.stats());
    case "session_close":
      daemon.askToClose();
      return NOTHING;
    case "free_space": {
      const found = await space(command.path);
      if (found === undefined) {
        throw refusal(RPC_ERROR.system, `Cannot look at ${command.path}: check the path`);
      }
      return { path: command.path, size_bytes: found.free, total_size: found.total };
    }
    case "port_test":
      return {
        // Known by itself, without asking a service: the router said so, or someone came in.
        port_is_open: daemon.session.mapped !== undefined ||
          daemon.torrents.list().some((entry) =>
            daemon.view(entry).peers().some((peer) => peer.isIncoming)
          ),
        ip_protocol: command.ipProtocol ?? "ipv4",
      };
    case "blocklist_update":
      try {
        const { blocklist_url: url } = settings.current;
        return { blocklist_size: await daemon.blocklist.update(url, context.signal) };
      } catch (error) {
        throw refusal(RPC_ERROR.blocklist, toFailure(error).message);
      }
    case "group_get": {
      const { names } = command;
      const groups = settings.groups.filter(({ name }) => names?.includes(name) ?? true);
      return { group: groups.map((group): Json => ({ ...group })) };
    }
    case "group_set":
      await settings.setGroup(command.name, command.change);
      daemon.groups.update(command.name);
      return NOTHING;
    case "tt_log": {
      const { ids, since } = command;
      const of = ids === "all"
        ? undefined
        : new Set<string>(torrents.select(ids).map((entry) => entry.infoHash));
      return { entries: daemon.log.entries(since, of).map(logFacts) };
    }
    case "tt_dht": {
      const node = daemon.session.dht;
      const facts = node?.facts();
      if (node === undefined || facts === undefined) return { node: null };
      const health = dhtHealth("daemon", node.port, facts) as unknown as JsonObject;
      return { node: renameKeys(health, currentName) };
    }
    default:
      return unreachable(command);
  }
}

function logFacts(entry: ReturnType<Daemon["log"]["entries"]>[number]): Json {
  const { number, at, level, event, infoHash, name, message } = entry;
  return {
    number,
    at,
    level,
    event,
    message,
    ...(infoHash === undefined ? {} : { info_hash: infoHash }),
    ...(name === undefined ? {} : { name }),
  };
}

/** Fails for the first thing that can't be, before anything of it is changed. */
async function changeTorrent(
  daemon: Daemon,
  entry: TorrentEntry,
  change: TorrentChange,
): Promise<void> {
  const { torrents } = daemon;
  const { record } = entry;
  const tiers = newTrackers(entry, change);
  const isChoice = (change.files_wanted ?? change.files_unwanted ?? change.priority_high ??
    change.priority_low ?? change.priority_normal) !== undefined;
  if (isChoice) applyFiles(record, contentFiles(entry), change);
  const wasSuperSeed = record.settings.tt_super_seed;
  record.settings = applySettings(record.settings, change);
  torrents.touch(entry);
  torrents.applySettings(entry);
  // Making files may take long; how it goes is a field.
  const isOrder = (change.sequential_download ?? change.tt_first_last) !== undefined;
  if (isChoice || isOrder) void torrents.applyFiles(entry);
  if (record.settings.tt_super_seed !== wasSuperSeed) await torrents.rejoin(entry);
  if (tiers !== undefined) await torrents.setTrackers(entry, tiers);
  if (change.queue_position !== undefined) torrents.placeInQueue(entry, change.queue_position);
  if (change.location !== undefined) await torrents.relocate(entry, change.location, true);
}

function newTrackers(
  entry: TorrentEntry,
  change: TorrentChange,
): readonly (readonly string[])[] | undefined {
  if (change.tracker_list !== undefined) {
    const tiers = parseTrackerList(change.tracker_list);
    if (tiers.ok) return tiers.value;
    throw refusal(RPC_ERROR.trackerList, `${tiers.error} is not a tracker's URL`);
  }
  const { tracker_add, tracker_remove, tracker_replace } = change;
  if ((tracker_add ?? tracker_remove ?? tracker_replace) === undefined) return undefined;
  const tiers = changeTrackers(entry.metainfo.announceTiers, change);
  if (tiers.ok) return tiers.value;
  throw refusal(
    RPC_ERROR.announceList,
    `Cannot change the trackers: ${tiers.error} is not a tracker URL`,
  );
}

/** Programs can't be started from here, by design: there is a webhook for what they would do. */
function checkSessionChange(change: SessionChange): SessionChange {
  if (
    change.script_torrent_added_enabled || change.script_torrent_done_enabled ||
    change.script_torrent_done_seeding_enabled
  ) {
    const message = "tt starts no programs; use --webhook to hear of finished torrents";
    throw refusal(RPC_ERROR.invalidParams, message);
  }
  if (change.utp_enabled === undefined || change.preferred_transports !== undefined) return change;
  return { ...change, preferred_transports: change.utp_enabled ? ["utp", "tcp"] : ["tcp"] };
}

async function space(path: string): Promise<{ free: number; total: number } | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    return { free: bavail * bsize, total: blocks * bsize };
  } catch {
    return undefined;
  }
}
