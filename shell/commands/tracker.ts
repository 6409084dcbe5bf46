/** `tt tracker`: runs a tracker until stopped. */
import type { TrackerCommand } from "../../core/cli/command.ts";
import { EXIT } from "../../core/cli/exit_codes.ts";
import { infoHashFromHex } from "../../core/metainfo/info_hash.ts";
import type { InfoHash } from "../../core/metainfo/info_hash.ts";
import { createPace } from "../../core/tracker_server/intervals.ts";
import { now } from "../clock.ts";
import { randomSeed } from "../entropy.ts";
import { namedFileError } from "../disk/named_file.ts";
import { toPortError } from "../net/port_error.ts";
import { type AccessLog, openAccessLog } from "../tracker/log/access_log.ts";
import { RedisBackend } from "../tracker/redis/backend.ts";
import { startTracker } from "../tracker/server.ts";
import { TrackerFileError } from "../tracker/store/sqlite_file.ts";
import { openTrackerData, type TrackerData } from "../tracker/tracker_data.ts";
import { CommandError } from "./command_error.ts";
import type { Context } from "./context.ts";

export async function tracker(command: TrackerCommand, context: Context): Promise<void> {
  const { output, signal } = context;
  const { host, intervalSeconds } = command;
  const denied = command.deny === undefined ? undefined : await readDenied(command.deny);
  const onProblem = (sentence: string) => output.notice(sentence);
  const accessLog = await openLog(command);
  const swarms = await openRedis(command, onProblem);
  let data: TrackerData | undefined;
  try {
    data = openData(command, onProblem, swarms);
    const { isRegistered } = data;
    const running = await startTracker({
      host,
      port: command.port,
      intervalSeconds,
      backend: data.backend,
      routes: data.routes,
      isRegistered: command.registeredOnly ? isRegistered : undefined,
      denied,
      addressRate: command.addressRate,
      totalRate: command.totalRate,
      trustedProxies: command.trustedProxy,
      trustsIpParam: command.trustIpParam,
      allowsFullScrape: command.fullScrape,
      accessLog,
      onProblem,
    }).catch((error) => {
      throw toPortError(error, host, command.port);
    });
    const { port, url } = running;
    output.event({ event: "listening", host, port, url });
    if (!signal.aborted) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    await running.stop();
  } finally {
    // A tracker that ran has closed it already.
    await swarms?.close();
    await data?.close();
    await accessLog?.close();
  }
  signal.throwIfAborted();
}

async function openLog({ accessLog }: TrackerCommand): Promise<AccessLog | undefined> {
  if (accessLog === undefined) return undefined;
  return await openAccessLog(accessLog).catch((error) => {
    const file = `the access log ${accessLog}`;
    throw namedFileError(error, "write", file, "choose another --access-log");
  });
}

/** Undefined unless swarms are to be kept in Redis. */
async function openRedis(
  { store, intervalSeconds }: TrackerCommand,
  onProblem: (sentence: string) => void,
): Promise<RedisBackend | undefined> {
  if (store === "file" || store === "memory") return undefined;
  const { expirySeconds } = createPace(intervalSeconds);
  return await RedisBackend.open({ url: store, expirySeconds, seed: randomSeed(), now, onProblem });
}

function openData(
  command: TrackerCommand,
  onProblem: (sentence: string) => void,
  swarms: RedisBackend | undefined,
): TrackerData {
  const { host, catalogToken, intervalSeconds, store } = command;
  const path = store === "memory" ? undefined : command.data;
  try {
    return openTrackerData({
      path,
      host,
      catalogToken,
      intervalSeconds,
      peersMax: command.maxPeers,
      swarmsMax: command.maxTorrents,
      onProblem,
    }, swarms);
  } catch (error) {
    if (!(error instanceof TrackerFileError)) throw error;
    throw new CommandError(EXIT.disk, "data-file", error.message);
  }
}

/** Info hashes, one a line; what follows them on a line, and lines that begin with #, are remarks. */
async function readDenied(path: string): Promise<ReadonlySet<InfoHash>> {
  const text = await Deno.readTextFile(path).catch((error) => {
    throw namedFileError(error, "read", path, "check --deny");
  });
  const hashes = new Set<InfoHash>();
  for (const [i, line] of text.split("\n").entries()) {
    const [word = ""] = line.trim().split(/\s/);
    if (word === "" || word.startsWith("#")) continue;
    const infoHash = infoHashFromHex(word);
    if (infoHash === undefined) {
      const why = `Line ${i + 1} of ${path} does not begin with an info hash; give 40 digits`;
      throw new CommandError(EXIT.input, "deny-file", why);
    }
    hashes.add(infoHash);
  }
  return hashes;
}
